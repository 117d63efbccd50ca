// Blocks: pages that are cut into blocks of one size, so that few bytes need no page of their own.
// It knows which blocks are in use, and neither whose they are nor where pages come from.

import * as Policies from '../policy.ts';
import type { Segment } from './segment.ts';

const { PAGE_BYTES } = Policies;

// Sizes are told by their logarithm to base 2. Each is four times the one before, so a block is at most
// four times what it holds, above the smallest size.
const PAGE_SIZE = Math.log2(PAGE_BYTES);
export const STEP = 2;
export const LARGEST = PAGE_SIZE - STEP;
export const SMALLEST = PAGE_SIZE - 3 * STEP;

const WORD_BITS = 32;
/** Words of bits for each page: as many as its blocks of the smallest size need. */
const WORDS = 2 ** (PAGE_SIZE - SMALLEST) / WORD_BITS;

export class Blocks {
  readonly #links: Int32Array;
  /** A bit for each block of a cut page, set while it is in use. */
  readonly #used: Int32Array;
  /** Blocks of a page that are in use. */
  readonly #count: Uint8Array;
  /** Neighbours in the list of cut pages that have a free block; a list for each size. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #first = new Int32Array(LARGEST + 1).fill(-1);
  /** Pages that are cut. */
  pages = 0;

  constructor(segment: Segment) {
    this.#links = segment.pageLinks;
    this.#used = new Int32Array(segment.pages * WORDS);
    this.#count = new Uint8Array(segment.pages);
    this.#next = new Int32Array(segment.pages);
    this.#previous = new Int32Array(segment.pages);
  }

  /** The size of the page's blocks; 0 when the page is not cut. */
  sizeOf(page: number): number {
    const link = this.#links[page]!;
    return link < -1 ? -link : 0;
  }

  /** The size of a block for so many bytes; 0 when they need a page. */
  sizeFor(bytes: number): number {
    for (let size = SMALLEST; size <= LARGEST; size += STEP) {
      if (bytes <= 1 << size) return size;
    }
    return 0;
  }

  /** Whether a block of this size is free without another page. */
  has(size: number): boolean {
    return this.#first[size]! >= 0;
  }

  /** Cuts a page that nothing else uses. */
  cut(page: number, size: number): void {
    this.#links[page] = -size;
    this.#begin(page, size);
  }

  #begin(page: number, size: number): void {
    this.pages += 1;
    this.#join(page, size);
  }

  /** Takes a block; `has` says whether there is one. @returns its place, in bytes from the first page */
  take(size: number): number {
    const page = this.#first[size]!;
    let word = page * WORDS;
    while (this.#used[word] === -1) word += 1;
    const free = ~this.#used[word]!;
    const bit = WORD_BITS - 1 - Math.clz32(free & -free);
    const block = (word - page * WORDS) * WORD_BITS + bit;
    this.#occupy(page, size, block);
    return page * PAGE_BYTES + (block << size);
  }

  #occupy(page: number, size: number, block: number): void {
    this.#used[page * WORDS + (block >> 5)]! |= 1 << (block & 31);
    this.#count[page]! += 1;
    if (this.#count[page] === blocksOf(size)) this.#leave(page, size);
  }

  /** Frees the block at an offset in a page. @returns true when the page has no other in use */
  release(page: number, offset: number): boolean {
    const size = this.sizeOf(page);
    const block = offset >> size;
    this.#used[page * WORDS + (block >> 5)]! &= ~(1 << (block & 31));
    if (this.#count[page] === blocksOf(size)) this.#join(page, size);
    this.#count[page]! -= 1;
    if (this.#count[page]! > 0) return false;
    this.#leave(page, size);
    this.pages -= 1;
    return true;
  }

  /**
   * Takes the block at an offset of a page that another thread has cut.
   * @returns false when it is in use already
   */
  claim(page: number, offset: number): boolean {
    const size = this.sizeOf(page);
    const block = offset >> size;
    if ((this.#used[page * WORDS + (block >> 5)]! & (1 << (block & 31))) !== 0) return false;
    if (this.#count[page] === 0) this.#begin(page, size);
    this.#occupy(page, size, block);
    return true;
  }

  /** What a block of the page costs: its share of the page, which the blocks in use divide. */
  share(page: number): number {
    return 1 / this.#count[page]!;
  }

  /** What the next block of this size will cost; 1 when a page has to be cut for it. */
  nextShare(size: number): number {
    const page = this.#first[size]!;
    return page < 0 ? 1 : 1 / (this.#count[page]! + 1);
  }

  #join(page: number, size: number): void {
    const next = this.#first[size]!;
    this.#next[page] = next;
    this.#previous[page] = -1;
    if (next >= 0) this.#previous[next] = page;
    this.#first[size] = page;
  }

  #leave(page: number, size: number): void {
    const [next, previous] = [this.#next[page]!, this.#previous[page]!];
    if (previous < 0) this.#first[size] = next;
    else this.#next[previous] = next;
    if (next >= 0) this.#previous[next] = previous;
  }
}

const blocksOf = (size: number): number => PAGE_BYTES >> size;
