// Text: strings as UTF-8, and the search for bytes eight at a time. It knows addresses, and no views.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;
/** What is set in four UTF-16 units that are not all ASCII. */
const BEYOND_ASCII: u64 = 0xff80_ff80_ff80_ff80;

/** `matched`: the bytes differ. */
export const DIFFERS: i32 = -1;
/** `matched`: they are equal as far as they go, and end too early. */
export const ENDS: i32 = -2;

/** The most bytes that a text has as UTF-8. */
export function utf8Bound(text: string): i32 {
  return 3 * text.length;
}

/**
 * Writes text as UTF-8 where there is room for `utf8Bound` bytes.
 * @returns how many they are
 */
export function writeUtf8(text: string, target: usize): i32 {
  let from = changetype<usize>(text);
  const end = from + ((<usize>text.length) << 1);
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
 * @returns the length of the text, DIFFERS, or ENDS if the `length` bytes are its beginning
 */
export function matched(at: usize, length: i32, text: string): i32 {
  const size = text.length;
  const most = min(size, length);
  let units: u32 = 0;
  for (let i = 0; i < most; i += 1) {
    const unit = <u32>load<u16>(changetype<usize>(text) + ((<usize>i) << 1));
    if (load<u8>(at + i) !== unit) return DIFFERS;
    units |= unit;
  }
  assert(units < 0x80, 'the kit compares bytes with ASCII text only');
  return size <= length ? size : ENDS;
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
export function searchText(at: usize, end: usize, text: string): usize {
  const first = <u8>text.charCodeAt(0);
  while (true) {
    at = search(at, end, first);
    if (at === end || matched(at, <i32>(end - at), text) >= 0) return at;
    at += 1;
  }
}
