// Output: bytes that are put together to be sent: `reply`, and drafts. It knows how things are written, and no input.

import { Bytes, view } from './bytes';
import { Connection } from './connection';
import { CR_LF, LARGE_BYTES, Room, UNSENT_BYTES } from './room';
import { areAscii, copyBytes, packed, sizeOf } from './text';

/** Room for one more answer: each time that it is sent costs a call of the host. */
const REPLY_BYTES: i32 = UNSENT_BYTES + LARGE_BYTES;
const DRAFT_BYTES: i32 = 256;
const ZERO: u32 = 0x30;

/** Use `reply`, or `draft()`. All methods that write return the output, to write on. */
@unmanaged
export class Output extends Room {
  /** For `reply` and `draft`: what it is before all else. */
  prepared(capacity: i32, grows: boolean): Output {
    this.prepare(capacity, grows);
    return this;
  }

  /** What is in a draft; it ends when the draft is written on. */
  view(): Bytes {
    return view(this.start, this.length);
  }

  text(value: string): Output {
    return this.units(changetype<usize>(value));
  }

  /** For `text`. Four units or less are taken at once: a string has room for as many, even if it is shorter. */
  private units(from: usize): Output {
    const size = sizeOf(from);
    const at = this.at;
    const four = load<u64>(from);
    if (size > 4 || at + 4 > this.limit || !areAscii(four)) anyText(this, from);
    else {
      store<u32>(at, packed(four));
      this.at = at + size;
    }
    return this;
  }

  bytes(value: Bytes): Output {
    return this.memory(value.at, value.length);
  }

  /** Bytes, and CR LF behind them. */
  bytesLine(value: Bytes): Output {
    const from = value.at;
    const length = value.length;
    const at = this.at;
    if (length >= LARGE_BYTES || at + length + 2 > this.limit) anyBytesLine(this, from, length);
    else {
      copy(at, from, length);
      store<u16>(at + length, CR_LF);
      this.at = at + length + 2;
    }
    return this;
  }

  buffer(value: ArrayBuffer): Output {
    return this.memory(changetype<usize>(value), value.byteLength);
  }

  decimal(value: i64): Output {
    const at = this.at;
    const digits = <u32>value;
    if (<u64>value >= 100 || at + 2 > this.limit) anyDecimal(this, value);
    else if (digits < 10) {
      store<u8>(at, ZERO + digits);
      this.at = at + 1;
    } else {
      // The first one lies in the low byte.
      store<u16>(at, ZERO + digits / 10 + ((ZERO + (digits % 10)) << 8));
      this.at = at + 2;
    }
    return this;
  }

  /** A number, and CR LF behind it. */
  decimalLine(value: i64): Output {
    const at = this.at;
    const digits = <u32>value;
    if (<u64>value >= 100 || at + 4 > this.limit) anyDecimalLine(this, value);
    else if (digits < 10) {
      store<u32>(at, (ZERO + digits) | ((<u32>CR_LF) << 8));
      this.at = at + 3;
    } else {
      const both = ZERO + digits / 10 + ((ZERO + (digits % 10)) << 8);
      store<u32>(at, both | ((<u32>CR_LF) << 16));
      this.at = at + 4;
    }
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

  private memory(from: usize, length: i32): Output {
    const at = this.at;
    if (length >= LARGE_BYTES || at + length > this.limit) anyMemory(this, from, length);
    else if (length <= 16 && length >= 8) {
      const last = length - 8;
      store<u64>(at, load<u64>(from));
      store<u64>(at + last, load<u64>(from + last));
      this.at = at + length;
    } else {
      copy(at, from, length);
      this.at = at + length;
    }
    return this;
  }
}

// What is seldom needed is called by what it is: see text.ts.
const copy: (to: usize, from: usize, length: i32) => void = copyBytes;
const anyText = (room: Room, units: usize): void => room.anyUnits(units);
const anyMemory = (room: Room, from: usize, length: i32): void => room.anyMemory(from, length);
const anyDecimal = (room: Room, value: i64): void => room.anyDecimal(value);
const anyBytesLine = (room: Room, from: usize, length: i32): void => {
  room.anyMemory(from, length);
  room.endLine();
};
const anyDecimalLine = (room: Room, value: i64): void => {
  room.anyDecimal(value);
  room.endLine();
};

/**
 * The answer to the connection whose input is read, from `input.begin` to `input.finish`, which sends
 * it. In other callbacks: `reply.to(connection).text('…').send()`. What is written to nobody is dropped.
 */
export const reply: Output = changetype<Output>(memory.data(32)).prepared(REPLY_BYTES, false);

/** An output that grows, and is sent when the author says so. Make it outside of all functions. */
export function draft(): Output {
  return new Output().prepared(DRAFT_BYTES, true);
}

const spare: Output = draft();

/** A text as UTF-8, until the next one. */
export function utf8(text: string): Bytes {
  return spare.clear().text(text).view();
}
