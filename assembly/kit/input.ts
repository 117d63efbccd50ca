// Input: what a connection has sent, read as if a message were all there. If it is not, the rest of its
// reads give nothing, and it is read again from its start when more has come. One callback at a time.

import { Bytes, view } from './bytes';
import { parsed, readDecimal } from './decimal';
import {
  at,
  end,
  framed,
  GOOD,
  lacksMore,
  moveTo,
  need,
  refuse,
  searched,
  searching,
  searchOn,
  standing,
} from './message';
import { DIFFERS, ENDS, matched, search, sizeOf } from './text';

const RETURN: u8 = 0x0d;
const MINUS: u8 = 0x2d;
const ZERO: u32 = 0x30;
/** As they lie in memory, the low byte first. */
const CR_LF: u16 = 0x0a0d;
/** A number of so many digits fits into 64 bits. */
const SHORT_DIGITS: usize = 18;

export {
  atMost,
  bad,
  begin,
  finish,
  frame,
  hold,
  need,
  next,
  offset,
  ok,
  refuse,
  rest,
  rewind,
  take,
} from './message';
export * from './numbers';
export * from './parts';

export function bytes(length: i32): Bytes {
  const from = at;
  if (<usize>length > end - from) return none(length);
  moveTo(from + length);
  return view(from, length);
}

/** So many bytes, and CR LF behind them, which is skipped. If something else comes, the message is bad. */
export function bytesLine(length: i32): Bytes {
  const from = at;
  const to = from + length;
  if (<usize>length > end - from || end - to < 2 || load<u16>(to) !== CR_LF)
    return noneLine(length);
  moveTo(to + 2);
  return view(from, length);
}

function noBytesLine(length: i32): Bytes {
  const found = bytes(length);
  expect('\r\n');
  if (standing !== GOOD) found.length = 0;
  return found;
}

function noBytes(length: i32): Bytes {
  need(length);
  return view(at, 0);
}

/** Up to the end of a line, LF or CR LF, of which `longest` bytes may come before the LF. */
export function line(longest: i32 = i32.MAX_VALUE): Bytes {
  const found = until('\n', longest);
  const length = found.length;
  return length > 0 && load<u8>(found.at + length - 1) === RETURN
    ? view(found.at, length - 1)
    : found;
}

/** Up to an ASCII text, not an empty one, which is skipped. With more than `longest` bytes before it, the message is bad. */
export function until(text: string, longest: i32 = i32.MAX_VALUE): Bytes {
  const units = changetype<usize>(text);
  const from = at;
  if (sizeOf(units) === 1 && !searching) {
    const found = search(from, end, load<u8>(units));
    if (found !== end && <i32>(found - from) <= longest && load<u16>(units) < 0x80) {
      moveTo(found + 1);
      return view(from, <i32>(found - from));
    }
  }
  return untilUnits(units, longest);
}

function untilUnits(units: usize, longest: i32): Bytes {
  const size = sizeOf(units);
  const length = distance(units, size, longest);
  if (length < 0) return view(at, 0);
  const from = at;
  moveTo(from + length + size);
  return view(from, length);
}

/** Skips an ASCII text, if it comes next. @returns whether it does */
export function skip(text: string): boolean {
  const units = changetype<usize>(text);
  return skipsFew(units) || skipsAny(units);
}

/** Skips an ASCII text. If something else comes, the message is bad. */
export function expect(text: string): void {
  const units = changetype<usize>(text);
  if (!skipsFew(units)) expectsAny(units);
}

function expectUnits(units: usize): void {
  if (!skips(units) && standing === GOOD) refuse();
}

