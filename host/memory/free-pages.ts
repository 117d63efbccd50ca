// Free pages: which pages of the pool are in use for nothing. It does not know what the others are for.

import type { Segment } from './segment.ts';

export class FreePages {
  readonly #links: Int32Array;
  /** Pages at and above this one were never used; their memory does not exist yet. */
  #fresh = 0;
  #first = -1;
  /** How many there are. */
  count: number;

  constructor(segment: Segment) {
    this.#links = segment.pageLinks;
    this.count = segment.pages;
  }

  /** @throws RangeError when there is none */
  take(): number {
    if (this.count <= 0) throw new RangeError('page pool: taken from when empty');
    this.count -= 1;
    let page = this.#first;
    if (page < 0) page = this.#fresh++;
    else this.#first = this.#links[page]!;
    this.#links[page] = -1;
    return page;
  }

  release(page: number): void {
    this.#links[page] = this.#first;
    this.#first = page;
    this.count += 1;
  }

  /** Makes the list anew. @param used not 0 for each page that is in use */
  renew(used: Uint8Array): void {
    this.#fresh = used.findLastIndex((use) => use !== 0) + 1;
    this.#first = -1;
    this.count = used.length - this.#fresh;
    for (let page = this.#fresh - 1; page >= 0; page -= 1) {
      if (used[page] === 0) this.release(page);
    }
  }
}
