// In flight: what was sent and is not answered, oldest first, all with the same time limit. It knows nothing
// of what was sent, and has one timer for all.

import { Fifo } from './fifo.ts';
import { loopTimers, type Timers } from './timers.ts';

interface Sent<T> {
  readonly item: T;
  readonly since: number;
}

/** Answers come in the order of what was sent. */
export class InFlight<T> {
  readonly #limitMs: number;
  readonly #late: () => void;
  readonly #timers: Timers;
  readonly #sent = new Fifo<Sent<T>>();
  #armed = false;

  /** @param late called when the oldest has waited for `limitMs`, until it is no longer there */
  constructor(limitMs: number, late: () => void, timers: Timers = loopTimers) {
    this.#limitMs = limitMs;
    this.#late = late;
    this.#timers = timers;
  }

  get size(): number {
    return this.#sent.size;
  }

  add(item: T): void {
    this.#sent.push({ item, since: this.#timers.now() });
    if (!this.#armed) this.#armFor(this.#limitMs);
  }

  /** The oldest is answered. */
  shift(): T | undefined {
    return this.#sent.shift()?.item;
  }

  get oldest(): T | undefined {
    return this.#sent.oldest?.item;
  }

  /** The oldest, if it has waited for too long; timers count whole milliseconds. */
  overdue(): T | undefined {
    const { oldest } = this.#sent;
    return oldest !== undefined && this.#leftOf(oldest) < 1 ? oldest.item : undefined;
  }

  clear(): void {
    this.#sent.clear();
  }

  // The timer is for what was the oldest when it was set, and set anew once in the time, not for each. When the
  // event loop was held up, answers may lie in sockets that it has not read: they get a turn.
  readonly #look = (): void => {
    if (this.overdue() === undefined) this.#arm();
    else this.#timers.soon(this.#tell);
  };

  readonly #tell = (): void => {
    if (this.overdue() !== undefined) this.#late();
    this.#arm();
  };

  #arm(): void {
    const next = this.#sent.oldest;
    this.#armed = false;
    if (next !== undefined) this.#armFor(Math.max(1, this.#leftOf(next)));
  }

  #armFor(ms: number): void {
    this.#armed = true;
    this.#timers.after(ms, this.#look);
  }

  #leftOf({ since }: Sent<T>): number {
    return this.#limitMs - (this.#timers.now() - since);
  }
}
