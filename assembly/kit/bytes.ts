// Bytes: views of memory, and the store that they come from. A view owns nothing, and costs no
// allocation; it knows neither connections nor messages.

import { now } from '../wasmpoll';
import { isFloat, parsed, readDecimal, readFloat } from './decimal';
import {
  copyBytes,
  isLike,
  isUtf8,
  matched,
  search,
  searchText,
  sizeOf,
  utf8Bound,
  writeUtf8,
} from './text';

const SPACE: u8 = 0x20;
/** All bits but the one that tells upper case from lower case. */
const ANY_CASE: u8 = 0xdf;

// 0    4
// | at | length |
/**
 * So many bytes of memory. A view lives until the next message, outside of messages until the callback
 * returns; what is to last longer is copied.
 */
@unmanaged
export class Bytes {
  /** The address of the first. */
  at!: usize;
  length!: i32;

  /** @returns the byte at an index, or -1 beyond the end */
  byte(index: i32): i32 {
    return <u32>index < <u32>this.length ? <i32>load<u8>(this.at + index) : -1;
  }

  /** Whether they are this ASCII text. */
  is(text: string): boolean {
    return this.isUnits(changetype<usize>(text));
  }

  private isUnits(units: usize): boolean {
    const length = this.length;
    return length === sizeOf(units) && matched(this.at, length, units, length) >= 0;
  }

  /** Whether they are this ASCII text, which is in lower case, in any case. */
  like(lowerCase: string): boolean {
    const units = changetype<usize>(lowerCase);
    const at = this.at;
    const length = this.length;
    if (length !== sizeOf(units)) return false;
    // Most texts that it is compared with differ in the first letter.
    if (length > 0 && ((load<u8>(at) ^ load<u8>(units)) & ANY_CASE) !== 0) return false;
    return likeAny(at, length, units);
  }

  equals(other: Bytes): boolean {
    return this.length === other.length && memory.compare(this.at, other.at, this.length) === 0;
  }

  /** As `equals`, in a time that does not tell where they differ. */
  equalsSecret(secret: Bytes): boolean {
    let difference = this.length ^ secret.length;
    for (let i = 0; i < this.length && secret.length > 0; i += 1) {
      difference |= this.byte(i) ^ secret.byte(i % secret.length);
    }
    return difference === 0;
  }

  /** Whether they are well-formed UTF-8. */
  isUtf8(): boolean {
    return isUtf8(this.at, this.at + this.length);
  }

  startsWith(text: string): boolean {
    const units = changetype<usize>(text);
    return matched(this.at, this.length, units, sizeOf(units)) >= 0;
  }

  /** @returns the index of the first such byte from an index on, or -1 */
  find(byte: u8, from: i32 = 0): i32 {
    const end = this.at + this.length;
    const start = this.at + max(from, 0);
    if (start >= end) return -1;
    const found = search(start, end, byte);
    return found === end ? -1 : <i32>(found - this.at);
  }

  /** From `start` up to `end`; indices beyond the ends are those of the ends. */
  slice(start: i32, end: i32 = i32.MAX_VALUE): Bytes {
    const from = min(max(start, 0), this.length);
    return view(this.at + from, max(min(end, this.length), from) - from);
  }

  /**
   * Takes the front off, up to an ASCII text, which goes as well. Without the text: all.
   * @returns the front; this view is what is left
   */
  cut(text: string): Bytes {
    const units = changetype<usize>(text);
    const size = sizeOf(units);
    return this.cutAt(searchText(this.at, this.end, units, size), size);
  }

  private cutAt(found: usize, size: i32): Bytes {
    const end = this.end;
    const front = view(this.at, <i32>(found - this.at));
    this.at = found === end ? end : found + size;
    this.length = <i32>(end - this.at);
    return front;
  }

  private get end(): usize {
    return this.at + this.length;
  }

  /** Without spaces and control characters at both ends. */
  trim(): Bytes {
    let from = this.at;
    let end = this.at + this.length;
    while (from < end && load<u8>(from) <= SPACE) from += 1;
    while (from < end && load<u8>(end - 1) <= SPACE) end -= 1;
    return view(from, <i32>(end - from));
  }

