// Text: strings as UTF-8, and the search for bytes eight at a time. It knows addresses, and no views.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;
/** What is set in four UTF-16 units that are not all ASCII. */
const BEYOND_ASCII: u64 = 0xff80_ff80_ff80_ff80;

const UPPER_A: u32 = 0x41;
/** The bit that lower case has, and upper case has not. */
const LOWER: u32 = 0x20;

/** `matched`: the bytes differ. */
export const DIFFERS: i32 = -1;
/** `matched`: they are equal as far as they go, and end too early. */
export const ENDS: i32 = -2;

// A string is passed on as the address and the number of its UTF-16 units. As a string it would be noted on the
// collector's stack in each function that it goes through, which costs more than most comparisons.

export function unitsOf(text: string): usize {
  return changetype<usize>(text);
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
  const end = from + ((<usize>size) << 1);
  let to = target;
  for (; from + 8 <= end; from += 8, to += 4) {
    const four = load<u64>(from);
    if ((four & BEYOND_ASCII) !== 0) break;
    const pairs = four | (four >> 8);
    store<u32>(to, <u32>((pairs & 0xffff) | ((pairs >> 16) & 0xffff_0000)));
  }
  for (; from < end; from += 2, to += 1) {
    const unit = load<u16>(from);
    if (unit >= 0x80) {
      return <i32>(to - target + String.UTF8.encodeUnsafe(from, <i32>((end - from) >> 1), to));
    }
    store<u8>(to, <u8>unit);
  }
  return <i32>(to - target);
}

/**
 * Compares bytes with a text, which is ASCII: with another one it traps when all before is equal.
 * @returns its size, DIFFERS, or ENDS if the `length` bytes are its beginning
 */
export function matched(at: usize, length: i32, units: usize, size: i32): i32 {
  const most = min(size, length);
  let all: u32 = 0;
  for (let i = 0; i < most; i += 1) {
    const unit = <u32>load<u16>(units + ((<usize>i) << 1));
    if (load<u8>(at + i) !== unit) return DIFFERS;
    all |= unit;
  }
  assert(all < 0x80, 'the kit compares bytes with ASCII text only');
  return size <= length ? size : ENDS;
}

/** Whether so many bytes are these units, which are ASCII in lower case, in any case. */
export function isLike(at: usize, length: i32, units: usize): boolean {
  for (let i = 0; i < length; i += 1) {
    const unit = <u32>load<u16>(units + ((<usize>i) << 1));
    const byte = <u32>load<u8>(at + i);
    if (byte !== unit && (byte - UPPER_A >= 26 || (byte | LOWER) !== unit)) return false;
  }
  return true;
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
