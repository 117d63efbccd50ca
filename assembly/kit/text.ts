// Text: strings as UTF-8, and the search for bytes eight at a time. It knows addresses, and no views.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;
/** What is set in four UTF-16 units that are not all ASCII. */
const BEYOND_ASCII: u64 = 0xff80_ff80_ff80_ff80;

/** 1 in each of four units. */
const ALL_UNITS: u64 = 0x0001_0001_0001_0001;
const LOWER_A: u64 = 0x61;
const LOWER_Z: u64 = 0x7a;
/** The bit that lower case has, and upper case has not. */
const LOWER: u64 = 0x20;

/** `matched`: the bytes differ. */
export const DIFFERS: i32 = -1;
/** `matched`: they are equal as far as they go, and end too early. */
export const ENDS: i32 = -2;

// A string is passed on as the address of its UTF-16 units, of which `changetype` makes no call. As a string it would be
// noted on the collector's stack in each function that it goes through, which costs more than most comparisons.
//
// The compiler puts a short function into all that call it, if it calls none by its name; the engine does so with none.
// So the short way of what is done for each message calls none, and what is seldom needed is called by what it is: as a
// constant that is a function, with locals as arguments, since of other values the collector's stack is told.

/** How many units a string has: its size in bytes is in front of it (assemblyscript.org/runtime.html, memory layout). */
export function sizeOf(units: usize): i32 {
  return <i32>(load<u32>(units - sizeof<u32>()) >> 1);
}

/** The most bytes that so many units have as UTF-8. */
export function utf8Bound(size: i32): i32 {
  return 3 * size;
}

/**
 * Writes text as UTF-8 where there is room for `utf8Bound` bytes.
 * @returns how many they are
 */
export function writeUtf8(units: usize, size: i32, target: usize): i32 {
  let from = units;
  let to = target;
  let all: u64 = 0;
  if (size >= 4) {
    const last = units + ((<usize>size) << 1) - 8;
    for (; from < last; from += 8, to += 4) {
      const four = load<u64>(from);
      all |= four;
      store<u32>(to, packed(four));
    }
    const four = load<u64>(last);
    all |= four;
    store<u32>(target + size - 4, packed(four));
  } else {
    for (const end = units + ((<usize>size) << 1); from < end; from += 2, to += 1) {
      const one = load<u16>(from);
      all |= <u64>one;
      store<u8>(to, <u8>one);
    }
  }
  if (areAscii(all)) return size;
  return <i32>String.UTF8.encodeUnsafe(units, size, target);
}

/** Four units of a string that has so many, with 0 for what is missing. */
export function fewUnits(units: usize, size: i32): u64 {
  return load<u64>(units) & (u64.MAX_VALUE >> (64 - 16 * <u64>size));
}

export function areAscii(units: u64): boolean {
  return (units & BEYOND_ASCII) === 0;
}

/** Four units that are ASCII as bytes. */
export function packed(four: u64): u32 {
  const pairs = four | (four >> 8);
  return <u32>((pairs & 0xffff) | ((pairs >> 16) & 0xffff_0000));
}

/** Four bytes as units. */
function widened(bytes: u32): u64 {
  const pairs = (<u64>bytes | ((<u64>bytes) << 16)) & 0xffff_0000_ffff;
  return (pairs | (pairs << 8)) & 0x00ff_00ff_00ff_00ff;
}

/**
 * Compares bytes with a text, which is ASCII: with another one it traps when they are equal.
 * @returns its size, DIFFERS, or ENDS if the `length` bytes are its beginning
 */
export function matched(at: usize, length: i32, units: usize, size: i32): i32 {
  const most = min(size, length);
  let from = units;
  let all: u64 = 0;
  for (const end = at + (most & ~3); at < end; at += 4, from += 8) {
    const four = load<u64>(from);
    if (widened(load<u32>(at)) !== four) return DIFFERS;
    all |= four;
  }
  if ((most & 2) !== 0) {
    const two = load<u32>(from);
    const bytes = <u32>load<u16>(at);
    if (((bytes | (bytes << 8)) & 0x00ff_00ff) !== two) return DIFFERS;
    all |= <u64>two;
    at += 2;
    from += 4;
  }
  if ((most & 1) !== 0) {
    const one = load<u16>(from);
    if (<u16>load<u8>(at) !== one) return DIFFERS;
    all |= <u64>one;
  }
  assert(areAscii(all), 'the kit compares bytes with ASCII text only');
  return size <= length ? size : ENDS;
}