  /** Whether they are a decimal number, and nothing else: `-` perhaps, and digits; from 64 bits. */
  isDecimal(): boolean {
    return readDecimal(this.at, this.at + this.length) === this.at + this.length;
  }

  /** @returns the decimal number that they are, or `none` if they are none, or out of range */
  decimal(least: i64, most: i64, none: i64): i64 {
    if (!this.isDecimal() || parsed < least || parsed > most) return none;
    return parsed;
  }

  /** @returns the number that they are, as JSON has them, or `none` */
  float(none: f64): f64 {
    const end = this.at + this.length;
    return isFloat(this.at, end) ? readFloat(this.at, end) : none;
  }

  /** Copies them to an address, where there is room. */
  copyTo(address: usize): void {
    memory.copy(address, this.at, this.length);
  }

  /** @returns a view of a copy that lives for ever: for what is read once, such as a configuration */
  keep(): Bytes {
    const made = everlasting(this.length);
    copyBytes(made.at, this.at, this.length);
    return made;
  }

  /** @returns a buffer of its own, which is allocated */
  copy(): ArrayBuffer {
    const buffer = new ArrayBuffer(this.length);
    copyBytes(changetype<usize>(buffer), this.at, this.length);
    return buffer;
  }

  /** @returns a string, which is allocated. The bytes are taken for UTF-8; nothing is checked. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.at, this.length);
  }
}

// Views lie in chunks, which stay. Each has the address of the next one in front; behind the last one comes the first.
// In messages they begin in the first one again. Nothing tells the kit that another callback begins, but the host's time
// stands still in one: when it has gone on since the chunk before, all views of this callback lie in this one.
const CHUNK: usize = 256 * offsetof<Bytes>();
const first: usize = memory.data(2048);
let free: usize = first + offsetof<Bytes>();
/** The end of the chunk in which they are made. */
let chunkEnd: usize = first + CHUNK;
/** The chunk that is not used again yet: the running callback may have views from here on. */
let kept: usize = first;
/** The host's time when `kept` was chosen. */
let keptAt: f64 = -1;
let growing: boolean = false;

/** A view of `length` bytes at an address. */
export function view(at: usize, length: i32): Bytes {
  let place = free;
  if (place === chunkEnd) place = turned();
  free = place + offsetof<Bytes>();
  const made = changetype<Bytes>(place);
  made.at = at;
  made.length = length;
  return made;
}

/** A view of a buffer; it does not keep the buffer from being collected. */
export function viewOf(buffer: ArrayBuffer): Bytes {
  return viewAt(changetype<usize>(buffer));
}

/** A buffer has its size in front of it. As an address nobody has to note it: see `text.ts`. */
function viewAt(buffer: usize): Bytes {
  return view(buffer, load<i32>(buffer - sizeof<i32>()));
}

/** A view of a text as UTF-8 that lives for ever: for constants, outside of all functions. */
export function literal(text: string): Bytes {
  const made = everlasting(utf8Bound(text.length));
  made.length = writeUtf8(changetype<usize>(text), text.length, made.at);
  return made;
}

function everlasting(length: i32): Bytes {
  const made = changetype<Bytes>(heap.alloc(offsetof<Bytes>() + length));
  made.at = changetype<usize>(made) + offsetof<Bytes>();
  made.length = length;
  return made;
}

/** All views end. */
export function releaseViews(): void {
  free = first + offsetof<Bytes>();
  chunkEnd = first + CHUNK;
  kept = first;
}

/** @param whether messages are read now: `releaseViews` says when views end, and nobody asks for the time */
export function growViews(whether: boolean): void {
  growing = whether;
}

/** @returns the first place of the next chunk, which has no view of this callback */
function turn(): usize {
  const chunk = chunkEnd - CHUNK;
  if (!growing) {
    const time = now();
    if (time !== keptAt) {
      keptAt = time;
      kept = chunk;
    }
  }
  const behind = load<usize>(chunk);
  let next = behind === 0 ? first : behind;
  if (next === kept) {
    next = heap.alloc(CHUNK);
    store<usize>(next, behind);
    store<usize>(chunk, next);
  }
  chunkEnd = next + CHUNK;
  return next + offsetof<Bytes>();
}

// What is seldom needed is called by what it is: see text.ts.
const turned: () => usize = turn;
const likeAny: (at: usize, length: i32, units: usize) => boolean = isLike;
