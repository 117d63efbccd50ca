// Value: a text and when it ends, as they lie in the store: 8 bytes of milliseconds since 1970, 0 for never, and
// the text behind them. The store forgets it by itself; the time stands there so that it can be told.

import { Bytes, draft, Output, view, wall_clock } from '../kit';

const HEAD: i32 = 8;

/** What was read last: null if there is no such key, or no more. */
export let found: Bytes | null = null;
/** When it ends; 0 for never. */
export let expiry: i64 = 0;

/** The next value is put together here. */
const made = draft();

export function read(stored: Bytes | null): void {
  found = null;
  expiry = 0;
  if (stored === null || stored.length < HEAD) return;
  const ends = expiryOf(stored);
  if (ends !== 0 && ends <= time()) return;
  expiry = ends;
  found = view(stored.at + HEAD, stored.length - HEAD);
}

/** @returns where a value begins: its text is written behind */
export function compose(ends: i64): Output {
  return made.clear().uint64le(<u64>ends);
}

export const expiryOf = (stored: Bytes): i64 => <i64>load<u64>(stored.at);

/** Milliseconds since 1970. */
export const time = (): i64 => <i64>wall_clock();

/**
 * @returns how many milliseconds are left, for the store; 0 for ever, or so long that the store is not told; -1
 *   when the time is over
 */
export function remaining(ends: i64): i64 {
  if (ends === 0) return 0;
  const left = ends - time();
  if (left <= 0) return -1;
  return left > <i64>u32.MAX_VALUE ? 0 : left;
}
