// Rate limit: how many log lines may be written in a second. It is given its clock, and knows no logger.

/** Lets through so many lines in each second of the clock. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  #second = 0;
  #lines = 0;

  /** @param now milliseconds */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Whether one more line may be written. */
  admit(): boolean {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= this.#perSecond;
  }
}
