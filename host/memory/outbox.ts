// Outbox: what callbacks have sent that have returned, until the kernel is offered it. It lies in shared
// memory, and each row says what became of it: wherever a thread ends, its successor goes on with it. It does
// not know why a row waits, nor what follows from a result.

import * as Batches from '../kernel/batch.ts';
import type { Io, Kernel } from '../kernel/contract.ts';
import * as Rows from '../kernel/rows.ts';
import * as Numbers from './layout.ts';
import type { Segment } from './segment.ts';

const { ROW_SLOT } = Batches;
const {
  KIND_NONE,
  KIND_SEND,
  ROW,
  ROW_BUFFER,
  ROW_FD,
  ROW_KIND,
  ROW_LENGTH,
  ROW_OFFSET,
  ROW_RESULT,
} = Rows;
const { COLUMNS, DOOMED, FLAGS, OUTBOX_BUFFER, STAGED_BYTES } = Numbers;

// As many as members of a topic are taken at a time. With fewer, more of the kernel's own memory is out of the
// caches again when the next ones go out: 64 take 2 % more time than 256.
const MOST_ROWS = 256;
const MOST_BYTES = 64 * 1024;
// Copying what is longer costs about the native call that it saves.
const MOST_EACH = 4096;

/** The result of a row that was not performed: neither bytes nor an errno. */
const NOT_YET = -(2 ** 31);

// The number of rows has a line of its own.
const COUNT_BYTES = 64;
const ROW_BYTES = MOST_ROWS * ROW * 4;

export class Outbox {
  /** No more bytes wait here, of all slots together. */
  static readonly mostBytes = MOST_BYTES;
  /** Size of the memory for it. */
  static readonly bytes = COUNT_BYTES + ROW_BYTES + MOST_BYTES;
  readonly rows: Int32Array;
  readonly #words: Int32Array;
  readonly #table: Int32Array;
  readonly #batch: Batches.Batch;
  readonly #kernel: Kernel;
  readonly #bytes: Uint8Array;
  /** Null until something is to go out: most servers have no use for one. */
  #io: Io | null = null;
  /** For each slot, whether something of it is here. */
  readonly #has: Uint8Array;
  #used = 0;

  /** @param memory of `bytes` bytes: zeros, or what another thread has left */
  constructor(
    kernel: Kernel,
    { connections, table }: Segment,
    batch: Batches.Batch,
    memory: Uint8Array,
  ) {
    const { buffer, byteOffset } = memory;
    this.#words = new Int32Array(buffer, byteOffset, 1);
    this.rows = new Int32Array(buffer, byteOffset + COUNT_BYTES, MOST_ROWS * ROW);
    const bytes = new Uint8Array(buffer, byteOffset + COUNT_BYTES + ROW_BYTES, MOST_BYTES);
    this.#table = table;
    this.#has = new Uint8Array(connections);
    this.#batch = batch;
    this.#kernel = kernel;
    this.#bytes = bytes;
    batch.bind(OUTBOX_BUFFER, bytes);
  }

  /** Rows that count. */
  get count(): number {
    return this.#words[0]!;
  }

  /** Whether something of the slot was not offered to the kernel. */
  has(slot: number): boolean {
    return this.#has[slot] !== 0;
  }

  /**
   * Takes over the sends of a callback, which are the rows of the batch from `mark` on: all of them in one
   * step, or none.
   * @returns false when they are too many or too long, or when no room is left
   */
  take(mark: number): boolean {
    const batch = this.#batch;
    const { rows: from, count: end } = batch;
    if (!this.#hasRoom(from, mark, end)) return false;
    const { rows } = this;
    let count = this.#words[0]!;
    let used = this.#used;
    for (let row = mark; row < end; row += 1) {
      const source = row * ROW;
      if (from[source + ROW_KIND] !== KIND_SEND) continue;
      const offset = from[source + ROW_OFFSET]!;
      const length = from[source + ROW_LENGTH]!;
      const slot = from[source + ROW_SLOT]!;
      // Whole words, with what stands beside the bytes in the first and the last.
      const skew = offset & 3;
      const words = wordsOf(skew + length);
      batch.copyWords(from[source + ROW_BUFFER]!, offset - skew, OUTBOX_BUFFER, used, words);
      const at = count * ROW;
      rows[at + ROW_KIND] = KIND_SEND;
      rows[at + ROW_FD] = from[source + ROW_FD]!;
      rows[at + ROW_BUFFER] = OUTBOX_BUFFER;
      rows[at + ROW_OFFSET] = used + skew;
      rows[at + ROW_LENGTH] = length;
      rows[at + ROW_RESULT] = NOT_YET;
      rows[at + ROW_SLOT] = slot;
      this.#table[slot * COLUMNS + STAGED_BYTES]! -= length;
      this.#has[slot] = 1;
      count += 1;
      used += words;
    }
    this.#used = used;
    batch.count = mark;
    // Last: a thread that ends has handed over all of them or none.
    this.#words[0] = count;
    return true;
  }

  // What was asked for besides sends was applied, and its rows are none any more.
  #hasRoom(from: Int32Array, mark: number, end: number): boolean {
    let room = MOST_BYTES - this.#used;
    if (this.#words[0]! + end - mark > MOST_ROWS) return false;
    for (let row = mark; row < end; row += 1) {
      const at = row * ROW;
      const kind = from[at + ROW_KIND]!;
      if (kind === KIND_NONE) continue;
      const length = from[at + ROW_LENGTH]!;
      if (kind !== KIND_SEND || length > MOST_EACH) return false;
      room -= wordsOf(length + 3);
    }
    return room >= 0;
  }

  /** Whether the kernel was not offered the row yet. */
  waits(row: number): boolean {
    return this.rows[row * ROW + ROW_RESULT] === NOT_YET;
  }

  /** Offers the kernel the rows from this one on, up to one of which it does not take all. */
  perform(row: number): void {
    this.#io ??= this.#open();
    this.#io.run(row, this.#words[0]!);
  }

  #open(): Io {
    const io = this.#kernel.io(this.rows);
    io.bind(OUTBOX_BUFFER, this.#bytes);
    return io;
  }

  /** The row needs nothing more. */
  done(row: number): void {
    const at = row * ROW;
    this.rows[at + ROW_KIND] = KIND_NONE;
    this.#has[this.rows[at + ROW_SLOT]!] = 0;
  }

  /** No row needs anything more. */
  clear(): void {
    this.#words[0] = 0;
    this.#used = 0;
  }

  /** Goes on with what another thread has left; what was for those who are doomed is dropped. */
  recover(): void {
    for (let row = 0; row < this.count; row += 1) {
      const slot = this.rows[row * ROW + ROW_SLOT]!;
      if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) !== 0) this.done(row);
    }
  }
}

/** Bytes of the words that so many bytes take. */
const wordsOf = (bytes: number): number => (bytes + 3) & ~3;
