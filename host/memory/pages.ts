// Pages: the capped pool of 16 KiB pages, and the chains of bytes that wait in them.
// It knows a chain by its four columns of the table, and not whose it is or why it waits.
//
// Few bytes lie in a block, which is cut from a page; CHAIN_START counts from that page's start as well.
// So to those who read a chain a block is a page like any other.

import type { Batch } from '../kernel/batch.ts';
import * as Rows from '../kernel/rows.ts';
import * as Policies from '../policy.ts';
import * as Cut from './blocks.ts';
import { FreePages } from './free-pages.ts';
import * as Numbers from './layout.ts';
import { PageScan } from './page-scan.ts';
import type { Segment } from './segment.ts';

const { CHAIN_BYTES, CHAIN_FIRST, CHAIN_LAST, CHAIN_START, SEGMENT_BUFFER } = Numbers;
const { SMALLEST } = Cut;
const { KIND_SEND } = Rows;
const { PAGE_BYTES } = Policies;

// What is held takes at most so many times its bytes, unless it is a block of the smallest size.
const MOST = 4;

export class Pages {
  readonly #segment: Segment;
  readonly #links: Int32Array;
  readonly #table: Int32Array;
  readonly #batch: Batch;
  readonly #free: FreePages;
  readonly #blocks: Cut.Blocks;

  constructor(segment: Segment, batch: Batch) {
    this.#segment = segment;
    this.#links = segment.pageLinks;
    this.#table = segment.table;
    this.#batch = batch;
    this.#free = new FreePages(segment);
    this.#blocks = new Cut.Blocks(segment);
    batch.bind(SEGMENT_BUFFER, segment.bytes);
  }

  /** Pages that are in no chain, and not cut. */
  get available(): number {
    return this.#free.count;
  }

  /** Pages that are cut into blocks. */
  get cut(): number {
    return this.#blocks.pages;
  }

  /** What the chain costs, in pages. */
  charge(chain: number): number {
    return this.pagesOf(chain) + this.shareOf(chain);
  }

