// Timers: one deadline a slot, in a binary heap of typed arrays. It knows slots and milliseconds.
// A deadline that moves later costs nothing: the entry runs out early and is set again.

export class Timers {
  readonly #heap: Int32Array;
  readonly #deadlines: Float64Array;
  /** Position in the heap plus 1; 0 is absent. Indexed by slot. */
  readonly #positions: Int32Array;
  #size = 0;

  constructor(slots: number) {
    this.#heap = new Int32Array(slots);
    this.#deadlines = new Float64Array(slots);
    this.#positions = new Int32Array(slots);
  }

  /** The earliest deadline in milliseconds; Infinity when there is none. */
  get next(): number {
    return this.#size === 0 ? Infinity : this.#deadlines[this.#heap[0]!]!;
  }

  /** Makes the slot run out at `deadline` or earlier. Infinity changes nothing. */
  atLatest(slot: number, deadline: number): void {
    if (deadline === Infinity) return;
    const position = this.#positions[slot]!;
    if (position > 0) {
      if (this.#deadlines[slot]! <= deadline) return;
      this.#deadlines[slot] = deadline;
      this.#up(position - 1);
      return;
    }
    this.#deadlines[slot] = deadline;
    this.#heap[this.#size] = slot;
    this.#up(this.#size++);
  }

  /** Removes and returns a slot whose deadline is `now` or earlier; −1 when there is none. */
  shift(now: number): number {
    if (this.next > now) return -1;
    const slot = this.#heap[0]!;
    this.remove(slot);
    return slot;
  }

  remove(slot: number): void {
    const position = this.#positions[slot]! - 1;
    if (position < 0) return;
    this.#positions[slot] = 0;
    const last = this.#heap[--this.#size]!;
    if (last === slot) return;
    this.#heap[position] = last;
    this.#positions[last] = position + 1;
    this.#up(position);
    this.#down(this.#positions[last]! - 1);
  }

  #up(from: number): void {
    const slot = this.#heap[from]!;
    const deadline = this.#deadlines[slot]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent]!;
      if (this.#deadlines[above]! <= deadline) break;
      this.#place(above, at);
      at = parent;
    }
    this.#place(slot, at);
  }

  #down(from: number): void {
    const slot = this.#heap[from]!;
    const deadline = this.#deadlines[slot]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (right < this.#size) {
        const [a, b] = [this.#heap[child]!, this.#heap[right]!];
        if (this.#deadlines[b]! < this.#deadlines[a]!) child = right;
      }
      const below = this.#heap[child]!;
      if (this.#deadlines[below]! >= deadline) break;
      this.#place(below, at);
      at = child;
    }
    this.#place(slot, at);
  }

  #place(slot: number, position: number): void {
    this.#heap[position] = slot;
    this.#positions[slot] = position + 1;
  }
}
