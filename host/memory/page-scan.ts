// Page scan: which pages and blocks are in use, in a pool that another thread has left. It trusts nothing
// that it reads: what is not free is what sound chains name.

import { PAGE_BYTES } from '../policy.ts';
import { type Blocks, LARGEST, SMALLEST, STEP } from './blocks.ts';
import type { FreePages } from './free-pages.ts';
import { CHAIN_BYTES, CHAIN_FIRST, CHAIN_LAST, CHAIN_START } from './layout.ts';
import type { Segment } from './segment.ts';

const CHAINED = 1;
const CUT = 2;

export class PageScan {
  readonly #links: Int32Array;
  readonly #table: Int32Array;
  readonly #free: FreePages;
  readonly #blocks: Blocks;
  readonly #used: Uint8Array;

  constructor(segment: Segment, free: FreePages, blocks: Blocks) {
    this.#links = segment.pageLinks;
    this.#table = segment.table;
    this.#free = free;
    this.#blocks = blocks;
    this.#used = new Uint8Array(segment.pages);
  }

  /**
   * Claims what the chain lies in. A chain is sound when that is in the pool, in no other chain, and as
   * much as its bytes need.
   * @returns false when it is not sound; it claims nothing then
   */
  sound(chain: number): boolean {
    const table = this.#table;
    const [start, bytes] = [table[chain + CHAIN_START]!, table[chain + CHAIN_BYTES]!];
    if (bytes === 0) return true;
    if (bytes < 0 || start < 0 || start >= PAGE_BYTES) return false;
    const first = table[chain + CHAIN_FIRST]!;
    if (first < 0 || first >= this.#used.length) return false;
    const size = this.#blocks.sizeOf(first);
    return size > 0 ? this.#claimBlock(chain, size) : this.#claimPages(chain);
  }

  #claimBlock(chain: number, size: number): boolean {
    const table = this.#table;
    const [page, start] = [table[chain + CHAIN_FIRST]!, table[chain + CHAIN_START]!];
    if (size < SMALLEST || size > LARGEST || (size - SMALLEST) % STEP !== 0) return false;
    if (this.#used[page] === CHAINED || table[chain + CHAIN_LAST] !== page) return false;
    if ((start % 2 ** size) + table[chain + CHAIN_BYTES]! > 2 ** size) return false;
    if (!this.#blocks.claim(page, start)) return false;
    this.#used[page] = CUT;
    return true;
  }

  #claimPages(chain: number): boolean {
    const table = this.#table;
    const used = this.#used;
    const bytes = table[chain + CHAIN_START]! + table[chain + CHAIN_BYTES]!;
    const pages: number[] = [];
    let page = table[chain + CHAIN_FIRST]!;
    for (let left = Math.ceil(bytes / PAGE_BYTES); left > 0; left -= 1) {
      if (page < 0 || page >= used.length || used[page] !== 0) break;
      if (this.#blocks.sizeOf(page) > 0) break;
      used[page] = CHAINED;
      pages.push(page);
      page = this.#links[page]!;
    }
    const whole = pages.length * PAGE_BYTES >= bytes;
    if (whole && pages.at(-1) === table[chain + CHAIN_LAST]) return true;
    for (const claimed of pages) used[claimed] = 0;
    return false;
  }

  /** All chains are claimed: the other pages are free. */
  finish(): void {
    this.#free.renew(this.#used);
  }
}