/** Whether so many bytes are these units, which are ASCII in lower case, in any case. */
export function isLike(at: usize, length: i32, units: usize): boolean {
  if (length === 0) return true;
  if (length < 4) {
    // What is before them is shifted out. It is always there: nothing lies at the first addresses of memory.
    const bytes = load<u32>(at + length - 4) >> (32 - 8 * length);
    return areLike(widened(bytes), fewUnits(units, length));
  }
  let from = units;
  const last = at + length - 4;
  for (; at < last; at += 4, from += 8) {
    if (!areLike(widened(load<u32>(at)), load<u64>(from))) return false;
  }
  return areLike(widened(load<u32>(last)), load<u64>(units + 2 * length - 8));
}

/** Whether four bytes, each in 16 bits, are four units: the same, or what is lower case in the units is upper case. */
function areLike(bytes: u64, units: u64): boolean {
  const other = bytes ^ units;
  if (other === 0) return true;
  // In each the highest bit of eight is set if it is a letter.
  const letters = (units + ALL_UNITS * (0x80 - LOWER_A)) & ~(units + ALL_UNITS * (0x7f - LOWER_Z));
  return (other & ~((letters >> 2) & (ALL_UNITS * LOWER))) === 0;
}

/** Whether so many bytes are the same. */
export function sameBytes(one: usize, other: usize, length: i32): boolean {
  for (const end = one + (length & ~7); one < end; one += 8, other += 8) {
    if (load<u64>(one) !== load<u64>(other)) return false;
  }
  for (const end = one + (length & 7); one < end; one += 1, other += 1) {
    if (load<u8>(one) !== load<u8>(other)) return false;
  }
  return true;
}

/** Copies bytes to a place beside them. A few are copied here: for `memory.copy` the engine leaves the module. */
export function copyBytes(to: usize, from: usize, length: i32): void {
  if (length > 64) memory.copy(to, from, length);
  else if (length >= 8) {
    const last = from + length - 8;
    const target = to + length - 8;
    for (; from < last; from += 8, to += 8) store<u64>(to, load<u64>(from));
    store<u64>(target, load<u64>(last));
  } else {
    for (const end = from + length; from < end; from += 1, to += 1) store<u8>(to, load<u8>(from));
  }
}

// Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
export function isUtf8(at: usize, end: usize): boolean {
  while (true) {
    while (at + 8 <= end && (load<u64>(at) & TOPS) === 0) at += 8;
    if (at >= end) return true;
    const lead = <u32>load<u8>(at);
    at += 1;
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const more: usize = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + more > end) return false;
    const second = <u32>load<u8>(at);
    if (lead === 0xe0 && second < 0xa0) return false;
    if (lead === 0xed && second > 0x9f) return false;
    if (lead === 0xf0 && second < 0x90) return false;
    if (lead === 0xf4 && second > 0x8f) return false;
    for (const next = at + more; at < next; at += 1) {
      if ((load<u8>(at) & 0xc0) !== 0x80) return false;
    }
  }
}

/** @returns the address of the first such byte, or `end` */
export function search(at: usize, end: usize, byte: u8): usize {
  const all = ONES * <u64>byte;
  for (; at + 8 <= end; at += 8) {
    const eight = load<u64>(at) ^ all;
    const zeros = (eight - ONES) & ~eight & TOPS;
    if (zeros !== 0) return at + <usize>(ctz(zeros) >> 3);
  }
  while (at < end && load<u8>(at) !== byte) at += 1;
  return at;
}

/** @returns the address of the first such ASCII text, or `end` */
export function searchText(at: usize, end: usize, units: usize, size: i32): usize {
  const first = load<u8>(units);
  while (true) {
    at = search(at, end, first);
    if (at === end || matched(at, <i32>(end - at), units, size) >= 0) return at;
    at += 1;
  }
}
