// Settling: does all that can be done while the clock stands, and gives up on what has no end. It knows how many
// callbacks there were, and not what they do.

import { WasmpollError } from '../errors.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import { ControlWords, callbackName, ON_DATA } from '../memory/control-words.ts';

/** Messages to each connection that there may be, without a byte from any of them; and as if there were 64 at least. */
const MOST_EACH = 3125;
const LEAST_CONNECTIONS = 64;
/** So many of the last ones are looked at, to be named. */
const LAST = 16;

/** Callbacks cause each other, and the clock never gets its turn. */
export class RestlessError extends WasmpollError {
  constructor(count: number, now: number, callbacks: readonly string[]) {
    const many = count.toLocaleString('en');
    super(
      'ERR_GUEST',
      `callbacks cause each other without end: ${many} while the clock stood at ${now} ms, the last in ${callbacks.join(', ')}`,
    );
  }
}

class CountingControl extends ControlWords {
  /** Since somebody was last heard: what peers have sent has an end. */
  count = 0;
  readonly last = new Uint8Array(LAST);

  override enter(slot: number, callback: number): void {
    super.enter(slot, callback);
    this.count = callback === ON_DATA ? 0 : this.count + 1;
    this.last[this.count % LAST] = callback;
  }
}

export class Settling {
  readonly #control: CountingControl;
  readonly #most: number;
  /** What is called meanwhile is settled with what it was called for. */
  #busy = false;

  constructor(buffer: BufferConstructor, connections: number) {
    this.#most = MOST_EACH * Math.max(LEAST_CONNECTIONS, connections);
    this.#control = new CountingControl(new buffer(ControlWords.bytes), false);
  }

  /** For the reactor. */
  get control(): ControlWords {
    return this.#control;
  }

  /**
   * @param turn does some of it. @returns whether there may be more
   * @throws RestlessError
   */
  run(turn: () => boolean, now: number): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#control.count = 0;
    try {
      while (turn()) if (this.#control.count > this.#most) throw this.#restless(now);
    } finally {
      this.#busy = false;
    }
  }

  #restless(now: number): RestlessError {
    return new RestlessError(this.#most, now, [...new Set(this.#control.last)].map(callbackName));
  }
}
