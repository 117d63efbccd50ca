// Effects: what the running callback has asked for, as rows behind a mark in the batch. When it returns,
// sends stay queued and the reactor applies the others; when it fails, all of them are taken back.
// It knows the statuses of guest ABI 1, and neither guest memory nor the kernel.

import * as Abi from '../../assembly/abi.ts';
import type { Batch } from '../kernel/batch.ts';
import * as Batches from '../kernel/batch.ts';
import * as Rows from '../kernel/rows.ts';
import { modeIndex, TLS_LATER } from '../kernel/tls/tls-access.ts';
import type { Connections } from '../memory/connections.ts';
import * as Numbers from '../memory/layout.ts';
import type { Policy } from '../policy.ts';
import * as Kinds from './effect-kinds.ts';

const { CLOSE_ABORT, CLOSE_GRACEFUL, CLOSE_OUTPUT, STATUS_BOUNDS, STATUS_CLOSED } = Abi;
const { STATUS_DENIED, STATUS_LIMIT, STATUS_OK, STATUS_STATE } = Abi;
const { CLOSING, COLUMNS, CONNECTING, DOOMED, FD, FIN_DUE, FLAGS, GUEST_BUFFER } = Numbers;
const { HANDSHAKING, LISTENER, OUTBOUND, OUTPUT_BYTES, SPLICED, STAGED_BYTES, STAGED_FLAGS } =
  Numbers;
const { STAGING_BUFFER, TLS, UNSENDABLE } = Numbers;
const { KIND_SEND, ROW, ROW_KIND, ROW_LENGTH } = Rows;
const { ROW_SLOT, ROW_VALUE } = Batches;
const { EFFECT_APART, EFFECT_APPEND, EFFECT_CLOSE, EFFECT_LIMIT, EFFECT_MEASURE } = Kinds;
const { EFFECT_PAUSE, EFFECT_RESUME, EFFECT_SPLICE, EFFECT_START_TLS, EFFECT_TIMER, EFFECT_WANT } =
  Kinds;
const { TLS_TO_KIND } = Kinds;

// Rows and bytes of earlier callbacks that may wait while a connection's next one runs.
const CARRIED_ROWS = 256;
const CARRIED_BYTES = 64 * 1024;

/** The batch must have room for so many rows of effects, whatever is carried over. */
export const effectRows = (policy: Policy): number => policy.maxStagedSends + CARRIED_ROWS;

export class Effects {
  readonly #batch: Batch;
  readonly #table: Int32Array;
  readonly #connections: Connections;
  readonly #policy: Policy;
  readonly #staging: Uint8Array;
  readonly #modes: Int32Array | null;
  readonly #double = new Float64Array(1);
  /** Its halves. */
  readonly #halves = new Int32Array(this.#double.buffer);
  #stagingUsed = 0;
  /** Bytes that were sent since the batch was performed last, wherever they lie. */
  #waiting = 0;
  #bytes = 0;
  /** The connection in whose callback we are. */
  slot = -1;
  /** The first row of the running callback. */
  mark = 0;
  /** Nothing was asked for but sends to the connection in whose callback we are. */
  plain = true;
  /** Among the rows of the running callback are some that are to be applied when it returns. */
  pending = false;

