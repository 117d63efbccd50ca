// Series: one figure over the last ten minutes, in slots of some seconds. A slot in which nothing was seen is a
// gap. It knows no clock: values come with their time.

export const SLOTS = 150;
export const SLOT_MS = 4000;

/** What becomes of several values in one slot. */
export type Fold = 'mean' | 'max' | 'sum';

export class Series {
  readonly #fold: Fold;
  readonly #values = new Float64Array(SLOTS).fill(Number.NaN);
  readonly #counts = new Uint32Array(SLOTS);
  /** The number of the latest slot, counted from 1970. */
  #last = 0;

  constructor(fold: Fold) {
    this.#fold = fold;
  }

  /** Takes a value; null is none. Times that go back by more than all slots begin anew. */
  add(time: number, value: number | null): void {
    const slot = Math.floor(time / SLOT_MS);
    this.#turnTo(slot);
    if (value === null || slot <= this.#last - SLOTS) return;
    const at = slot % SLOTS;
    const count = this.#counts[at]!;
    this.#counts[at] = count + 1;
    this.#values[at] = count === 0 ? value : this.#folded(this.#values[at]!, value, count);
  }

  #folded(before: number, value: number, count: number): number {
    if (this.#fold === 'max') return Math.max(before, value);
    if (this.#fold === 'sum') return before + value;
    return before + (value - before) / (count + 1);
  }

  #turnTo(slot: number): void {
    if (slot > this.#last - SLOTS && slot <= this.#last) return;
    const first = Math.max(this.#last + 1, slot - SLOTS + 1);
    // The clock was set back: what is here is of no time that will come soon.
    if (slot < this.#last) this.#clear(slot - SLOTS + 1, slot);
    else this.#clear(first, slot);
    this.#last = slot;
  }

  #clear(from: number, to: number): void {
    for (let slot = from; slot <= to; slot += 1) {
      this.#values[slot % SLOTS] = Number.NaN;
      this.#counts[slot % SLOTS] = 0;
    }
  }

  /** The values of the ten minutes up to `time`, the oldest first; NaN is a gap. */
  upTo(time: number): Float64Array {
    const last = Math.floor(time / SLOT_MS);
    const values = new Float64Array(SLOTS).fill(Number.NaN);
    for (let index = 0; index < SLOTS; index += 1) {
      const slot = last - SLOTS + 1 + index;
      if (slot > this.#last - SLOTS && slot <= this.#last)
        values[index] = this.#values[slot % SLOTS]!;
    }
    return values;
  }
}
