// Ranges: a set of numbers of 16 bits in a place of a state block. Numbers that follow each other take 4 bytes
// together, however many they are.

// 0       4
// | count | first, last, first, last, …
const HEAD: usize = 4;
const RANGE: i32 = 4;

/** What a set of at most so many ranges takes. */
export const rangesSize = (ranges: i32): i32 => <i32>HEAD + ranges * RANGE;

const firstOf = (place: usize, index: i32): i32 => <i32>load<u16>(place + index * RANGE, HEAD);
const lastOf = (place: usize, index: i32): i32 => <i32>load<u16>(place + index * RANGE, HEAD + 2);

function put(place: usize, index: i32, first: i32, last: i32): void {
  store<u16>(place + index * RANGE, first, HEAD);
  store<u16>(place + index * RANGE, last, HEAD + 2);
}

function rangeOf(place: usize, number: i32): i32 {
  for (let i = load<i32>(place) - 1; i >= 0; i -= 1) {
    if (number >= firstOf(place, i) && number <= lastOf(place, i)) return i;
  }
  return -1;
}

export function inRanges(place: usize, number: i32): boolean {
  return rangeOf(place, number) >= 0;
}

/** @returns whether there was room */
export function addToRanges(place: usize, ranges: i32, number: i32): boolean {
  if (inRanges(place, number)) return true;
  let first = number;
  let last = number;
  const below = rangeOf(place, number - 1);
  if (below >= 0) first = remove(place, below);
  const above = rangeOf(place, number + 1);
  if (above >= 0) last = removeLast(place, above);
  return append(place, ranges, first, last);
}

/** @returns whether there was room: to take one out of the middle makes two ranges of one */
export function takeFromRanges(place: usize, ranges: i32, number: i32): boolean {
  const index = rangeOf(place, number);
  if (index < 0) return true;
  const last = lastOf(place, index);
  const first = remove(place, index);
  if (first < number && !append(place, ranges, first, number - 1)) return false;
  return last === number || append(place, ranges, number + 1, last);
}

function append(place: usize, ranges: i32, first: i32, last: i32): boolean {
  const count = load<i32>(place);
  if (count === ranges) return false;
  put(place, count, first, last);
  store<i32>(place, count + 1);
  return true;
}

/** The last range takes its place. @returns its first number */
function remove(place: usize, index: i32): i32 {
  const first = firstOf(place, index);
  const count = load<i32>(place) - 1;
  put(place, index, firstOf(place, count), lastOf(place, count));
  store<i32>(place, count);
  return first;
}

function removeLast(place: usize, index: i32): i32 {
  const last = lastOf(place, index);
  remove(place, index);
  return last;
}
