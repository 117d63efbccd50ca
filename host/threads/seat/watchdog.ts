// Watchdog: when a callback counts as hung. It is given samples and the time, and has no clock, no
// timer and no thread of its own.

/** Samples that a callback must be seen in, whatever the clock says: a suspended machine jumps. */
const SAMPLES = 4;

export class Watchdog {
  readonly #limitMs: number;
  #sequence = 0;
  #since = 0;
  #seen = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** How often it wants to be given a sample: hung is found within 1.25 × the limit. */
  get intervalMs(): number {
    return Math.max(1, Math.floor(this.#limitMs / SAMPLES));
  }

  /** Another thread starts, whose callbacks are numbered anew: the old one's say nothing of them. */
  reset(): void {
    this.#sequence = 0;
    this.#seen = 0;
  }

  /**
   * @param sequence odd while the worker is in the guest, another number in each callback
   * @param now monotonic milliseconds
   * @returns whether the callback that it is in has run for longer than the limit
   */
  hung(sequence: number, now: number): boolean {
    if (sequence !== this.#sequence || sequence % 2 === 0) {
      this.#sequence = sequence;
      this.#since = now;
      this.#seen = 1;
      return false;
    }
    this.#seen += 1;
    return this.#seen > SAMPLES && now - this.#since >= this.#limitMs;
  }
}
