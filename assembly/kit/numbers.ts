// Numbers of fixed widths in the input, and those that end by themselves: part of `input`.

import { at, end, GOOD, moveTo, need, refuse, standing, take } from './message';

const ZERO: u32 = 0x30;
/** As they lie in memory, the low byte first. */
const CR_LF: u16 = 0x0a0d;
const SHORT_DIGITS: usize = 9;

export function uint8(): u32 {
  const from = take(1);
  return from === 0 ? 0 : load<u8>(from);
}

export function uint16(): u32 {
  return bswap<u16>(<u16>uint16le());
}

export function uint16le(): u32 {
  const from = take(2);
  return from === 0 ? 0 : load<u16>(from);
}

export function uint32(): u32 {
  return bswap<u32>(uint32le());
}

export function uint32le(): u32 {
  const from = take(4);
  return from === 0 ? 0 : load<u32>(from);
}

export function uint64(): u64 {
  return bswap<u64>(uint64le());
}

export function uint64le(): u64 {
  const from = take(8);
  return from === 0 ? 0 : load<u64>(from);
}

/**
 * Seven bits a byte, the low ones first, as MQTT and Protocol Buffers have it. A number of more than
 * `longest` bytes, or 32 bits, is malformed.
 */
export function varint(longest: i32 = 5): u32 {
  let value: u64 = 0;
  for (let shift = 0; shift < 7 * min(longest, 5); shift += 7) {
    if (!need(1)) return 0;
    const byte = uint8();
    value |= (<u64>(byte & 0x7f)) << shift;
    if (byte < 0x80 && value <= u32.MAX_VALUE) return <u32>value;
  }
  refuse();
  return 0;
}

/**
 * A number of at most nine digits, and CR LF behind it, which is skipped: what `line` and `decimal` read, in a
 * fraction of the time. @returns -1 if something else comes, or not all of it is there; then nothing is read
 */
export function shortDecimal(): i32 {
  if (standing !== GOOD) return -1;
  const most = min(at + SHORT_DIGITS, end);
  let to = at;
  let value = 0;
  for (; to < most; to += 1) {
    const digit = <u32>load<u8>(to) - ZERO;
    if (digit > 9) break;
    value = 10 * value + <i32>digit;
  }
  if (to === at || to + 2 > end || load<u16>(to) !== CR_LF) return -1;
  moveTo(to + 2);
  return value;
}
