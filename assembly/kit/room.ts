// Room: where an output is put together, and to whom it goes: a buffer of one size that is sent on when it is full, or
// one that grows. It knows what a connection's number is, and not what is written.

import { CLOSE_ABORT, STATUS_LIMIT } from '../abi';
import * as raw from '../wasmpoll';
import { DECIMAL_BOUND, writeDecimal } from './decimal';
import { copyBytes, sizeOf, utf8Bound, writeUtf8 } from './text';

/** A piece of so many bytes goes out from where it lies: to copy it costs more than another call. */
export const LARGE_BYTES: i32 = 4096;

/** With so much unsent the rest of the input waits: a peer that does not read is not answered on. */
export const UNSENT_BYTES: i32 = 64 * 1024;
/** As they lie in memory, the low byte first. */
export const CR_LF: u16 = 0x0a0d;

/** The base of `Output`. */
@unmanaged
export class Room {
  protected start: usize;
  /** Where the next byte is written. */
  protected at: usize;
  /** The end of the room that there is. */
  protected limit: usize;
  protected grows: boolean;
  /** Whom it is sent to; 0 for nobody. */
  protected target: i32;
  /** Whose input is being read. */
  protected home: i32;
  /** Up to where it is filled before so much of `home` is unsent that the next message waits. */
  protected brim: usize;

  /** For `reply` and `draft`: what it is before all else. */
  protected prepare(capacity: i32, grows: boolean): void {
    this.start = heap.alloc(capacity);
    this.limit = this.start + capacity;
    this.grows = grows;
    this.attach(0);
  }

  /** Bytes that are in it. */
  get length(): i32 {
    return <i32>(this.at - this.start);
  }

  /** For `input`: from here on all goes to this connection. What is not sent yet is lost. */
  attach(connection: i32): void {
    this.at = this.start;
    this.fillTo(0);
    this.home = connection;
    this.target = connection;
  }

  /** For `Connection`: whether it is written to this one now. */
  isFor(connection: i32): boolean {
    return this.target === connection;
  }

  /** For `input`: whether its connection has UNSENT_BYTES that were not sent yet, as far as it is known. */
  get isFull(): boolean {
    return this.at >= this.brim;
  }

  /** @param backlog what is unsent of `home`, without what is in the buffer */
  private fillTo(backlog: i32): void {
    this.brim = this.start + max(UNSENT_BYTES - backlog, 0);
  }

  /** Sends what is in the buffer. */
  flush(): void {
    const length = this.length;
    if (length > 0) this.push(this.start, length);
    this.at = this.start;
  }

  /** Writes a text of any size. */
  anyUnits(from: usize): void {
    const size = sizeOf(from);
    const bound = utf8Bound(size);
    if (this.at + bound <= this.limit) {
      this.at += writeUtf8(from, size, this.at);
      return;
    }
    if (this.grows || bound <= <i32>(this.limit - this.start)) {
      const at = this.makeRoom(bound);
      this.at = at + writeUtf8(from, size, at);
      return;
    }
    const bytes = heap.alloc(bound);
    this.anyMemory(bytes, writeUtf8(from, size, bytes));
    heap.free(bytes);
  }

  anyDecimal(value: i64): void {
    const at = this.room(DECIMAL_BOUND);
    this.at = at + writeDecimal(value, at);
  }

  /** Writes bytes, or sends them from where they lie. */
  anyMemory(from: usize, length: i32): void {
    if (length >= LARGE_BYTES && !this.grows) {
      this.flush();
      this.push(from, length);
      return;
    }
    const at = this.room(length);
    copyBytes(at, from, length);
    this.at = at + length;
  }

  endLine(): void {
    const at = this.room(2);
    store<u16>(at, CR_LF);
    this.at = at + 2;
  }

  /** @returns where there is room for so many bytes */
  protected room(bytes: i32): usize {
    const at = this.at;
    return at + bytes > this.limit ? roomFor(this, bytes) : at;
  }

  /** For `room`. */
  makeRoom(bytes: i32): usize {
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
    else if (target === this.home) this.fillTo(backlog);
  }
}

// What is seldom needed is called by what it is: see text.ts.
const roomFor = (room: Room, bytes: i32): usize => room.makeRoom(bytes);
