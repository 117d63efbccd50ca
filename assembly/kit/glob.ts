// Glob: patterns with `*`, `?`, `[a-z]`, `[^a]` and `\`, as Redis has them. It takes time in proportion to the
// product of both lengths at most, whatever the pattern is.

import { Bytes } from './bytes';

const STAR: i32 = 0x2a;
const ANY: i32 = 0x3f;
const OPEN: i32 = 0x5b;
const CLOSE: i32 = 0x5d;
const NOT: i32 = 0x5e;
const ESCAPE: i32 = 0x5c;
const RANGE: i32 = 0x2d;

/** Whether a text is what a pattern describes. As with Redis, only the empty pattern describes the empty text. */
export function matchesGlob(text: Bytes, pattern: Bytes): boolean {
  if (text.length === 0) return pattern.length === 0;
  let at = 0;
  let next = 0;
  // Where to go on when what follows the last star does not fit: one byte later.
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (pattern.byte(next) === STAR) {
      next += 1;
      star = next;
      starAt = at;
      continue;
    }
    const behind = next < pattern.length ? fits(pattern, next, text.byte(at)) : 0;
    if (behind > 0) {
      next = behind;
      at += 1;
    } else if (star < 0) return false;
    else {
      starAt += 1;
      at = starAt;
      next = star;
    }
  }
  while (pattern.byte(next) === STAR) next += 1;
  return next === pattern.length;
}

/** @returns the index behind what stands for one byte, if the byte is such a one; else 0 */
function fits(pattern: Bytes, at: i32, byte: i32): i32 {
  const first = pattern.byte(at);
  if (first === ANY) return at + 1;
  if (first === OPEN) return fitsClass(pattern, at + 1, byte);
  const escaped = first === ESCAPE && at + 1 < pattern.length;
  const from = escaped ? at + 1 : at;
  return pattern.byte(from) === byte ? from + 1 : 0;
}

// A class that is not closed ends with the pattern.
function fitsClass(pattern: Bytes, at: i32, byte: i32): i32 {
  const negated = pattern.byte(at) === NOT;
  if (negated) at += 1;
  let found = false;
  for (; at < pattern.length && pattern.byte(at) !== CLOSE; at += 1) {
    const first = pattern.byte(at);
    if (first === ESCAPE && at + 1 < pattern.length) {
      at += 1;
      found = found || pattern.byte(at) === byte;
    } else if (pattern.byte(at + 1) === RANGE && at + 2 < pattern.length) {
      const last = pattern.byte(at + 2);
      at += 2;
      found = found || (byte >= min(first, last) && byte <= max(first, last));
    } else found = found || first === byte;
  }
  return found === negated ? 0 : min(at + 1, pattern.length);
}
