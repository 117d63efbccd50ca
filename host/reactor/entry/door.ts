// Door: when descriptors that were handed over become connections. Nobody is let in as long as those who are
// connected have not been served for the time that restarts of the guest have taken from them: whoever makes
// it fail again and again has to come back for each time.

import { AWAITING, BUSY, COLUMNS, HANDLE } from '../../memory/layout.ts';
import type { Parts } from '../parts.ts';
import type { Turn } from '../turn.ts';
import type { Works } from '../wiring.ts';

export class Door {
  readonly #parts: Parts;
  readonly #works: Works;
  readonly #control: Parts['control'];
  readonly #clock: Parts['clock'];
  readonly #replacement: Works['callbacks']['replacement'];
  readonly #open: (fd: number, listener: number) => unknown;
  readonly #turn: Pick<Turn, 'rest' | 'signalAgain'>;
  /** Some wait, and are let in when `opens` has come. */
  closed = false;

  /**
   * @param open calls `take`, with all at rest before and after
   * @param turn is told when some were left since its time is over
   */
  constructor(
    parts: Parts,
    works: Works,
    open: (fd: number, listener: number) => unknown,
    turn: Pick<Turn, 'rest' | 'signalAgain'>,
  ) {
    this.#turn = turn;
    this.#parts = parts;
    this.#works = works;
    this.#control = parts.control;
    this.#clock = parts.clock;
    this.#replacement = works.callbacks.replacement;
    this.#open = open;
  }

  /** When those who wait are let in, in the clock's milliseconds; Infinity when nobody does. */
  get opens(): number {
    return this.closed ? this.#replacement.paidAt : Infinity;
  }

  /** Lets in those who were handed over, and those that were asked for, for a bounded time. */
  letIn(): void {
    const turn = this.#turn;
    turn.rest();
    if (this.#works.dialing.takeAnswers(() => turn.rest())) turn.signalAgain();
    const control = this.#control;
    this.closed = false;
    while (control.pending > 0) {
      this.closed = this.#clock.now < this.#replacement.paidAt;
      if (this.closed) return;
      const fd = control.take();
      this.#open(fd, control.listener);
      if (control.pending === 0 || !this.#clock.spent()) continue;
      this.#turn.signalAgain();
      return;
    }
  }

  /**
   * Makes a connection of a descriptor, if there is a guest and room for one. Everything is at rest.
   * @returns its handle; 0 when it was closed
   */
  take(fd: number, listener: number): number {
    const { kernel, stats, connections } = this.#parts;
    const { lifecycle, preface } = this.#works;
    const begins = preface.beginsWith(listener);
    const serves = this.#replacement.retryAt === Infinity;
    const slot = serves ? lifecycle.open(fd, listener, begins) : -1;
    this.#control.placed();
    if (slot < 0) {
      kernel.close(fd);
      stats.refused();
      this.#control.finished();
      return 0;
    }
    const handle = connections.table[slot * COLUMNS + HANDLE]!;
    if ((begins & AWAITING) === 0) preface.arrive(slot);
    connections.table[slot * COLUMNS + BUSY] = 0;
    return handle;
  }

  /** At the end nobody is kept waiting. */
  letAllIn(): void {
    if (!this.closed) return;
    this.#replacement.paidAt = 0;
    this.letIn();
  }
}
