// Shared log: what the running callback asks of topics and keys, as records. When it has returned one call
// performs them all; requests are counted until they are replied to. It knows the form of a record, and not
// what a guest may ask for, nor what becomes of it.

import type { Batch } from '../kernel/batch.ts';
import type { Connections } from '../memory/connections.ts';
import * as Numbers from '../memory/layout.ts';
import * as Policies from '../policy.ts';
import type { SharedSeat } from '../shared/contract.ts';
import * as Forms from '../shared/form.ts';
import { isPattern, isTopic, shareLength } from '../shared/names.ts';
import * as Records from '../shared/records.ts';
import type { Effects } from './effects.ts';

const { COLUMNS, DOOMED, FLAGS, GUEST_BUFFER, HANDLE, KNOWN, LOG_BUFFER, REQUESTS, SHARING } =
  Numbers;
const {
  COMMITTED_OWN,
  OP_ADD,
  OP_GET,
  OP_JOIN,
  RECORD_FIRST,
  RECORD_FLAGS,
  RECORD_HANDLE,
  RECORD_OP,
  RECORD_SEAT,
  RECORD_SECOND,
  RECORD_TAG,
  RECORD_TTL,
  RECORD_VALUE,
} = Records;
const { ALIGNMENT, aligned, HEAD_BYTES, WORD } = Forms;
const { VERSION_BYTES } = Policies;

/** What there is of shared state for one reactor. */
export interface SharedAccess {
  /** Null where there is none. */
  readonly seat: SharedSeat | null;
  /** What is taken for the seat; it outlives the thread. */
  readonly block: Int32Array;
  /** Store records wait for somebody who performs them, and `check` knows whether they may. */
  readonly routed: boolean;
}

export class SharedLog {
  /** Bytes of the records that the running callback has staged; 0 between callbacks. */
  length = 0;
  /** Something may wait for this seat. */
  due: boolean;
  /** Requests of all connections that are not replied to, with those that are staged. */
  pending = 0;
  readonly seat: SharedSeat | null;
  readonly routed: boolean;
  readonly #batch: Batch;
  readonly #effects: Effects;
  readonly #connections: Connections;
  readonly #table: Int32Array;
  readonly #maxBytes: number;
  readonly #maxRecords: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  #records = 0;
  /** Topics, messages, keys and values among `length`. */
  #payload = 0;
  /** Where the record that was written last ends. */
  #end = 0;

