// Output: what leaves for the peers. It runs the batch, moves what the kernel did not take into the
// page pool, and sees to it that the pool never runs dry. It does not know why a connection closes.

import { REASON_ERROR, REASON_LIMIT, REASON_MEMORY } from '../../assembly/abi.ts';
import * as Batches from '../kernel/batch.ts';
import * as Rows from '../kernel/rows.ts';
import * as Numbers from '../memory/layout.ts';
import { pagesOf } from '../memory/pages.ts';
import { reservePages } from '../policy.ts';
import type { Parts } from './parts.ts';

const {
  BUSY,
  COLUMNS,
  DOOMED,
  FD,
  FLAGS,
  HELD,
  LAST_PROGRESS,
  OUTPUT,
  OUTPUT_BYTES,
  OUTPUT_SINCE,
  SEGMENT_BUFFER,
  STAGED_BYTES,
  TIMES,
  UNSAVED,
} = Numbers;
const { KIND_SEND, ROW, ROW_BUFFER, ROW_KIND, ROW_LENGTH, ROW_OFFSET, ROW_RESULT } = Rows;
const { ROW_SLOT } = Batches;

// Pages of one connection that are offered to the kernel at a time: as much as a socket's send
// buffer usually has room for, and little enough that the others are not kept waiting.
const PAGES_PER_FLUSH = 16;

export class Output {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #batch: Parts['batch'];
  readonly #effects: Parts['effects'];
  readonly #pages: Parts['pages'];
  readonly #kernel: Parts['kernel'];
  readonly #clock: Parts['clock'];
  readonly #stats: Parts['stats'];
  readonly #reserve: number;
  readonly #maxBacklog: number;
  /** Unsent output of all connections, in bytes. */
  backlogBytes = 0;
  /** The slot whose state block is queued to be copied out of the guest; −1 for none. */
  unsaved = -1;

