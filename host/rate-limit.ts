// Rate limit: how many log lines may be written in a second, and how often the same may be told. It is given its
// clock, and knows no logger.

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

/** What is kept of failures is kept once in so long. */
export const REPEAT_MS = 60_000;
/** Of what may be told at all, so many different things are known at a time. */
const MOST_KEYS = 64;

/** Lets the same through once in so many milliseconds. */
export class Repeats {
  readonly #everyMs: number;
  readonly #now: () => number;
  readonly #told = new Map<string, number>();

  /** @param now milliseconds */
  constructor(everyMs: number, now: () => number) {
    this.#everyMs = everyMs;
    this.#now = now;
  }

  /** Whether it may be told. Of too many different things nothing more is told until some are old. */
  admit(key: string): boolean {
    const now = this.#now();
    const told = this.#told.get(key);
    if (told !== undefined && now - told < this.#everyMs) return false;
    if (told === undefined && this.#told.size >= MOST_KEYS && !this.#forget(now)) return false;
    this.#told.set(key, now);
    return true;
  }

  #forget(now: number): boolean {
    for (const [key, told] of this.#told) {
      if (now - told >= this.#everyMs) this.#told.delete(key);
    }
    return this.#told.size < MOST_KEYS;
  }
}