  constructor(
    connections: Connections,
    batch: Batch,
    effects: Effects,
    policy: Policies.Policy,
    { seat, block, routed }: SharedAccess,
  ) {
    this.#connections = connections;
    this.#table = connections.table;
    this.#batch = batch;
    this.#effects = effects;
    this.#maxBytes = policy.maxStagedBytes;
    this.#maxRecords = policy.maxStagedSends;
    this.seat = seat;
    this.routed = routed;
    // What came for the thread before waits, too.
    this.due = seat !== null;
    const most = aligned(this.#maxBytes) + this.#maxRecords * (HEAD_BYTES + ALIGNMENT);
    // Address space; the memory comes when it is touched.
    const buffer = new ArrayBuffer(seat === null ? HEAD_BYTES : most);
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    batch.bind(LOG_BUFFER, this.#bytes);
    seat?.bind(this.#bytes, block);
  }

  /**
   * Writes a record behind those that count; it counts when it is kept. Bytes are guest memory's, the ranges
   * checked.
   * @returns false when the callback has asked for too much
   */
  write(
    op: number,
    handle: number,
    tag: number,
    flags: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
  ): boolean {
    if (this.#records >= this.#maxRecords) return false;
    if (this.#payload + firstLength + secondLength > this.#maxBytes) return false;
    const words = this.#words;
    const word = this.length / WORD;
    words[word + RECORD_OP] = op;
    words[word + RECORD_HANDLE] = handle;
    words[word + RECORD_TAG] = tag;
    words[word + RECORD_FLAGS] = flags;
    words[word + RECORD_FIRST] = firstLength;
    words[word + RECORD_SECOND] = secondLength;
    words[word + RECORD_TTL] = 0;
    words[word + RECORD_SEAT] = 0;
    words[word + RECORD_VALUE] = 0;
    words[word + RECORD_VALUE + 1] = 0;
    let end = this.length + HEAD_BYTES;
    this.#batch.copyNow(GUEST_BUFFER, first, LOG_BUFFER, end, firstLength);
    end += firstLength;
    this.#batch.copyNow(GUEST_BUFFER, second, LOG_BUFFER, end, secondLength);
    end += secondLength;
    this.#end = aligned(end);
    for (; end < this.#end; end += 1) this.#bytes[end] = 0;
    return true;
  }

  // Of the record that was written last.

  set ttl(milliseconds: number) {
    this.#words[this.length / WORD + RECORD_TTL] = milliseconds;
  }

  set delta(value: number) {
    this.#doubles[(this.length / WORD + RECORD_VALUE) >> 1] = value;
  }

  /** The address of 8 bytes of guest memory. */
  set expected(address: number) {
    const target = this.length + RECORD_VALUE * WORD;
    this.#batch.copyNow(GUEST_BUFFER, address, LOG_BUFFER, target, VERSION_BYTES);
  }

  get isTopic(): boolean {
    return isTopic(this.#bytes, this.length + HEAD_BYTES, this.#firstLength);
  }

  get isPattern(): boolean {
    return isPattern(this.#bytes, this.length + HEAD_BYTES, this.#firstLength);
  }

  /** Whether it is the name of a share, '/', and a pattern. */
  get isShared(): boolean {
    const at = this.length + HEAD_BYTES;
    const name = shareLength(this.#bytes, at, this.#firstLength);
    return name > 0 && isPattern(this.#bytes, at + name + 1, this.#firstLength - name - 1);
  }

  get #firstLength(): number {
    return this.#words[this.length / WORD + RECORD_FIRST]!;
  }

  /** Whether it is within the bounds of all. */
  fits(): boolean {
    const at = this.length;
    const handle = this.#words[at / WORD + RECORD_HANDLE]!;
    return this.seat!.check(at, this.#joins(handle)) >= 0;
  }

  #joins(handle: number): number {
    const words = this.#words;
    let count = 0;
    for (let at = 0; at < this.length; at += this.#sizeAt(at)) {
      const word = at / WORD;
      if (words[word + RECORD_OP] === OP_JOIN && words[word + RECORD_HANDLE] === handle) count += 1;
    }
    return count;
  }

  #sizeAt(at: number): number {
    const word = at / WORD;
    const payload = this.#words[word + RECORD_FIRST]! + this.#words[word + RECORD_SECOND]!;
    return aligned(HEAD_BYTES + payload);
  }

  /** The record counts. It is about the slot's connection; −1 for none. */
  keep(slot: number): void {
    const word = this.length / WORD;
    const payload = this.#words[word + RECORD_FIRST]! + this.#words[word + RECORD_SECOND]!;
    const op = this.#words[word + RECORD_OP]!;
    // No call from here on: where a stack ends, all of it stands or nothing. Marked before the record is
    // performed: whoever goes on with the table lets no membership outlive its connection.
    if (slot >= 0) {
      const base = slot * COLUMNS;
      this.#table[base + FLAGS]! |= SHARING;
      if (op >= OP_GET && op <= OP_ADD) {
        this.#table[base + REQUESTS]! += 1;
        this.pending += 1;
      }
    }
    this.#payload += payload;
    this.#records += 1;
    this.length = this.#end;
    this.#effects.pending = true;
  }

  /** The callback has returned: performs what it has asked for. */
  commit(now: number): void {
    const committed = this.seat!.commit(this.length, now);
    this.#clear();
    if ((committed & COMMITTED_OWN) !== 0) this.due = true;
  }

  /** Takes back all that the running callback has asked for. */
  rollback(): void {
    for (let at = 0; at < this.length; at += this.#sizeAt(at)) {
      const word = at / WORD;
      const op = this.#words[word + RECORD_OP]!;
      if (op < OP_GET || op > OP_ADD) continue;
      const slot = this.#connections.current(this.#words[word + RECORD_HANDLE]!);
      if (slot >= 0) this.replied(slot);
    }
    this.#clear();
  }

  #clear(): void {
    this.length = 0;
    this.#records = 0;
    this.#payload = 0;
  }

  /** A request of the connection is over. */
  replied(slot: number): void {
    const at = slot * COLUMNS + REQUESTS;
    if (this.#table[at] === 0) return;
    this.#table[at]! -= 1;
    this.pending -= 1;
  }

  /** The connection is over, and all that it shares. */
  leave(slot: number): void {
    const base = slot * COLUMNS;
    this.#table[base + FLAGS]! &= ~SHARING;
    this.pending -= this.#table[base + REQUESTS]!;
    this.#table[base + REQUESTS] = 0;
    this.seat?.leaveAll(this.#table[base + HANDLE]!);
  }

  /** After another thread has left the table: whom the seat still has, and how many replies are to come. */
  adopt(): void {
    const { end } = this.#connections;
    const slots: number[] = [];
    this.pending = 0;
    for (let slot = 0; slot < end; slot += 1) {
      const base = slot * COLUMNS;
      this.#table[base + REQUESTS] = 0;
      if ((this.#table[base + FLAGS]! & (KNOWN | DOOMED)) === KNOWN) slots.push(slot);
    }
    const handles = Int32Array.from(slots, (slot) => this.#table[slot * COLUMNS + HANDLE]!);
    const pending = new Int32Array(slots.length);
    this.seat?.adopt(handles, slots.length, pending);
    for (const [index, slot] of slots.entries()) {
      this.#table[slot * COLUMNS + REQUESTS] = pending[index]!;
      this.pending += pending[index]!;
    }
  }
}
