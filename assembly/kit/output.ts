// Output: bytes that are put together to be sent: `reply` in a buffer of one size that is sent on when
// it is full, and drafts that grow. It knows what a connection's number is, and no input.

import { CLOSE_ABORT, STATUS_LIMIT } from '../abi';
import * as raw from '../wasmpoll';
import { Bytes, view } from './bytes';
import { Connection } from './connection';
import { DECIMAL_BOUND, writeDecimal } from './decimal';
import { areAscii, copyBytes, fewUnits, packed, sizeOf, utf8Bound, writeUtf8 } from './text';

/** As much as may be unsent before the next message waits: each time that it is sent costs a call of the host. */
const REPLY_BYTES: i32 = 64 * 1024;
const DRAFT_BYTES: i32 = 256;
/** A piece of so many bytes goes out from where it lies: to copy it costs more than another call. */
const LARGE_BYTES: i32 = 4096;

/** Use `reply`, or `draft()`. All methods that write return the output, to write on. */
@unmanaged
export class Output {
  private start: usize;
  /** Where the next byte is written. */
  private at: usize;
  /** The end of the room that there is. */
  private limit: usize;
  private grows: boolean;
  /** Whom it is sent to; 0 for nobody. */
  private target: i32;
  /** Whose input is being read. */
  private home: i32;
  /** What is unsent of `home`, as far as it is known, without what is in the buffer. */
  private backlog: i32;

  constructor(capacity: i32, grows: boolean) {
    this.start = heap.alloc(capacity);
    this.limit = this.start + capacity;
    this.grows = grows;
    this.attach(0);
  }

  /** Bytes that are in it. */
  get length(): i32 {
    return <i32>(this.at - this.start);
  }

  /** What is in a draft; it ends when the draft is written on. */
  view(): Bytes {
    return view(this.start, this.length);
  }

  text(value: string): Output {
    return this.units(changetype<usize>(value));
  }

  /** For `text`. Four units or less are taken at once: a string has room for as many, even if it is shorter. */
  units(from: usize): Output {
    const size = sizeOf(from);
    const at = this.at;
    if (at + utf8Bound(max(size, 4)) > this.limit) return this.longUnits(from, size);
    if (size <= 4) {
      const four = fewUnits(from, size);
      store<u32>(at, packed(four));
      if (areAscii(four)) {
        this.at = at + size;
        return this;
      }
    }
    this.at = at + writeUtf8(from, size, at);
    return this;
  }

  private longUnits(from: usize, size: i32): Output {
    const bound = utf8Bound(size);
    if (this.grows || bound <= <i32>(this.limit - this.start)) {
      const at = this.makeRoom(bound);
      this.at = at + writeUtf8(from, size, at);
      return this;
    }
    const bytes = heap.alloc(bound);
    this.memory(bytes, writeUtf8(from, size, bytes));
    heap.free(bytes);
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
    this.at = at + writeDecimal(value, at);
    return this;
  }

  uint8(value: u32): Output {
    const at = this.room(1);
    store<u8>(at, value);
    this.at = at + 1;
    return this;
  }

  uint16(value: u32): Output {
    return this.uint16le(bswap<u16>(<u16>value));
  }

  uint16le(value: u32): Output {
    const at = this.room(2);
    store<u16>(at, value);
    this.at = at + 2;
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
    const at = this.room(4);
    store<u32>(at, value);
    this.at = at + 4;
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
    const at = this.room(8);
    store<u64>(at, value);
    this.at = at + 8;
    return this;
  }

  /** Seven bits a byte, the low ones first, as MQTT and Protocol Buffers have it. */
  varint(value: u32): Output {
    for (; value > 0x7f; value >>>= 7) this.uint8(value | 0x80);
    return this.uint8(value);
  }

  /** Empties a draft. */
  clear(): Output {
    this.at = this.start;
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
      to.send(this.view());
      return;
    }
    this.flush();
    this.target = this.home;
  }

  /** For `input`: from here on all goes to this connection. What is not sent yet is lost. */
  attach(connection: i32): void {
    this.at = this.start;
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
    return this.backlog + this.length;
  }

  /** Sends what is in the buffer. */
  flush(): void {
    const length = this.length;
    if (length > 0) this.push(this.start, length);
    this.at = this.start;
  }

  private memory(from: usize, length: i32): Output {
    if (length >= LARGE_BYTES && !this.grows) {
      this.flush();
      this.push(from, length);
      return this;
    }
    const at = this.room(length);
    copyBytes(at, from, length);
    this.at = at + length;
    return this;
  }

  /** @returns where there is room for so many bytes */
  @inline
  private room(bytes: i32): usize {
    const at = this.at;
    return at + bytes > this.limit ? this.makeRoom(bytes) : at;
  }

  private makeRoom(bytes: i32): usize {
    if (!this.grows) this.flush();
    else {
      const used = this.length;
      const capacity = max(2 * <i32>(this.limit - this.start), used + bytes);
      this.start = heap.realloc(this.start, capacity);
      this.limit = this.start + capacity;
      this.at = this.start + used;
    }
    return this.at;
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
