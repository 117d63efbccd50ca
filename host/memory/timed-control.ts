// Timed control: control words that also take the time that callbacks take. It costs two looks at the clock for each
// that is timed, so it is used only where somebody asked for histograms.

import { ControlWords, IN_START_UP } from './control-words.ts';
import * as Histograms from './counts/histograms.ts';
import { HISTOGRAMS } from './counts/stats.ts';

export type { ControlWords } from './control-words.ts';

const { CALLBACK_FIRST, CALLBACK_SUM, callbackBucket } = Histograms;

// Two looks take 0.1 µs or so. When timed callbacks follow one another within BUSY_MS, only every second of them
// is timed from then on, and so forth: together the looks take about a hundredth of the time.
const BUSY_MS = 0.02;
const CALM_MS = 0.08;
const LONGEST_STRIDE = 64;
// After so long nothing is busy.
const REST_MS = 1;

class TimedControl extends ControlWords {
  readonly #now: () => number;
  readonly #columns: Float64Array;
  /** One callback of so many is timed, on average. */
  #stride = 1;
  /** As many callbacks as the one that is timed next counts for; and how many of them are still to come. */
  #weight = 1;
  #left = 1;
  /** Not always as many: what a guest does every second time would be seen always or never. */
  #random = 1;
  #since = 0;
  /** When the last one that was timed had returned. */
  #before = 0;

  /** @param now milliseconds */
  constructor(buffer: ArrayBufferLike, watched: boolean, now: () => number) {
    super(buffer, watched);
    this.#now = now;
    this.#columns = this.counts.subarray(HISTOGRAMS);
    Histograms.keepHistograms(this.#columns);
  }

  override enter(slot: number, callback: number): void {
    super.enter(slot, callback);
    if (slot === IN_START_UP) return;
    this.#left -= 1;
    if (this.#left === 0) this.#since = this.#now();
  }

  override leave(): void {
    super.leave();
    if (this.#left === 0) this.#record();
  }

  #record(): void {
    const now = this.#now();
    const took = now - this.#since;
    this.#columns[CALLBACK_SUM]! += took * this.#weight;
    this.#columns[CALLBACK_FIRST + callbackBucket(took)]! += this.#weight;
    const stride = this.#stride;
    const passed = now - this.#before;
    if (passed > REST_MS) this.#stride = 1;
    else if (passed < BUSY_MS) this.#stride = Math.min(LONGEST_STRIDE, stride * 2);
    else if (passed > CALM_MS && stride > 1) this.#stride = stride / 2;
    this.#before = now;
    // A linear congruential generator, Numerical Recipes' constants; its high bits are the better ones.
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) | 0;
    this.#weight = 1 + ((this.#random >>> 16) % (2 * this.#stride - 1));
    this.#left = this.#weight;
  }
}

/**
 * @param now the clock to time callbacks by, in milliseconds; null if they are not timed
 * @param watched as for ControlWords
 */
export const makeControl = (
  buffer: ArrayBufferLike,
  now: (() => number) | null,
  watched = true,
): ControlWords =>
  now === null ? new ControlWords(buffer, watched) : new TimedControl(buffer, watched, now);
