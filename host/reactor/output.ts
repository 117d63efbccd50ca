// Output: what leaves for the peers. It runs the batch, and what the kernel did not take joins the
// backlog. It does not know what was asked of a callback, nor why a connection closes.

import { REASON_ERROR } from '../../assembly/abi.ts';
import * as Batches from '../kernel/batch.ts';
import * as Rows from '../kernel/rows.ts';
import * as TlsRows from '../kernel/tls/tls-rows.ts';
import * as Numbers from '../memory/layout.ts';
import type { Outbox } from '../memory/outbox.ts';
import type { Backlog } from './backlog.ts';
import type { Parts } from './parts.ts';
import { Sealing } from './tls/sealing.ts';

const { BUSY, COLUMNS, DOOMED, FD, FIN_SENT, FLAGS, LAST_PROGRESS, MANY_BYTES } = Numbers;
const { OUTPUT, OUTPUT_BYTES, SEGMENT_BUFFER, SENT, SLOTS, STAGED_BYTES, TIMES } = Numbers;
const { TLS, UNSAVED } = Numbers;
const { KIND_SEND, KIND_TLS_END, KIND_TLS_RECV, KIND_TLS_SEND } = Rows;
const { ROW, ROW_BUFFER, ROW_KIND, ROW_LENGTH, ROW_OFFSET, ROW_RESULT } = Rows;
const { TLS_FAILED, TLS_WIRE_BUFFER } = TlsRows;
const { ROW_SLOT, ROW_WIRE, ROWS } = Batches;

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
  readonly #backlog: Backlog;
  readonly #outbox: Outbox;
  readonly #sealing: Sealing;
  /** The slot whose state block is queued to be copied out of the guest; −1 for none. */
  unsaved = -1;

  constructor(parts: Parts, backlog: Backlog, outbox: Outbox) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#times = parts.connections.segment.times;
    this.#batch = parts.batch;
    this.#effects = parts.effects;
    this.#pages = parts.pages;
    this.#kernel = parts.kernel;
    this.#clock = parts.clock;
    this.#stats = parts.stats;
    this.#backlog = backlog;
    this.#outbox = outbox;
    this.#sealing = new Sealing(parts, backlog);
  }

  /** Performs all that is queued. No row is left; results of other rows than SENDs stay readable. */
  run(): void {
    const batch = this.#batch;
    const { rows } = batch;
    let from = 0;
    let sent = 0;
    while (from < batch.count) {
      const stop = batch.run(from);
      for (let row = from; row < stop; row += 1) {
        const at = (row & ROWS) * ROW;
        if ((rows[at + ROW_KIND]! & KIND_SEND) !== 0) sent += this.#sent(rows, at);
      }
      if (stop < batch.count) this.#fellShort(stop);
      from = stop + 1;
    }
    batch.count = 0;
    if (sent > 0) this.#stats.sent(sent);
    this.#effects.flushed();
    if (this.unsaved < 0) return;
    this.#table[this.unsaved * COLUMNS + UNSAVED] = 0;
    this.unsaved = -1;
  }

  // As Connections.sent, but by the table that is at hand: an object more on the way of each message shows.
  // Returns what is to be counted for all connections.
  #sent(rows: Int32Array, at: number): number {
    const slot = rows[at + ROW_SLOT]! & SLOTS;
    const length = rows[at + ROW_LENGTH]!;
    if (rows[at + ROW_BUFFER] === SEGMENT_BUFFER) {
      this.#flushed(slot, length);
      return 0;
    }
    const base = slot * COLUMNS;
    const table = this.#table;
    table[base + STAGED_BYTES]! -= length;
    const sum = (table[base + SENT]! + length) | 0;
    table[base + SENT] = sum;
    if (sum >= MANY_BYTES) this.#connections.carry(slot);
    this.#times[slot * TIMES + LAST_PROGRESS] = this.#clock.now;
    return length;
  }

  // The kernel has taken so much of the backlog. What was sealed is counted already.
  #flushed(slot: number, length: number): void {
    this.#backlog.consume(slot, length);
    if ((this.#table[slot * COLUMNS + FLAGS]! & TLS) === 0) this.#progress(slot, length);
    else this.#connections.sent(slot, 0, this.#clock.now);
  }

  #progress(slot: number, length: number): void {
    this.#stats.sent(length);
    this.#connections.sent(slot, length, this.#clock.now);
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
    if ((rows[at + ROW_KIND]! & KIND_TLS_RECV) !== 0) {
      this.#settleTls(row, slot);
      return;
    }
    const sent = Math.max(0, result);
    if (result < 0 && result !== -this.#kernel.constants.EAGAIN) {
      this.fail(slot, result);
    }
    if (rows[at + ROW_BUFFER] === SEGMENT_BUFFER) {
      if (sent > 0) this.#flushed(slot, sent);
      this.#cancelRest(slot, row + 1);
      return;
    }
    if (sent > 0) this.#progress(slot, sent);
    this.#table[base + STAGED_BYTES]! -= rows[at + ROW_LENGTH]!;
    const [offset, length] = [rows[at + ROW_OFFSET]!, rows[at + ROW_LENGTH]!];
    this.#backlog.append(slot, rows[at + ROW_BUFFER]!, offset + sent, length - sent);
    if (this.#table[base + STAGED_BYTES]! > 0) this.#postpone(slot, row + 1);
  }

  // Ciphertext that the row has left waits, and whatever the slot has behind it in the batch.
  #settleTls(row: number, slot: number): void {
    const { rows } = this.#batch;
    const at = row * ROW;
    const base = slot * COLUMNS;
    const result = rows[at + ROW_RESULT]!;
    const wire = rows[at + ROW_WIRE]!;
    // After its FIN nothing is for the peer any more.
    if (wire > 0 && (this.#table[base + FLAGS]! & FIN_SENT) === 0) {
      this.#backlog.append(slot, TLS_WIRE_BUFFER, 0, wire);
    }
    if (rows[at + ROW_KIND] === KIND_TLS_SEND) {
      const [length, sealed] = [rows[at + ROW_LENGTH]!, Math.max(0, result)];
      this.#table[base + STAGED_BYTES]! -= length;
      if (sealed > 0) this.#progress(slot, sealed);
      if (result === TLS_FAILED) this.#sealing.failed(slot);
      else if (result < 0) this.fail(slot, result);
      else if (sealed < length) {
        const offset = rows[at + ROW_OFFSET]! + sealed;
        this.#backlog.append(slot, rows[at + ROW_BUFFER]!, offset, length - sealed);
      }
    }
    this.#postpone(slot, row + 1);
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
      if (rows[at + ROW_SLOT] !== slot) continue;
      const kind = rows[at + ROW_KIND]!;
      // What a receive has to say must not overtake it.
      if (kind === KIND_TLS_RECV || kind === KIND_TLS_END) rows[at + ROW_WIRE] = 1;
      if ((kind & KIND_SEND) === 0) continue;
      this.#batch.cancel(row);
      this.#table[slot * COLUMNS + STAGED_BYTES]! -= rows[at + ROW_LENGTH]!;
      this.#backlog.append(
        slot,
        rows[at + ROW_BUFFER]!,
        rows[at + ROW_OFFSET]!,
        rows[at + ROW_LENGTH]!,
      );
    }
  }

  /** Offers the kernel what is in the outbox, and empties it; what the kernel does not take is backlog. */
  post(): void {
    const outbox = this.#outbox;
    const { rows } = outbox;
    for (let row = 0; row < outbox.count; row += 1) {
      const at = row * ROW;
      if (rows[at + ROW_KIND] !== KIND_SEND) continue;
      if (outbox.waits(row)) outbox.perform(row);
      const length = rows[at + ROW_LENGTH]!;
      if (rows[at + ROW_RESULT] === length) {
        outbox.done(row);
        this.#progress(rows[at + ROW_SLOT]!, length);
      } else this.#notAll(row);
    }
    outbox.clear();
  }

  // What the kernel has left of a row of the outbox waits, and so does all that follows it there.
  #notAll(row: number): void {
    const outbox = this.#outbox;
    const { rows } = outbox;
    const at = row * ROW;
    const slot = rows[at + ROW_SLOT]!;
    const base = slot * COLUMNS;
    const busy = this.#table[base + BUSY]!;
    // Between what is in the outbox and what is in the pages the row counts as torn.
    this.#table[base + BUSY] = 1;
    const result = rows[at + ROW_RESULT]!;
    const sent = Math.max(0, result);
    if (sent > 0) this.#progress(slot, sent);
    if (result < 0 && result !== -this.#kernel.constants.EAGAIN) this.fail(slot, result);
    for (let next = row, skip = sent; next < outbox.count; next += 1, skip = 0) {
      const from = next * ROW;
      if (rows[from + ROW_KIND] !== KIND_SEND || rows[from + ROW_SLOT] !== slot) continue;
      const [offset, length] = [rows[from + ROW_OFFSET]!, rows[from + ROW_LENGTH]!];
      outbox.done(next);
      this.#backlog.append(slot, rows[from + ROW_BUFFER]!, offset + skip, length - skip);
    }
    this.#table[base + BUSY] = busy;
  }

  /** What the batch holds from `mark` on for connections that have a backlog by now goes behind it. */
  postpone(mark: number): void {
    const { rows, count } = this.#batch;
    for (let row = mark; row < count; row += 1) {
      const at = row * ROW;
      const slot = rows[at + ROW_SLOT]!;
      if ((rows[at + ROW_KIND]! & KIND_SEND) === 0) continue;
      if (this.#table[slot * COLUMNS + OUTPUT_BYTES] === 0) continue;
      this.#batch.cancel(row);
      const [buffer, offset] = [rows[at + ROW_BUFFER]!, rows[at + ROW_OFFSET]!];
      this.#backlog.appendStaged(slot, buffer, offset, rows[at + ROW_LENGTH]!);
    }
  }

  /** Offers the connection's backlog to the kernel. Nothing else may be queued. */
  flushBacklog(slot: number): void {
    const base = slot * COLUMNS;
    this.#pages.queueSends(base + OUTPUT, PAGES_PER_FLUSH, slot, this.#table[base + FD]!);
    this.run();
    this.#pages.shrink(base + OUTPUT);
  }

  /** Counts an error of the connection's socket, once, and has it aborted. */
  fail(slot: number, result: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & DOOMED) !== 0) return;
    this.#stats.errno(result);
    this.#connections.doom(slot, REASON_ERROR);
  }
}
