// Notes: texts of different lengths in one place of a state block, by small numbers: what a client has called
// itself, and what is to be said when it is gone.

import { Bytes, view } from './bytes';

// 0     1        3
// | key | length | bytes … and so on, up to a key of 0
/** What a note takes besides its bytes. */
export const NOTE_HEAD: i32 = 3;

/** @returns the note with this key, which is 1 to 255; null if there is none */
export function note(place: usize, size: i32, key: u8): Bytes | null {
  const at = find(place, size, key);
  return at < size && load<u8>(place + at) === key ? noteAt(place + at) : null;
}

/** Keeps a note in place of the one with its key. @returns whether there is room; if not, that is gone */
export function keepNote(place: usize, size: i32, key: u8, bytes: Bytes): boolean {
  dropNote(place, size, key);
  const at = find(place, size, 0);
  if (bytes.length > <i32>u16.MAX_VALUE || at + NOTE_HEAD + bytes.length > size) return false;
  store<u8>(place + at, key);
  store<u16>(place + at, bytes.length, 1);
  bytes.copyTo(place + at + NOTE_HEAD);
  const next = at + NOTE_HEAD + bytes.length;
  if (next < size) store<u8>(place + next, 0);
  return true;
}

export function dropNote(place: usize, size: i32, key: u8): void {
  const at = find(place, size, key);
  if (at >= size || load<u8>(place + at) !== key) return;
  const next = at + NOTE_HEAD + <i32>load<u16>(place + at, 1);
  const end = find(place, size, 0);
  memory.copy(place + at, place + next, end - next);
  store<u8>(place + at + end - next, 0);
}

const noteAt = (at: usize): Bytes => view(at + NOTE_HEAD, <i32>load<u16>(at, 1));

/** Where the note with this key is, or where the last one ends. */
function find(place: usize, size: i32, key: u8): i32 {
  let at = 0;
  while (at < size) {
    const found = load<u8>(place + at);
    if (found === key || found === 0) break;
    at += NOTE_HEAD + <i32>load<u16>(place + at, 1);
  }
  return min(at, size);
}
