// Intake: descriptors become connections, at once or when those who are connected have had their time. It does
// not know who accepts, nor what a connection is for.

import * as Numbers from '../memory/layout.ts';
import type { Parts } from './parts.ts';
import type { Turn } from './turn.ts';
import type { Works } from './wiring.ts';

const { BUSY, COLUMNS, HANDLE } = Numbers;

export class Intake {
  readonly #parts: Parts;
  readonly #works: Works;
  readonly #turn: Turn;
  /** Descriptors that were handed over are not taken over yet. */
  #waiting = false;

  constructor(parts: Parts, works: Works, turn: Turn) {
    this.#parts = parts;
    this.#works = works;
    this.#turn = turn;
  }

  /** When those that wait are to be taken over; Infinity when none does. */
  get dueAt(): number {
    return this.#waiting ? this.#works.callbacks.replacement.paidAt : Infinity;
  }

  /**
   * Takes over a connected, non-blocking stream socket. When the table is full or the guest is
   * down, it is closed at once, without data.
   * @param listener the number of the one that it came by
   */
  open(fd: number, listener: number): void {
    const { kernel, clock, control, stats, connections, facts, observer } = this.#parts;
    const { lifecycle, callbacks } = this.#works;
    clock.refresh();
    this.#turn.rest();
    const slot = callbacks.replacement.retryAt === Infinity ? lifecycle.open(fd, listener) : -1;
    control.placed();
    if (slot < 0) {
      kernel.close(fd);
      stats.refused();
      control.finished();
      return;
    }
    stats.connected();
    const { table } = connections;
    observer.open?.(table[slot * COLUMNS + HANDLE]!, facts.peerAddress(slot));
    callbacks.open(slot);
    table[slot * COLUMNS + BUSY] = 0;
    this.#turn.rest();
  }

  /** As `open`, behind those that wait already to be taken over. */
  admit(fd: number, listener: number): void {
    const { kernel, clock, control, stats } = this.#parts;
    clock.refresh();
    if (control.hand(fd, listener)) {
      this.openHanded();
      return;
    }
    kernel.close(fd);
    stats.refused();
  }

  /**
   * Takes over the descriptors that were handed over. None is, as long as those who are connected have not been
   * served for the time that restarts of the guest have taken from them: whoever makes it fail again and again
   * has to come back for each time.
   */
  openHanded(): void {
    const { control, clock } = this.#parts;
    const { replacement } = this.#works.callbacks;
    this.#waiting = false;
    while (control.pending > 0) {
      this.#waiting = clock.now < replacement.paidAt;
      if (this.#waiting) return;
      const fd = control.take();
      this.open(fd, control.listener);
      if (control.pending === 0 || !clock.spent()) continue;
      this.#turn.signalAgain();
      return;
    }
  }

  /** Looks whether those that wait may be taken over now. */
  goOn(): void {
    if (this.#waiting) this.openHanded();
  }

  /** Takes over those that wait: at the end nobody is kept waiting. */
  openAll(): void {
    if (!this.#waiting) return;
    this.#works.callbacks.replacement.paidAt = 0;
    this.openHanded();
  }
}
