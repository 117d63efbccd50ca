// Backoff: how long to wait before the next try of something that keeps failing. It has no clock and no
// timer.

export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  #ms: number;

  /** Waits `firstMs`, twice as long after each failure, and `longestMs` at most. */
  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#ms = firstMs;
  }

  /** It has worked: the next failure is the first one again. */
  reset(): void {
    this.#ms = this.#firstMs;
  }

  /** Milliseconds to wait after one more failure, with jitter, so that many do not fall into step. */
  next(): number {
    const ms = this.#ms;
    this.#ms = Math.min(this.#longestMs, ms * 2);
    return ms * (0.75 + Math.random() / 2);
  }
}