  /** Pages that the chain has for itself. */
  pagesOf(chain: number): number {
    const bytes = this.#table[chain + CHAIN_BYTES]!;
    if (bytes === 0 || this.#sizeOf(chain) > 0) return 0;
    return Math.ceil((this.#table[chain + CHAIN_START]! + bytes) / PAGE_BYTES);
  }

  /** What the chain's block costs: its share of a page, which is divided by the blocks in use. */
  shareOf(chain: number): number {
    if (this.#table[chain + CHAIN_BYTES] === 0 || this.#sizeOf(chain) === 0) return 0;
    return this.#blocks.share(this.#table[chain + CHAIN_FIRST]!);
  }

  /** Whether the chain has a block of this page, which is cut. */
  inBlockOf(chain: number, page: number): boolean {
    return this.#table[chain + CHAIN_BYTES]! > 0 && this.#table[chain + CHAIN_FIRST] === page;
  }

  // Of the chain's block; 0 when it has none.
  #sizeOf(chain: number): number {
    return this.#blocks.sizeOf(this.#table[chain + CHAIN_FIRST]!);
  }

  /** What the chain will cost with so many bytes more. */
  chargeWith(chain: number, more: number): number {
    const bytes = this.#table[chain + CHAIN_BYTES]! + more;
    if (this.cutWith(chain, more)) {
      return this.#suits(chain, bytes)
        ? this.shareOf(chain)
        : this.#blocks.nextShare(this.#blocks.sizeFor(bytes));
    }
    const start = this.#suits(chain, bytes) ? this.#table[chain + CHAIN_START]! : 0;
    return Math.ceil((start + bytes) / PAGE_BYTES);
  }

  /** Whether the chain will be in a block with so many bytes more. */
  cutWith(chain: number, more: number): boolean {
    const bytes = this.#table[chain + CHAIN_BYTES]! + more;
    return (this.#suits(chain, bytes) ? this.#sizeOf(chain) : this.#blocks.sizeFor(bytes)) > 0;
  }

  /** How many pages `append` of so many bytes takes. */
  needed(chain: number, more: number): number {
    const charge = this.chargeWith(chain, more);
    if (this.#suits(chain, this.#table[chain + CHAIN_BYTES]! + more))
      return charge - this.charge(chain);
    // Less than 1 is a block of a page that is cut already.
    return Math.floor(charge);
  }

  // Whether so many bytes may lie where the chain begins: it must have the room, and not too much of it.
  #suits(chain: number, bytes: number): boolean {
    const table = this.#table;
    if (table[chain + CHAIN_BYTES] === 0) return false;
    const start = table[chain + CHAIN_START]!;
    const size = this.#sizeOf(chain);
    if (size === 0) return Math.ceil((start + bytes) / PAGE_BYTES) * PAGE_BYTES <= MOST * bytes;
    const room = 1 << size;
    if ((start & (room - 1)) + bytes > room) return false;
    return size === SMALLEST || room <= MOST * bytes;
  }

  /**
   * Adds bytes of a bound buffer to a chain, copying them at once.
   * The caller has made sure of `needed` pages.
   */
  append(chain: number, buffer: number, offset: number, length: number): void {
    if (length === 0) return;
    const table = this.#table;
    const bytes = table[chain + CHAIN_BYTES]! + length;
    if (!this.#suits(chain, bytes)) this.#move(chain, bytes);
    let [from, left] = [offset, length];
    while (left > 0) {
      const used = table[chain + CHAIN_BYTES]!;
      const end = (table[chain + CHAIN_START]! + used) % PAGE_BYTES;
      if (end === 0 && used > 0) this.#extend(chain);
      const part = Math.min(left, PAGE_BYTES - end);
      const target = this.#segment.pagesOffset + table[chain + CHAIN_LAST]! * PAGE_BYTES + end;
      this.#batch.copyNow(buffer, from, SEGMENT_BUFFER, target, part);
      table[chain + CHAIN_BYTES] = used + part;
      from += part;
      left -= part;
    }
  }

  #extend(chain: number): void {
    const page = this.#free.take();
    this.#links[this.#table[chain + CHAIN_LAST]!] = page;
    this.#table[chain + CHAIN_LAST] = page;
  }

  /** After `consume`: what is left gets a smaller place when it lies in one that is too large. */
  shrink(chain: number): void {
    const bytes = this.#table[chain + CHAIN_BYTES]!;
    if (bytes === 0 || this.#suits(chain, bytes)) return;
    if (this.available > 0 || this.#blocks.has(this.#blocks.sizeFor(bytes)))
      this.#move(chain, bytes);
  }

  // Has the chain begin in a place for so many bytes. What it holds, less than a page, is copied there.
  #move(chain: number, bytes: number): void {
    const table = this.#table;
    const held = table[chain + CHAIN_BYTES]!;
    const [page, start] = [table[chain + CHAIN_FIRST]!, table[chain + CHAIN_START]!];
    const place = this.#placeFor(bytes);
    this.#copyHeld(chain, place);
    // Without bytes the chain names no place. A thread may end between any two of these lines, and half of
    // one place with half of another could name a third, which is somebody else's.
    table[chain + CHAIN_BYTES] = 0;
    table[chain + CHAIN_FIRST] = Math.floor(place / PAGE_BYTES);
    table[chain + CHAIN_LAST] = Math.floor(place / PAGE_BYTES);
    table[chain + CHAIN_START] = place % PAGE_BYTES;
    table[chain + CHAIN_BYTES] = held;
    if (held > 0) this.#giveBack(page, start, held);
  }

  #placeFor(bytes: number): number {
    const size = this.#blocks.sizeFor(bytes);
    if (size === 0) return this.#free.take() * PAGE_BYTES;
    if (!this.#blocks.has(size)) this.#blocks.cut(this.#free.take(), size);
    return this.#blocks.take(size);
  }

  #copyHeld(chain: number, place: number): void {
    const origin = this.#segment.pagesOffset;
    let left = this.#table[chain + CHAIN_BYTES]!;
    let start = this.#table[chain + CHAIN_START]!;
    let page = this.#table[chain + CHAIN_FIRST]!;
    let target = origin + place;
    while (left > 0) {
      const part = Math.min(left, PAGE_BYTES - start);
      const from = origin + page * PAGE_BYTES + start;
      this.#batch.copyNow(SEGMENT_BUFFER, from, SEGMENT_BUFFER, target, part);
      target += part;
      left -= part;
      start = 0;
      page = this.#links[page]!;
    }
  }

  // The block, or the pages, in which so many bytes lay.
  #giveBack(page: number, start: number, bytes: number): void {
    if (this.#blocks.sizeOf(page) > 0) {
      if (this.#blocks.release(page, start)) this.#free.release(page);
      return;
    }
    let each = page;
    for (let left = start + bytes; left > 0; left -= PAGE_BYTES) {
      const next = this.#links[each]!;
      this.#free.release(each);
      each = next;
    }
  }

  /** Drops bytes from the front of a chain and frees what this empties. */
  consume(chain: number, length: number): void {
    const table = this.#table;
    const left = table[chain + CHAIN_BYTES]! - length;
    if (left < 0) throw new RangeError('page chain: consumed more than it holds');
    if (length === 0) return;
    const start = table[chain + CHAIN_START]!;
    let page = table[chain + CHAIN_FIRST]!;
    table[chain + CHAIN_BYTES] = left;
    if (left === 0) {
      this.#giveBack(page, start, length);
      return;
    }
    let rest = start + length;
    while (rest >= PAGE_BYTES) {
      const next = this.#links[page]!;
      this.#free.release(page);
      page = next;
      rest -= PAGE_BYTES;
    }
    table[chain + CHAIN_FIRST] = page;
    table[chain + CHAIN_START] = rest;
  }

  /** Finds out what is in use, after another thread has left the pool; each chain has to be claimed. */
  recover(): PageScan {
    return new PageScan(this.#segment, this.#free, this.#blocks);
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
      this.#batch.send(slot, fd, SEGMENT_BUFFER, from, part, KIND_SEND);
      left -= part;
      start = 0;
      page = this.#links[page]!;
    }
  }
}
