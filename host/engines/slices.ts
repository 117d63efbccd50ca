// Slices: settles many at once without holding up the event loop: so many, then a turn, then more. It does not know
// what they are.

import { Fifo } from './fifo.ts';
import { loopTimers } from './timers.ts';

/** What one turn settles: 5 ms or so, when each has a promise and a reply to a connection. */
export const SLICE = 512;

export class Slices<T> {
  readonly #settle: (item: T) => void;
  readonly #waiting = new Fifo<T>();
  /** What may be settled in this turn still. */
  #left = SLICE;
  #planned = false;
  #turning = false;

  constructor(settle: (item: T) => void) {
    this.#settle = settle;
  }

  /** It is settled at once, or in a later turn, after those that were added before. */
  add(item: T): void {
    this.#waiting.push(item);
    // What is settled may add more.
    if (!this.#turning) this.#turn();
  }

  #turn(): void {
    this.#turning = true;
    for (; this.#left > 0; this.#left -= 1) {
      const item = this.#waiting.shift();
      if (item === undefined) break;
      this.#settle(item);
    }
    this.#turning = false;
    if (this.#planned || this.#left === SLICE) return;
    this.#planned = true;
    loopTimers.soon(() => {
      this.#planned = false;
      this.#left = SLICE;
      this.#turn();
    });
  }
}