/** Skips one unit, or two, if they come next and are ASCII: most texts that are asked for have no more. */
function skipsFew(units: usize): boolean {
  const from = at;
  const size = sizeOf(units);
  if (size > 2 || end - from < 2) return false;
  const two = <u32>load<u16>(from);
  const wide = (two | (two << 8)) & 0x00ff_00ff;
  // Of one unit, the other is shifted out.
  const differ = ((wide ^ load<u32>(units)) | (wide & 0x0080_0080)) << (32 - 16 * size);
  if (differ !== 0) return false;
  moveTo(from + size);
  return true;
}

function skips(units: usize): boolean {
  if (standing !== GOOD) return false;
  const found = matched(at, <i32>(end - at), units, sizeOf(units));
  if (found === ENDS) lacksMore();
  if (found < 0) return false;
  moveTo(at + found);
  return true;
}

/**
 * A decimal number in this range, up to what is no digit, or the end of the frame. If something else
 * comes, the message is bad.
 */
export function decimal(least: i64, greatest: i64): i64 {
  const from = at;
  const far = end;
  let value: i64 = 0;
  let to = from;
  for (; to < far; to += 1) {
    const digit = <u32>load<u8>(to) - ZERO;
    if (digit > 9) break;
    value = value * 10 + <i64>digit;
  }
  const size = to - from;
  if (size - 1 >= SHORT_DIGITS || to === far || value < least || value > greatest) {
    return decimalAny(least, greatest);
  }
  moveTo(to);
  return value;
}

/** As `decimal`, and CR LF behind it, which is skipped. If something else comes, the message is bad. */
export function decimalLine(least: i64, greatest: i64): i64 {
  const from = at;
  let value: i64 = 0;
  let to = from;
  for (; to < end; to += 1) {
    const digit = <u32>load<u8>(to) - ZERO;
    if (digit > 9) break;
    value = value * 10 + <i64>digit;
  }
  if (to - from - 1 >= SHORT_DIGITS || end - to < 2) return decimalLineAny(least, greatest);
  if (load<u16>(to) !== CR_LF || value < least || value > greatest) {
    return decimalLineAny(least, greatest);
  }
  moveTo(to + 2);
  return value;
}

function anyDecimalLine(least: i64, greatest: i64): i64 {
  const value = anyDecimal(least, greatest);
  expect('\r\n');
  return standing === GOOD ? value : 0;
}

// With a sign, or of many digits, or where the input ends.
function anyDecimal(least: i64, greatest: i64): i64 {
  if (standing !== GOOD) return 0;
  const digits = at < end && load<u8>(at) === MINUS ? at + 1 : at;
  const behind = readDecimal(at, end);
  if (digits === end || (behind === end && !framed)) lacksMore();
  else if (behind === 0 || parsed < least || parsed > greatest) refuse();
  if (standing !== GOOD) return 0;
  moveTo(behind);
  return parsed;
}

/** @returns how many bytes come before the text, or -1 when it is not there */
function distance(units: usize, size: i32, longest: i32): i32 {
  if (standing !== GOOD) return -1;
  const room = <i32>(end - at) - size;
  const far = longest < room ? at + longest + size : end;
  const first = load<u8>(units);
  let from = search(min(searched(), far), far, first);
  // A search for one byte has found all of the text.
  if (size === 1 && from < far && load<u16>(units) < 0x80) return <i32>(from - at);
  let found = matched(from, <i32>(far - from), units, size);
  while (found === DIFFERS) {
    from = search(from + 1, far, first);
    found = matched(from, <i32>(far - from), units, size);
  }
  if (found >= 0) return <i32>(from - at);
  if (longest <= room) refuse();
  else searchOn(from);
  return -1;
}

// What is seldom needed is called by what it is: see text.ts.
const none: (length: i32) => Bytes = noBytes;
const skipsAny: (units: usize) => boolean = skips;
const expectsAny: (units: usize) => void = expectUnits;
const noneLine: (length: i32) => Bytes = noBytesLine;
const decimalAny: (least: i64, greatest: i64) => i64 = anyDecimal;
const decimalLineAny: (least: i64, greatest: i64) => i64 = anyDecimalLine;
