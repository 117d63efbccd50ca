// Batch: the I/O rows that go to the kernel in one native call, and the guest's effects between
// them. It knows the rows' order and layout; what became of a row its reader decides.

import type { BufferConstructor, Io, Kernel, TlsPlace } from './contract.ts';
import * as Rows from './rows.ts';
import * as TlsRows from './tls/tls-rows.ts';

const {
  KIND_COPY,
  KIND_NONE,
  KIND_RECV,
  KIND_TLS_END,
  KIND_TLS_RECV,
  KIND_TLS_SEAL,
  KIND_UPDATE,
  ROW,
  ROW_BUFFER,
  ROW_FD,
  ROW_KIND,
  ROW_LENGTH,
  ROW_OFFSET,
  ROW_RESULT,
  ROW_TARGET_BUFFER,
  ROW_TARGET_OFFSET,
} = Rows;
const { TLS_WIRE_BUFFER, TLS_WIRE_BYTES } = TlsRows;

/** In a SEND row, a row of TLS and an effect: whose it is. */
export const ROW_SLOT = ROW_TARGET_BUFFER;
/** In a row of TLS: ciphertext that waits, or is left. */
export const ROW_WIRE = ROW_TARGET_OFFSET;
/** In an effect: its argument. */
export const ROW_VALUE = ROW_OFFSET;

/** No batch has more rows. `(row & ROWS) * ROW` tells V8 that no index made of it overflows. */
export const ROWS = 0xff_ffff;

// Copies up to this many bytes are made here: a native call costs more, as much as 220 bytes by Node 20 and 24.
const SMALL_COPY_BYTES = 192;
// The same for whole words, which are copied in a third of the time.
const SMALL_WORDS_BYTES = 256;
// Bytes of an Int32.
const AT_ONCE = 4;

export class Batch {
  readonly rows: Int32Array;
  /** Rows that are queued. */
  count = 0;
  /** At most so many rows may be queued. */
  readonly capacity: number;
  readonly #io: Io;
  readonly #views: DataView[] = [];
  readonly #words: Int32Array[] = [];

  /** @param tls where rows of TLS find their sessions; there may be none without it */
  constructor(kernel: Kernel, capacity: number, Buffer: BufferConstructor, tls?: TlsPlace) {
    this.capacity = capacity;
    // One row more is kept for copies that cannot wait.
    this.rows = new Int32Array(new Buffer((capacity + 1) * ROW * 4));
    this.#io = kernel.io(this.rows, tls);
    if (tls !== undefined) this.bind(TLS_WIRE_BUFFER, new Uint8Array(TLS_WIRE_BYTES));
  }

  /** @param view begins at a multiple of 4 in its buffer */
  bind(buffer: number, view: Uint8Array): void {
    this.#views[buffer] = new DataView(view.buffer, view.byteOffset, view.length);
    this.#words[buffer] = new Int32Array(view.buffer, view.byteOffset, view.length >> 2);
    this.#io.bind(buffer, view);
  }

