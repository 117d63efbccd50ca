// Output: bytes that are put together to be sent: `reply` in a buffer of one size that is sent on when
// it is full, and drafts that grow. It knows what a connection's number is, and no input.

import { CLOSE_ABORT, STATUS_LIMIT } from '../abi';
import * as raw from '../wasmpoll';
import { Bytes, view } from './bytes';
import { Connection } from './connection';
import { DECIMAL_BOUND, writeDecimal } from './decimal';
import { unitsOf, utf8Bound, writeUtf8 } from './text';

const REPLY_BYTES: i32 = 16 * 1024;
const DRAFT_BYTES: i32 = 256;
/** A piece of so many bytes goes out from where it lies: to copy it costs more than another call. */
const LARGE_BYTES: i32 = 4096;

/** Use `reply`, or `draft()`. All methods that write return the output, to write on. */
@unmanaged
export class Output {
  private start: usize;
  private used: i32;
  private capacity: i32;
  private grows: boolean;
  /** Whom it is sent to; 0 for nobody. */
  private target: i32;
  /** Whose input is being read. */
  private home: i32;
  /** What is unsent of `home`, as far as it is known, without what is in the buffer. */
  private backlog: i32;

  constructor(capacity: i32, grows: boolean) {
    this.start = heap.alloc(capacity);
    this.used = 0;
    this.capacity = capacity;
    this.grows = grows;
    this.attach(0);
  }

  /** Bytes that are in it. */
  get length(): i32 {
    return this.used;
  }

  /** What is in a draft; it ends when the draft is written on. */
  view(): Bytes {
    return view(this.start, this.used);
  }

  @inline
  text(value: string): Output {
    return this.units(unitsOf(value), value.length);
  }

  /** For `text`. */
  units(from: usize, size: i32): Output {
    const bound = utf8Bound(size);
    if (bound > this.capacity && !this.grows) {
      const bytes = heap.alloc(bound);
      const length = writeUtf8(from, size, bytes);
      this.flush();
      this.push(bytes, length);
      heap.free(bytes);
      return this;
    }
    const at = this.room(bound);
    this.used += writeUtf8(from, size, at);
    return this;
  }

  bytes(value: Bytes): Output {
    return this.memory(value.at, value.length);
  }

  buffer(value: ArrayBuffer): Output {
    return this.memory(changetype<usize>(value), value.byteLength);
  }

  decimal(value: i64): Output {
    const at = this.room(DECIMAL_BOUND);
    this.used += writeDecimal(value, at);
    return this;
  }

  uint8(value: u32): Output {
    store<u8>(this.room(1), value);
    this.used += 1;
    return this;
  }

  uint16(value: u32): Output {
    return this.uint16le(bswap<u16>(<u16>value));
  }

  uint16le(value: u32): Output {
    store<u16>(this.room(2), value);
    this.used += 2;
    return this;
  }

  /** Bytes with their number in front, in 16 bits. */
  bytes16(value: Bytes): Output {
    return this.uint16(value.length).memory(value.at, value.length);
  }

  uint32(value: u32): Output {
    return this.uint32le(bswap<u32>(value));
  }

  uint32le(value: u32): Output {
    store<u32>(this.room(4), value);
    this.used += 4;
    return this;
  }

  /** A number that reads back as the same: whole ones without a fraction. Others allocate. */
  float(value: f64): Output {
    const whole = <i64>value;
    const exact = Math.abs(value) <= <f64>f64.MAX_SAFE_INTEGER && <f64>whole === value;
    return exact ? this.decimal(whole) : this.text(value.toString());
  }

  uint64(value: u64): Output {
    return this.uint64le(bswap<u64>(value));
  }

  uint64le(value: u64): Output {
    store<u64>(this.room(8), value);
    this.used += 8;
    return this;
  }

  /** Seven bits a byte, the low ones first, as MQTT and Protocol Buffers have it. */
  varint(value: u32): Output {
    for (; value > 0x7f; value >>>= 7) this.uint8(value | 0x80);
    return this.uint8(value);
  }

  /** Empties a draft. */
  clear(): Output {
    this.used = 0;
    return this;
  }

  /** What is written to `reply` from here on goes to this connection, until `send`: for all other callbacks. */
  to(connection: Connection): Output {
    this.flush();
    this.target = connection.id;
    return this;
  }

  /** Sends what was written since `to`; or a draft, which stays as it is, to a connection. */
  send(to: Connection | null = null): void {
    if (to !== null) {
      to.send(view(this.start, this.used));
      return;
    }
    this.flush();
    this.target = this.home;
  }

  /** For `input`: from here on all goes to this connection. What is not sent yet is lost. */
  attach(connection: i32): void {
    this.used = 0;
    this.backlog = 0;
    this.home = connection;
    this.target = connection;
  }

  /** For `Connection`: whether it is written to this one now. */
  isFor(connection: i32): boolean {
    return this.target === connection;
  }

  /** For `input`: bytes that its connection has not been sent yet, as far as it is known. */
  get unsent(): i32 {
    return this.backlog + this.used;
  }

  /** Sends what is in the buffer. */
  flush(): void {
    if (this.used > 0) this.push(this.start, this.used);
    this.used = 0;
  }

  private memory(at: usize, length: i32): Output {
    if (length >= LARGE_BYTES && !this.grows) {
      this.flush();
      this.push(at, length);
      return this;
    }
    memory.copy(this.room(length), at, length);
    this.used += length;
    return this;
  }

  /** @returns where there is room for so many bytes */
  private room(bytes: i32): usize {
    if (this.used + bytes > this.capacity) this.makeRoom(bytes);
    return this.start + this.used;
  }

  private makeRoom(bytes: i32): void {
    if (!this.grows) {
      this.flush();
      return;
    }
    this.capacity = max(2 * this.capacity, this.used + bytes);
    this.start = heap.realloc(this.start, this.capacity);
  }

  // A stream with a hole in it is worse than none.
  private push(at: usize, length: i32): void {
    const target = this.target;
    if (target === 0) return;
    const backlog = raw.send(target, at, length);
    if (backlog === STATUS_LIMIT) raw.close(target, CLOSE_ABORT);
    else if (target === this.home) this.backlog = backlog;
  }
}

/**
 * The answer to the connection whose input is read, from `input.begin` to `input.finish`, which sends
 * it. In other callbacks: `reply.to(connection).text('…').send()`. What is written to nobody is dropped.
 */
export const reply: Output = new Output(REPLY_BYTES, false);

/** An output that grows, and is sent when the author says so. Make it outside of all functions. */
export function draft(): Output {
  return new Output(DRAFT_BYTES, true);
}

const spare: Output = draft();

/** A text as UTF-8, until the next one. */
export function utf8(text: string): Bytes {
  return spare.clear().text(text).view();
}