  constructor(parts: Parts) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#batch = parts.batch;
    this.#effects = parts.effects;
    this.#pages = parts.pages;
    this.#kernel = parts.kernel;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#reserve = reservePages(parts.policy);
    this.#maxBacklog = parts.policy.maxBacklogBytes;
  }

  /** Performs all that is queued. No row is left; results of other rows than SENDs stay readable. */
  run(): void {
    const batch = this.#batch;
    let from = 0;
    while (from < batch.count) {
      const stop = batch.run(from);
      for (let row = from; row < stop; row += 1) {
        if (batch.rows[row * ROW + ROW_KIND] === KIND_SEND) this.#sent(row);
      }
      if (stop < batch.count) this.#fellShort(stop);
      from = stop + 1;
    }
    batch.count = 0;
    this.#effects.flushed();
    if (this.unsaved < 0) return;
    this.#table[this.unsaved * COLUMNS + UNSAVED] = 0;
    this.unsaved = -1;
  }

  #sent(row: number): void {
    const { rows } = this.#batch;
    const at = row * ROW;
    const slot = rows[at + ROW_SLOT]!;
    const length = rows[at + ROW_LENGTH]!;
    if (rows[at + ROW_BUFFER] === SEGMENT_BUFFER) this.#fromBacklog(slot, length);
    else this.#table[slot * COLUMNS + STAGED_BYTES]! -= length;
    this.#progress(slot, length);
  }

  #progress(slot: number, length: number): void {
    this.#stats.sent(length);
    this.#times[slot * TIMES + LAST_PROGRESS] = this.#clock.now;
  }

  #fromBacklog(slot: number, length: number): void {
    this.#pages.consume(slot * COLUMNS + OUTPUT, length);
    this.backlogBytes -= length;
    this.#times[slot * TIMES + OUTPUT_SINCE] = this.#clock.now;
    this.#connections.touch(slot);
  }

  // The kernel took a part of the row, or nothing: the rest waits, and so does all that follows it.
  #fellShort(row: number): void {
    const slot = this.#batch.rows[row * ROW + ROW_SLOT]!;
    const at = slot * COLUMNS + BUSY;
    // Between what is staged and what is in the pages the row counts as torn.
    const busy = this.#table[at]!;
    this.#table[at] = 1;
    this.#settle(row, slot);
    this.#table[at] = busy;
  }

  #settle(row: number, slot: number): void {
    const { rows } = this.#batch;
    const at = row * ROW;
    const base = slot * COLUMNS;
    const result = rows[at + ROW_RESULT]!;
    const sent = Math.max(0, result);
    if (sent > 0) this.#progress(slot, sent);
    if (result < 0 && result !== -this.#kernel.constants.EAGAIN) {
      this.fail(slot, result);
    }
    if (rows[at + ROW_BUFFER] === SEGMENT_BUFFER) {
      if (sent > 0) this.#fromBacklog(slot, sent);
      this.#cancelRest(slot, row + 1);
      return;
    }
    this.#table[base + STAGED_BYTES]! -= rows[at + ROW_LENGTH]!;
    const [offset, length] = [rows[at + ROW_OFFSET]!, rows[at + ROW_LENGTH]!];
    this.append(slot, rows[at + ROW_BUFFER]!, offset + sent, length - sent);
    if (this.#table[base + STAGED_BYTES]! > 0) this.#postpone(slot, row + 1);
  }

  #cancelRest(slot: number, from: number): void {
    const { rows, count } = this.#batch;
    for (let row = from; row < count; row += 1) {
      const at = row * ROW;
      if (rows[at + ROW_KIND] === KIND_SEND && rows[at + ROW_SLOT] === slot) {
        this.#batch.cancel(row);
      }
    }
  }

  #postpone(slot: number, from: number): void {
    const { rows, count } = this.#batch;
    for (let row = from; row < count; row += 1) {
      const at = row * ROW;
      if (rows[at + ROW_KIND] !== KIND_SEND || rows[at + ROW_SLOT] !== slot) continue;
      this.#batch.cancel(row);
      this.#table[slot * COLUMNS + STAGED_BYTES]! -= rows[at + ROW_LENGTH]!;
      this.append(slot, rows[at + ROW_BUFFER]!, rows[at + ROW_OFFSET]!, rows[at + ROW_LENGTH]!);
    }
  }

  /** Puts bytes of a bound buffer behind the connection's backlog. A doomed one's are dropped. */
  append(slot: number, buffer: number, offset: number, length: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & DOOMED) !== 0) return;
    if (this.#table[base + OUTPUT_BYTES]! + length > this.#maxBacklog) {
      this.#stats.error('LIMIT');
      this.#connections.doom(slot, REASON_LIMIT);
      return;
    }
    if (!this.#makeRoom(slot, length)) return;
    if (this.#table[base + OUTPUT_BYTES] === 0) {
      this.#times[slot * TIMES + OUTPUT_SINCE] = this.#clock.now;
    }
    this.#pages.append(base + OUTPUT, buffer, offset, length);
    this.backlogBytes += length;
    this.#connections.touch(slot);
  }

  /** Puts bytes that were staged behind the connection's backlog. */
  appendStaged(slot: number, buffer: number, offset: number, length: number): void {
    const base = slot * COLUMNS;
    const busy = this.#table[base + BUSY]!;
    this.#table[base + BUSY] = 1;
    this.#table[base + STAGED_BYTES]! -= length;
    this.append(slot, buffer, offset, length);
    this.#table[base + BUSY] = busy;
  }

  /** Counts anew what waits in the pages, after another thread has left them. */
  recover(): void {
    this.backlogBytes = 0;
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      this.backlogBytes += this.#table[slot * COLUMNS + OUTPUT_BYTES]!;
    }
  }

  /** Holds input of the connection in the pool. A doomed one's is dropped. */
  hold(slot: number, buffer: number, offset: number, length: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) !== 0) return;
    if (!this.#makeRoom(slot, length)) return;
    this.#pages.append(slot * COLUMNS + HELD, buffer, offset, length);
  }

  // Keeps the reserve free: who holds the most pages is aborted, never the one that asks.
  #makeRoom(slot: number, length: number): boolean {
    const needed = this.#pages.needed(length);
    while (this.#pages.available - needed < this.#reserve) {
      const victim = this.#largest(slot);
      if (victim < 0) break;
      this.#abandon(victim);
    }
    if (this.#pages.available >= needed) return true;
    this.#abandon(slot);
    return false;
  }

  #abandon(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) === 0) this.#stats.error('MEMORY');
    this.#connections.doom(slot, REASON_MEMORY);
    this.drop(slot);
  }

  #largest(except: number): number {
    let [largest, most] = [-1, 0];
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if (slot === except || this.#table[base + FD]! < 0) continue;
      const pages = pagesOf(this.#table, base + OUTPUT) + pagesOf(this.#table, base + HELD);
      if (pages > most) [largest, most] = [slot, pages];
    }
    return largest;
  }

  /** Offers the connection's backlog to the kernel. Nothing else may be queued. */
  flushBacklog(slot: number): void {
    const base = slot * COLUMNS;
    this.#pages.queueSends(base + OUTPUT, PAGES_PER_FLUSH, slot, this.#table[base + FD]!);
    this.run();
  }

  /** Gives the connection's pages back. */
  drop(slot: number): void {
    const base = slot * COLUMNS;
    this.backlogBytes -= this.#table[base + OUTPUT_BYTES]!;
    this.#pages.clear(base + OUTPUT);
    this.#pages.clear(base + HELD);
  }

  /** Counts an error of the connection's socket, once, and has it aborted. */
  fail(slot: number, result: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) !== 0) return;
    this.#stats.errno(result);
    this.#connections.doom(slot, REASON_ERROR);
  }
}
