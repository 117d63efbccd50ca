// Pages: the capped pool of 16 KiB pages, and the chains of bytes that wait in them.
// It knows a chain by its four columns of the table, and not whose it is or why it waits.

import { type Batch, SEGMENT_BUFFER } from './batch.ts';
import { PAGE_BYTES } from './policy.ts';
import { CHAIN_BYTES, CHAIN_FIRST, CHAIN_LAST, CHAIN_START, type Segment } from './segment.ts';

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