  /** @param modes bits for each listener and upstream, where one has TLS */
  constructor(
    connections: Connections,
    batch: Batch,
    policy: Policy,
    modes: Int32Array | null = null,
  ) {
    this.#modes = modes;
    this.#batch = batch;
    this.#connections = connections;
    this.#table = connections.table;
    this.#policy = policy;
    // Address space; the memory comes when it is touched. Whole words: it is read by words.
    this.#staging = new Uint8Array((policy.maxStagedBytes + CARRIED_BYTES + 3) & ~3);
    batch.bind(STAGING_BUFFER, this.#staging);
  }

  /** A callback of the slot starts; what is queued so far is committed. */
  begin(slot: number): void {
    this.mark = this.#batch.count;
    this.#bytes = 0;
    this.slot = slot;
    this.plain = true;
    this.pending = false;
  }

  /** Whether another callback of the same slot may run before the batch is flushed. */
  mayCarry(): boolean {
    return this.plain && this.#batch.count < CARRIED_ROWS && this.#waiting < CARRIED_BYTES;
  }

  /** All rows were performed; the staging buffer is free again. */
  flushed(): void {
    this.#stagingUsed = 0;
    this.#waiting = 0;
  }

  /**
   * Stages bytes of guest memory for a connection; `handle` as the guest gave it, the range checked.
   * @param inWindow they stay where they are until they are sent
   * @returns the backlog with these bytes, or a status below 0
   */
  send(handle: number, offset: number, length: number, inWindow: boolean): number {
    const slot = this.#connections.find(handle);
    if (slot < 0) return STATUS_CLOSED;
    const table = this.#table;
    const base = slot * COLUMNS;
    const flags = table[base + FLAGS]! | table[base + STAGED_FLAGS]!;
    if ((flags & DOOMED) !== 0) return STATUS_CLOSED;
    if ((flags & UNSENDABLE) !== 0) return this.#sendLater(slot, flags, offset, length);
    const waiting = table[base + OUTPUT_BYTES]!;
    const backlog = waiting + table[base + STAGED_BYTES]! + length;
    if (length === 0) return backlog;
    if (!this.hasRoom) return STATUS_LIMIT;
    if (backlog > this.#policy.maxBacklogBytes) return this.#tooMuch(slot);
    let buffer = GUEST_BUFFER;
    let from = offset;
    if (this.#bytes + length > this.#policy.maxStagedBytes) return STATUS_LIMIT;
    if (!inWindow) {
      buffer = STAGING_BUFFER;
      from = this.#stagingUsed;
      this.#batch.copyNow(GUEST_BUFFER, offset, STAGING_BUFFER, from, length);
      this.#stagingUsed += length;
    }
    this.#bytes += length;
    this.#waiting += length;
    if (slot !== this.slot) this.plain = false;
    if (waiting === 0) {
      const kind = KIND_SEND | ((flags & TLS) >>> TLS_TO_KIND);
      this.#batch.send(slot, table[base + FD]!, buffer, from, length, kind);
    } else {
      this.pending = true;
      this.#batch.effect(EFFECT_APPEND, slot, from, buffer, length);
    }
    table[base + STAGED_BYTES]! += length;
    return backlog;
  }

  #tooMuch(slot: number): number {
    this.ask(EFFECT_LIMIT, slot, 0);
    this.#table[slot * COLUMNS + STAGED_FLAGS]! |= DOOMED;
    return STATUS_LIMIT;
  }

  // As `send`, to whom nothing can be sent now: what is for one that is being made waits.
  #sendLater(slot: number, flags: number, offset: number, length: number): number {
    if ((flags & UNSENDABLE) !== CONNECTING) return STATUS_STATE;
    const [base, table, from] = [slot * COLUMNS, this.#table, this.#stagingUsed];
    const backlog = table[base + OUTPUT_BYTES]! + table[base + STAGED_BYTES]! + length;
    if (length === 0) return backlog;
    if (!this.hasRoom) return STATUS_LIMIT;
    if (backlog > this.#policy.maxBacklogBytes) return this.#tooMuch(slot);
    if (this.#bytes + length > this.#policy.maxStagedBytes) return STATUS_LIMIT;
    this.#batch.copyNow(GUEST_BUFFER, offset, STAGING_BUFFER, from, length);
    this.#stagingUsed += length;
    this.#bytes += length;
    this.#waiting += length;
    this.plain = false;
    this.pending = true;
    this.#batch.effect(EFFECT_APPEND, slot, from, STAGING_BUFFER, length);
    table[base + STAGED_BYTES]! += length;
    return backlog;
  }

  close(handle: number, how: number): number {
    if (how !== CLOSE_GRACEFUL && how !== CLOSE_ABORT && how !== CLOSE_OUTPUT) return STATUS_BOUNDS;
    const slot = this.#connections.find(handle);
    if (slot < 0) return STATUS_CLOSED;
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]! | this.#table[base + STAGED_FLAGS]!;
    if ((flags & DOOMED) !== 0) return STATUS_CLOSED;
    if (how !== CLOSE_ABORT && (flags & CLOSING) !== 0) return STATUS_STATE;
    if (how === CLOSE_OUTPUT && (flags & (FIN_DUE | SPLICED)) !== 0) return STATUS_STATE;
    if (!this.hasRoom) return STATUS_LIMIT;
    const staged = how === CLOSE_ABORT ? DOOMED : how === CLOSE_OUTPUT ? FIN_DUE : CLOSING;
    this.ask(EFFECT_CLOSE, slot, how);
    this.#table[base + STAGED_FLAGS]! |= staged;
    return STATUS_OK;
  }

  pause(handle: number): number {
    return this.#simple(EFFECT_PAUSE, handle, 0);
  }

  resume(handle: number): number {
    return this.#simple(EFFECT_RESUME, handle, 0);
  }

  want(handle: number, bytes: number): number {
    if (bytes < 0 || bytes > this.#policy.maxFrameBytes) return STATUS_LIMIT;
    return this.#simple(EFFECT_WANT, handle, bytes);
  }

  /** `milliseconds` as an i32 that is read as unsigned. */
  timer(handle: number, milliseconds: number): number {
    return this.#simple(EFFECT_TIMER, handle, milliseconds);
  }

  startTls(handle: number): number {
    const slot = this.#connections.find(handle);
    if (slot < 0) return STATUS_CLOSED;
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]! | this.#table[base + STAGED_FLAGS]!;
    if ((flags & DOOMED) !== 0) return STATUS_CLOSED;
    if ((flags & (CLOSING | FIN_DUE | SPLICED | TLS)) !== 0) return STATUS_STATE;
    const number = this.#table[base + LISTENER]!;
    const mode = this.#modes?.[modeIndex(number, (flags & OUTBOUND) !== 0)] ?? 0;
    if ((mode & TLS_LATER) === 0) return STATUS_DENIED;
    if ((flags & CONNECTING) !== 0) return STATUS_STATE;
    if (!this.hasRoom) return STATUS_LIMIT;
    this.ask(EFFECT_START_TLS, slot, 0);
    this.#table[base + STAGED_FLAGS]! |= TLS | HANDSHAKING;
    return STATUS_OK;
  }

  /** The number is of a metric that there is, and the value one that it may have. */
  measure(id: number, value: number): number {
    if (!this.hasRoom) return STATUS_LIMIT;
    this.#double[0] = value;
    this.pending = true;
    this.#batch.effect(EFFECT_MEASURE, id, this.#halves[0]!, this.#halves[1]!, 0);
    return STATUS_OK;
  }

  #simple(kind: number, handle: number, value: number): number {
    const slot = this.#connections.find(handle);
    if (slot < 0) return STATUS_CLOSED;
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]! | this.#table[base + STAGED_FLAGS]!;
    if ((flags & DOOMED) !== 0) return STATUS_CLOSED;
    const never = kind === EFFECT_TIMER ? CLOSING : CLOSING | SPLICED;
    if ((flags & never) !== 0) return STATUS_STATE;
    if (!this.hasRoom) return STATUS_LIMIT;
    this.ask(kind, slot, value);
    return STATUS_OK;
  }

  /** Something that takes effect when the callback returns, and was found right. */
  ask(kind: number, slot: number, value: number): void {
    this.plain = false;
    this.pending = true;
    this.#batch.effect(kind, slot, value, 0, 0);
  }

  /** Whether the callback may ask for something more. */
  get hasRoom(): boolean {
    return this.#batch.count - this.mark < this.#policy.maxStagedSends;
  }

  /** Takes back all that the running callback has asked for. */
  rollback(): void {
    const { rows } = this.#batch;
    // A row may be there whose bytes were not counted yet, so none is trusted: what is left is counted.
    for (let row = this.mark; row < this.#batch.count; row += 1) {
      const base = rows[row * ROW + ROW_SLOT]! * COLUMNS;
      const kind = rows[row * ROW + ROW_KIND]!;
      if (kind >= EFFECT_APART) continue;
      if (isSend(kind) || kind === EFFECT_APPEND) this.#table[base + STAGED_BYTES] = 0;
      this.#table[base + STAGED_FLAGS] = 0;
      // The other of the two stands beside it.
      if (kind !== EFFECT_SPLICE) continue;
      this.#table[rows[row * ROW + ROW_VALUE]! * COLUMNS + STAGED_FLAGS] = 0;
    }
    for (let row = 0; row < this.mark; row += 1) {
      if (!isSend(rows[row * ROW + ROW_KIND]!)) continue;
      const base = rows[row * ROW + ROW_SLOT]! * COLUMNS;
      this.#table[base + STAGED_BYTES] = 0;
    }
    for (let row = 0; row < this.mark; row += 1) {
      if (!isSend(rows[row * ROW + ROW_KIND]!)) continue;
      const base = rows[row * ROW + ROW_SLOT]! * COLUMNS;
      this.#table[base + STAGED_BYTES]! += rows[row * ROW + ROW_LENGTH]!;
    }
    this.#batch.count = this.mark;
  }
}

const isSend = (kind: number): boolean => (kind & KIND_SEND) !== 0;
