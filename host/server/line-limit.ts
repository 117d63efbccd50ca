// Line limit: how many lines of a server's log may be written in a second, and that those which were left out are
// counted and said. It knows no line.

import { monotonicMs } from '../kernel/monotonic.ts';
import { RateLimit } from '../rate-limit.ts';

const LOOK_MS = 1000;

export class LineLimit {
  /** Lines that were left out here. */
  leftOut = 0;
  readonly #limit: RateLimit;
  readonly #total: () => number;
  readonly #say: (count: number) => void;
  #said = 0;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  /**
   * @param total lines that were left out so far, here and elsewhere
   * @param say is told how many there are that it was not told of
   */
  constructor(perSecond: number, total: () => number, say: (count: number) => void) {
    this.#limit = new RateLimit(perSecond, monotonicMs);
    this.#total = total;
    this.#say = say;
  }

  /** Whether one more line may be written. Lines that others leave out come with some that they do not. */
  admit(): boolean {
    const admitted = this.#limit.admit();
    if (!admitted) this.leftOut += 1;
    this.#busy = true;
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    return admitted;
  }

  #look(): void {
    this.#tell();
    if (!this.#busy) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#busy = false;
  }

  #tell(): void {
    const total = this.#total();
    if (total > this.#said) this.#say(total - this.#said);
    this.#said = total;
  }

  /** Says what was not said yet, and no more. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#tell();
  }
}
