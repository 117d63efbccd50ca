// Pulse: whether a worker turns. A busy one is seen to enter callbacks; an idle one, which waits in epoll, is
// asked. It is given the time, and has no timer and no thread. It ends nothing: that is the watchdog's.

// After so long without a sign a worker is asked for one.
const SILENT_MS = 500;
// Beyond two callbacks that take as long as they may: what a busy machine keeps a thread waiting.
const ALLOWANCE_MS = 1000;

export class Pulse {
  /** A worker that has not turned for longer is stuck. */
  readonly #limitMs: number;
  readonly #ask: () => void;
  #wanted = false;
  #asked = false;
  #sequence = 0;
  #turnedAt = 0;
  #lookedAt = 0;

  /** @param ask has the worker call `turned` */
  constructor(callbackTimeoutMs: number, ask: () => void) {
    this.#limitMs = 2 * callbackTimeoutMs + ALLOWANCE_MS;
    this.#ask = ask;
  }

  /** Another thread has the seat: what was asked of the one before is not answered. */
  reset(): void {
    this.#asked = false;
  }

  /** The worker's event loop has turned. */
  turned(now: number): void {
    this.#asked = false;
    this.#turnedAt = now;
  }

  /**
   * To be called now and then.
   * @param sequence another number in each callback; null while no thread serves
   */
  look(sequence: number | null, now: number): void {
    if (!this.#wanted) return;
    // Nobody has looked meanwhile: this whole process stood still, or its main thread did.
    const gap = now - this.#lookedAt;
    this.#lookedAt = now;
    if (gap > this.#limitMs) this.#turnedAt += gap;
    if (sequence === null) return;
    if (sequence !== this.#sequence) {
      this.#sequence = sequence;
      this.#turnedAt = now;
    } else if (!this.#asked && now - this.#turnedAt >= SILENT_MS) {
      this.#asked = true;
      this.#ask();
    }
  }

  /** @returns for how long it has not turned, if that is too long; null if it is well */
  stuckMs(now: number): number | null {
    if (!this.#wanted) {
      // Nobody has looked before: it is well until it is seen not to be.
      this.#wanted = true;
      this.#turnedAt = now;
      this.#lookedAt = now;
    }
    const silentMs = now - this.#turnedAt;
    return silentMs > this.#limitMs ? silentMs : null;
  }
}
