// Outbox: what callbacks have sent that have returned, until the kernel is offered it. It lies in shared
// memory, and each row says what became of it: wherever a thread ends, its successor goes on with it. It does
// not know why a row waits, nor what follows from a result.

import * as Batches from '../kernel/batch.ts';
import type { Io, Kernel } from '../kernel/contract.ts';
import * as Rows from '../kernel/rows.ts';
import * as Numbers from './layout.ts';

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

// A native call more for every 64 connections does not show, and the first of them waits for the others.
const MOST_ROWS = 64;
/** What is longer takes the kernel so long that a native call of its own does not show. */
const LONGEST = 512;
const MOST_BYTES = MOST_ROWS * LONGEST;

/** The result of a row that was not performed: neither bytes nor an errno. */
const NOT_YET = -(2 ** 31);

// The number of rows has a line of its own.
const COUNT_BYTES = 64;
const ROW_BYTES = MOST_ROWS * ROW * 4;

export class Outbox {
  /** Size of the memory for it. */
  static readonly bytes = COUNT_BYTES + ROW_BYTES + MOST_BYTES;
  readonly rows: Int32Array;
  readonly #words: Int32Array;
  readonly #batch: Batches.Batch;
  readonly #io: Io;
  #used = 0;

  /** @param memory of `bytes` bytes: zeros, or what another thread has left */
  constructor(kernel: Kernel, batch: Batches.Batch, memory: Uint8Array) {
    const { buffer, byteOffset } = memory;
    this.#words = new Int32Array(buffer, byteOffset, 1);
    this.rows = new Int32Array(buffer, byteOffset + COUNT_BYTES, MOST_ROWS * ROW);
    const bytes = new Uint8Array(buffer, byteOffset + COUNT_BYTES + ROW_BYTES, MOST_BYTES);
    this.#batch = batch;
    this.#io = kernel.io(this.rows);
    this.#io.bind(OUTBOX_BUFFER, bytes);
    batch.bind(OUTBOX_BUFFER, bytes);
  }

  /** Rows that count. */
  get count(): number {
    return this.#words[0]!;
  }

  /**
   * Takes over the sends of a callback, which are the rows of the batch from `mark` on: all of them in one
   * step, or none.
   * @returns false when they are too many or too long, or when no room is left
   */
  take(mark: number): boolean {
    const { rows } = this;
    const { rows: from, count: end } = this.#batch;
    let count = this.#words[0]!;
    let used = this.#used;
    for (let row = mark; row < end; row += 1) {
      const source = row * ROW;
      if (from[source + ROW_KIND] !== KIND_SEND) continue;
      const length = from[source + ROW_LENGTH]!;
      if (count === MOST_ROWS || length > LONGEST) return false;
      const [buffer, offset] = [from[source + ROW_BUFFER]!, from[source + ROW_OFFSET]!];
      this.#batch.copyNow(buffer, offset, OUTBOX_BUFFER, used, length);
      const at = count * ROW;
      rows[at + ROW_KIND] = KIND_SEND;
      rows[at + ROW_FD] = from[source + ROW_FD]!;
      rows[at + ROW_BUFFER] = OUTBOX_BUFFER;
      rows[at + ROW_OFFSET] = used;
      rows[at + ROW_LENGTH] = length;
      rows[at + ROW_RESULT] = NOT_YET;
      rows[at + ROW_SLOT] = from[source + ROW_SLOT]!;
      count += 1;
      used += length;
    }
    this.#used = used;
    this.#batch.count = mark;
    // Last: a thread that ends has handed over all of them or none.
    this.#words[0] = count;
    return true;
  }

  /** Whether the kernel was not offered the row yet. */
  waits(row: number): boolean {
    return this.rows[row * ROW + ROW_RESULT] === NOT_YET;
  }

  /** Offers the kernel the rows from this one on, up to one of which it does not take all. */
  perform(row: number): void {
    this.#io.run(row, this.#words[0]!);
  }

  /** The row needs nothing more. */
  cancel(row: number): void {
    this.rows[row * ROW + ROW_KIND] = KIND_NONE;
  }

  /** No row needs anything more. */
  clear(): void {
    this.#words[0] = 0;
    this.#used = 0;
  }

  /** Whose rows another thread has left. */
  slots(): Set<number> {
    const slots = new Set<number>();
    for (let row = 0; row < this.count; row += 1) slots.add(this.rows[row * ROW + ROW_SLOT]!);
    return slots;
  }

  /** Counts as staged what another thread has left; what was for those who are doomed is dropped. */
  recover(table: Int32Array): void {
    const { rows } = this;
    for (let row = 0; row < this.count; row += 1) {
      const at = row * ROW;
      if (rows[at + ROW_KIND] !== KIND_SEND) continue;
      const base = rows[at + ROW_SLOT]! * COLUMNS;
      if ((table[base + FLAGS]! & DOOMED) !== 0) this.cancel(row);
      else table[base + STAGED_BYTES]! += rows[at + ROW_LENGTH]!;
    }
  }
}
