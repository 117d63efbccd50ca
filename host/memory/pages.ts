// Pages: the capped pool of 16 KiB pages, and the chains of bytes that wait in them.
// It knows a chain by its four columns of the table, and not whose it is or why it waits.

import type { Batch } from '../kernel/batch.ts';
import * as Policies from '../policy.ts';
import * as Numbers from './layout.ts';
import type { Segment } from './segment.ts';

const { CHAIN_BYTES, CHAIN_FIRST, CHAIN_LAST, CHAIN_START, SEGMENT_BUFFER } = Numbers;
const { PAGE_BYTES } = Policies;

/** A scan of a pool that another thread has left. */
export interface PageScan {
  /** Claims the chain's pages. @returns false when it is not whole; it claims nothing then */
  sound(chain: number): boolean;
  /** All chains are claimed: the other pages are free. */
  finish(): void;
}

export class Pages {
  readonly #segment: Segment;
  readonly #links: Int32Array;
  readonly #table: Int32Array;
  readonly #batch: Batch;
  /** Pages at and above this one were never used; their memory does not exist yet. */
  #fresh = 0;
  #free = -1;
  /** Pages that are not in any chain. */
  available: number;

  constructor(segment: Segment, batch: Batch) {
    this.#segment = segment;
    this.#links = segment.pageLinks;
    this.#table = segment.table;
    this.#batch = batch;
    this.available = segment.pages;
    batch.bind(SEGMENT_BUFFER, segment.bytes);
  }

  /** How many pages `append` of so many bytes would take at the most. */
  needed(bytes: number): number {
    return Math.ceil(bytes / PAGE_BYTES) + 1;
  }

  /**
   * Adds bytes of a bound buffer to a chain, copying them at once.
   * The caller has made sure of `needed(length)` pages.
   */
  append(chain: number, buffer: number, offset: number, length: number): void {
    const table = this.#table;
    let [from, left] = [offset, length];
    while (left > 0) {
      const used = table[chain + CHAIN_BYTES]!;
      const end = used === 0 ? 0 : (table[chain + CHAIN_START]! + used) % PAGE_BYTES;
      if (end === 0) this.#extend(chain, used === 0);
      const part = Math.min(left, PAGE_BYTES - end);
      const target = this.#segment.pagesOffset + table[chain + CHAIN_LAST]! * PAGE_BYTES + end;
      this.#batch.copyNow(buffer, from, SEGMENT_BUFFER, target, part);
      table[chain + CHAIN_BYTES] = used + part;
      from += part;
      left -= part;
    }
  }

  #extend(chain: number, first: boolean): void {
    const table = this.#table;
    const page = this.#take();
    this.#links[page] = -1;
    if (first) {
      table[chain + CHAIN_FIRST] = page;
      table[chain + CHAIN_START] = 0;
    } else this.#links[table[chain + CHAIN_LAST]!] = page;
    table[chain + CHAIN_LAST] = page;
  }

  #take(): number {
    if (this.available <= 0) throw new RangeError('page pool: taken from when empty');
    this.available -= 1;
    const page = this.#free;
    if (page < 0) return this.#fresh++;
    this.#free = this.#links[page]!;
    return page;
  }

  /** Drops bytes from the front of a chain and frees the pages that this empties. */
  consume(chain: number, length: number): void {
    const table = this.#table;
    const left = table[chain + CHAIN_BYTES]! - length;
    if (left < 0) throw new RangeError('page chain: consumed more than it holds');
    let start = table[chain + CHAIN_START]! + length;
    let page = table[chain + CHAIN_FIRST]!;
    table[chain + CHAIN_BYTES] = left;
    while (start >= PAGE_BYTES || (left === 0 && start > 0)) {
      const next = this.#links[page]!;
      this.#links[page] = this.#free;
      this.#free = page;
      this.available += 1;
      start = Math.max(0, start - PAGE_BYTES);
      page = next;
    }
    table[chain + CHAIN_FIRST] = page;
    table[chain + CHAIN_START] = start;
  }

  /**
   * Finds out which pages are in use, after another thread has left the pool. A chain is sound when
   * its pages are in the pool, in no other chain, and as many as its bytes need; call it for each.
   */
  recover(): PageScan {
    const used = new Uint8Array(this.#segment.pages);
    return {
      sound: (chain) => this.#claim(chain, used),
      finish: () => this.#freeUnused(used),
    };
  }

  #claim(chain: number, used: Uint8Array): boolean {
    const table = this.#table;
    const [start, bytes] = [table[chain + CHAIN_START]!, table[chain + CHAIN_BYTES]!];
    if (bytes === 0) return true;
    if (bytes < 0 || start < 0 || start >= PAGE_BYTES) return false;
    const pages: number[] = [];
    let page = table[chain + CHAIN_FIRST]!;
    for (let left = Math.ceil((start + bytes) / PAGE_BYTES); left > 0; left -= 1) {
      if (page < 0 || page >= used.length || used[page] === 1) break;
      used[page] = 1;
      pages.push(page);
      page = this.#links[page]!;
    }
    const whole = pages.length * PAGE_BYTES >= start + bytes;
    if (whole && pages.at(-1) === table[chain + CHAIN_LAST]) return true;
    for (const claimed of pages) used[claimed] = 0;
    return false;
  }

  #freeUnused(used: Uint8Array): void {
    this.#fresh = used.lastIndexOf(1) + 1;
    this.#free = -1;
    this.available = used.length - this.#fresh;
    for (let page = this.#fresh - 1; page >= 0; page -= 1) {
      if (used[page] === 1) continue;
      this.#links[page] = this.#free;
      this.#free = page;
      this.available += 1;
    }
  }

  clear(chain: number): void {
    const bytes = this.#table[chain + CHAIN_BYTES]!;
    if (bytes > 0) this.consume(chain, bytes);
  }

  /** Queues the whole chain as COPY rows to consecutive bytes of a buffer. */
  queueCopy(chain: number, buffer: number, offset: number): void {
    const table = this.#table;
    let left = table[chain + CHAIN_BYTES]!;
    let start = table[chain + CHAIN_START]!;
    let page = table[chain + CHAIN_FIRST]!;
    let target = offset;
    while (left > 0) {
      const part = Math.min(left, PAGE_BYTES - start);
      const from = this.#segment.pagesOffset + page * PAGE_BYTES + start;
      this.#batch.copy(SEGMENT_BUFFER, from, buffer, target, part);
      target += part;
      left -= part;
      start = 0;
      page = this.#links[page]!;
    }
  }

  /** Queues the front of the chain, at most `pages` pages of it, as SEND rows. */
  queueSends(chain: number, pages: number, slot: number, fd: number): void {
    const table = this.#table;
    let left = table[chain + CHAIN_BYTES]!;
    let start = table[chain + CHAIN_START]!;
    let page = table[chain + CHAIN_FIRST]!;
    for (let count = 0; count < pages && left > 0; count += 1) {
      const part = Math.min(left, PAGE_BYTES - start);
      const from = this.#segment.pagesOffset + page * PAGE_BYTES + start;
      this.#batch.send(slot, fd, SEGMENT_BUFFER, from, part);
      left -= part;
      start = 0;
      page = this.#links[page]!;
    }
  }
}

/** Pages that a chain occupies. */
export function pagesOf(table: Int32Array, chain: number): number {
  const bytes = table[chain + CHAIN_BYTES]!;
  return bytes === 0 ? 0 : Math.ceil((table[chain + CHAIN_START]! + bytes) / PAGE_BYTES);
}