  /** @param kind SEND, or TLS_SEND for bytes that are to be sealed */
  send(
    slot: number,
    fd: number,
    buffer: number,
    offset: number,
    length: number,
    kind: number,
  ): void {
    const at = this.#next();
    const { rows } = this;
    rows[at + ROW_KIND] = kind;
    rows[at + ROW_FD] = fd;
    rows[at + ROW_BUFFER] = buffer;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_SLOT] = slot;
  }

  recv(fd: number, buffer: number, offset: number, length: number): void {
    const at = this.#next();
    const { rows } = this;
    rows[at + ROW_KIND] = KIND_RECV;
    rows[at + ROW_FD] = fd;
    rows[at + ROW_BUFFER] = buffer;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
  }

  /** @param waits ciphertext of the slot waits to be sent */
  tlsRecv(slot: number, fd: number, offset: number, length: number, waits: boolean): void {
    const at = this.#next();
    const { rows } = this;
    rows[at + ROW_KIND] = KIND_TLS_RECV;
    rows[at + ROW_FD] = fd;
    rows[at + ROW_BUFFER] = 0;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_SLOT] = slot;
    rows[at + ROW_WIRE] = Number(waits);
  }

  tlsEnd(slot: number, fd: number): void {
    const at = this.#next();
    const { rows } = this;
    rows[at + ROW_KIND] = KIND_TLS_END;
    rows[at + ROW_FD] = fd;
    rows[at + ROW_SLOT] = slot;
    rows[at + ROW_WIRE] = 0;
  }

  /**
   * Seals at once, whatever is queued.
   * @returns how much ciphertext is in the wire buffer now, or one of TLS_… below 0
   */
  sealNow(slot: number, buffer: number, offset: number, length: number): number {
    const { rows } = this;
    const at = this.capacity * ROW;
    rows[at + ROW_KIND] = KIND_TLS_SEAL;
    rows[at + ROW_BUFFER] = buffer;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_SLOT] = slot;
    this.#io.run(this.capacity, this.capacity + 1);
    const result = rows[at + ROW_RESULT]!;
    return result < 0 ? result : rows[at + ROW_WIRE]!;
  }

  copy(buffer: number, offset: number, target: number, targetOffset: number, length: number): void {
    const at = this.#next();
    const { rows } = this;
    rows[at + ROW_KIND] = KIND_COPY;
    rows[at + ROW_BUFFER] = buffer;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_TARGET_BUFFER] = target;
    rows[at + ROW_TARGET_OFFSET] = targetOffset;
  }

  /** As `copy`, but writes only if something is different: see KIND_UPDATE. */
  update(buffer: number, offset: number, target: number, targetOffset: number, length: number) {
    const row = this.count;
    this.copy(buffer, offset, target, targetOffset, length);
    this.rows[(row & ROWS) * ROW + ROW_KIND] = KIND_UPDATE;
  }

  effect(kind: number, slot: number, value: number, buffer: number, length: number): void {
    const at = this.#next();
    const { rows } = this;
    rows[at + ROW_KIND] = kind;
    rows[at + ROW_BUFFER] = buffer;
    rows[at + ROW_VALUE] = value;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_SLOT] = slot;
  }

  /** Takes a row. @returns where it starts */
  #next(): number {
    const { count } = this;
    if (count >= this.capacity) throw new RangeError('batch: more rows than it has room for');
    this.count = count + 1;
    return (count & ROWS) * ROW;
  }

  /** Performs queued rows [from, count); see Io.run for where it stops. */
  run(from: number): number {
    return this.#io.run(from, this.count);
  }

  /** Makes the row a no-op for the runs to come. */
  cancel(row: number): void {
    this.rows[row * ROW + ROW_KIND] = KIND_NONE;
  }

  /** Writes a word at once, whatever is queued. @param offset a multiple of 4 */
  putWord(buffer: number, offset: number, value: number): void {
    this.#words[buffer]![offset >> 2] = value;
  }

  /** Copies at once, whatever is queued. */
  copyNow(buffer: number, offset: number, target: number, targetOffset: number, length: number) {
    if (length <= SMALL_COPY_BYTES) {
      const from = this.#views[buffer]!;
      const to = this.#views[target]!;
      let index = 0;
      // By words: they need not be aligned.
      for (; index + AT_ONCE <= length; index += AT_ONCE) {
        to.setInt32(targetOffset + index, from.getInt32(offset + index, true), true);
      }
      for (; index < length; index += 1) {
        to.setUint8(targetOffset + index, from.getUint8(offset + index));
      }
      return;
    }
    this.#now(KIND_COPY, buffer, offset, target, targetOffset, length);
  }

  /** As `update`, at once. */
  updateNow(buffer: number, offset: number, target: number, targetOffset: number, length: number) {
    this.#now(KIND_UPDATE, buffer, offset, target, targetOffset, length);
  }

  #now(
    kind: number,
    buffer: number,
    offset: number,
    target: number,
    targetOffset: number,
    length: number,
  ): void {
    const { rows } = this;
    const at = this.capacity * ROW;
    rows[at + ROW_KIND] = kind;
    rows[at + ROW_BUFFER] = buffer;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_TARGET_BUFFER] = target;
    rows[at + ROW_TARGET_OFFSET] = targetOffset;
    this.#io.run(this.capacity, this.capacity + 1);
  }

  /** As `copyNow`, quicker when the length is a multiple of 4, as the offsets are. */
  copyWords(buffer: number, offset: number, target: number, targetOffset: number, length: number) {
    if (length > SMALL_WORDS_BYTES || (length & 3) !== 0) {
      this.copyNow(buffer, offset, target, targetOffset, length);
      return;
    }
    const from = this.#words[buffer]!;
    const to = this.#words[target]!;
    const end = (offset + length) >> 2;
    let word = offset >> 2;
    let place = targetOffset >> 2;
    for (; word + 4 <= end; word += 4, place += 4) {
      to[place] = from[word]!;
      to[place + 1] = from[word + 1]!;
      to[place + 2] = from[word + 2]!;
      to[place + 3] = from[word + 3]!;
    }
    for (; word < end; word += 1, place += 1) to[place] = from[word]!;
  }
}
