// Fifo: what came first is taken first, however many wait. An array moves all that is left each time.

/** Taken items are dropped when there are so many, and as many as are left. */
const TAKEN = 1024;

export class Fifo<T> {
  #items: T[];
  /** Those before it are taken. */
  #first = 0;

  constructor(...items: readonly T[]) {
    this.#items = [...items];
  }

  get size(): number {
    return this.#items.length - this.#first;
  }

  get oldest(): T | undefined {
    return this.#items[this.#first];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const oldest = this.#items[this.#first];
    if (oldest === undefined) return undefined;
    this.#first += 1;
    if (this.#first === this.#items.length) this.clear();
    else if (this.#first >= TAKEN && this.#first * 2 > this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return oldest;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
