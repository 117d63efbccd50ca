// Input: what a connection has sent, read as if a message were all there. If it is not, the rest of its
// reads give nothing, and it is read again from its start when more has come. One callback at a time.

import { STATUS_LIMIT } from '../abi';
import * as raw from '../wasmpoll';
import { Bytes, releaseViews, view } from './bytes';
import { Connection, Session } from './connection';
import { parsed, readDecimal } from './decimal';
import { reply } from './output';
import { DIFFERS, ENDS, matched, search, unitsOf } from './text';

/** With so much unsent the rest of the input waits: a peer that does not read is not answered on. */
const UNSENT_BYTES: i32 = 64 * 1024;
const RETURN: u8 = 0x0d;
const MINUS: u8 = 0x2d;
const ZERO: u32 = 0x30;
/** As they lie in memory, the low byte first. */
const CR_LF: u16 = 0x0a0d;
const SHORT_DIGITS: usize = 9;

export * from './numbers';
export * from './parts';

// How the message stands.
const GOOD: i32 = 0;
const SHORT: i32 = 1;
const BAD: i32 = 2;
const HELD: i32 = 3;

let connection: i32 = 0;
let session: Session | null = null;
let base: usize = 0;
/** Behind all input. */
let last: usize = 0;
/** Where the message starts. */
let start: usize = 0;
/** Where the next read begins. */
let at: usize = 0;
/** How far reads may go: to the end of the input, of the longest message, or of a frame. */
let end: usize = 0;
let standing: i32 = GOOD;
let entered: boolean = false;
let framed: boolean = false;
let halted: boolean = false;
let most: i32 = i32.MAX_VALUE;

/** First in `on_data`, with what it was given; in `on_end`, too, if you read there. A guest without state has no session. */
export function begin(to: Connection, state: Session | null, data: usize, length: i32): void {
  connection = changetype<i32>(to);
  session = state;
  base = data;
  last = data + length;
  start = data;
  at = data;
  end = last;
  standing = GOOD;
  entered = false;
  framed = false;
  halted = false;
  reply.attach(connection);
}

/**
 * Ends the message before, if there is one.
 * @returns whether there is another to be read: not if it is not all there, if nothing is left, when the
 *   connection was closed or paused, or when 64 KiB are unsent. The rest is kept, and comes again
 */
export function next(): boolean {
  const before = start;
  pass();
  // Who has read nothing would read nothing again.
  if (standing !== GOOD || halted || at === last || (entered && start === before)) return false;
  if (entered && reply.unsent >= UNSENT_BYTES) return false;
  entered = true;
  end = most < <i32>(last - at) ? at + most : last;
  releaseViews(true);
  return true;
}

/** Whether all that was read was there and as expected. Ask once, before you act on it. */
export function ok(): boolean {
  return standing === GOOD;
}

/** Whether the message is malformed, or longer than it may be. Answer, and close. */
export function bad(): boolean {
  return standing === BAD;
}

/** Says that the message is malformed. */
export function refuse(): void {
  standing = BAD;
}

/**
 * Leaves the message, and all behind it, for later: it is read again from its start when the connection resumes.
 * Call `pause` as well, and `resume` when what it waits for is there.
 */
export function hold(): void {
  standing = HELD;
}

/** Sends the reply. @returns what `on_data` returns: how much was consumed. What `on_end` returns is something else */
export function finish(): i32 {
  pass();
  reply.flush();
  reply.attach(0);
  connection = 0;
  releaseViews(false);
  return <i32>(start - base);
}

/** Messages of more bytes are bad. Without it, the host's `maxFrameBytes` holds. It lasts for the instance. */
export function atMost(bytes: i32): void {
  most = bytes;
}

/** Stops reading messages of this connection, in this callback. */
export function halt(handle: i32): void {
  if (handle === connection) halted = true;
}

/** @returns how many bytes are there to be read: to the end of the frame, or of what has come */
export function rest(): i32 {
  return standing === GOOD ? <i32>(end - at) : 0;
}

/** @returns how many bytes of the message were read so far */
export function offset(): i32 {
  return <i32>(at - start);
}

/** The next read begins where the message does. Not within a frame. */
export function rewind(): void {
  if (standing === GOOD && !framed) at = start;
}

/** Whether so many bytes are there. If not, the message is read again when they are. */
export function need(bytes: i32): boolean {
  if (standing !== GOOD) return false;
  if (bytes >= 0 && bytes <= <i32>(end - at)) return true;
  lacks(bytes < 0 ? bytes : <i32>(at - start) + bytes);
  return false;
}

/**
 * The message goes on for so many bytes, and no further: a read beyond them is malformed, and what is
 * not read of them is skipped. Waits for all of them. A message has one frame at most.
 */
export function frame(bytes: i32): boolean {
  assert(!framed, 'a message has one frame');
  if (!need(bytes)) return false;
  end = at + bytes;
  framed = true;
  return true;
}

/** @returns the address of the next so many bytes, which are skipped; 0 if they are not there */
export function take(length: i32): usize {
  if (!need(length)) return 0;
  at += length;
  return at - length;
}

export function bytes(length: i32): Bytes {
  const from = take(length);
  return from === 0 ? view(at, 0) : view(from, length);
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
  return untilUnits(unitsOf(text), text.length, longest);
}

function untilUnits(units: usize, size: i32, longest: i32): Bytes {
  const length = distance(units, size, longest);
  if (length < 0) return view(at, 0);
  const found = view(at, length);
  at += length + size;
  return found;
}

/** Skips an ASCII text, if it comes next. @returns whether it does */
export function skip(text: string): boolean {
  return skipUnits(unitsOf(text), text.length);
}

function skipUnits(units: usize, size: i32): boolean {
  if (standing !== GOOD) return false;
  const there = <i32>(end - at);
  const found = matched(at, there, units, size);
  if (found === ENDS) lacksMore();
  if (found < 0) return false;
  at += size;
  return true;
}

/** Skips an ASCII text. If something else comes, the message is bad. */
export function expect(text: string): void {
  if (!skipUnits(unitsOf(text), text.length) && standing === GOOD) standing = BAD;
}

/**
 * A decimal number in this range, up to what is no digit, or the end of the frame. If something else
 * comes, the message is bad.
 */
export function decimal(least: i64, greatest: i64): i64 {
  if (standing !== GOOD) return 0;
  const digits = at < end && load<u8>(at) === MINUS ? at + 1 : at;
  const behind = readDecimal(at, end);
  if (digits === end || (behind === end && !framed)) lacksMore();
  else if (behind === 0 || parsed < least || parsed > greatest) standing = BAD;
  if (standing !== GOOD) return 0;
  at = behind;
  return parsed;
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
  at = to + 2;
  return value;
}

// What was read of the message is consumed. Of a frame that is all, read or not.
function pass(): void {
  if (standing !== GOOD) return;
  if (framed) at = end;
  framed = false;
  if (at === start) return;
  start = at;
  const state = session;
  if (state === null) return;
  state.searchFrom = 0;
  state.searched = 0;
}

// Nobody knows how many: the next byte may be one that ends it.
function lacksMore(): void {
  lacks(<i32>(end - start) + 1);
}

// The message needs so many bytes. The host says when there will never be so many.
function lacks(bytes: i32): void {
  standing = SHORT;
  if (framed || bytes < 0 || bytes > most) standing = BAD;
  else if (raw.want(connection, bytes) === STATUS_LIMIT) standing = BAD;
}

/** @returns how many bytes come before the text, or -1 when it is not there */
function distance(units: usize, size: i32, longest: i32): i32 {
  if (standing !== GOOD) return -1;
  const room = <i32>(end - at) - size;
  const far = longest < room ? at + longest + size : end;
  const first = load<u8>(units);
  let from = search(min(searched(), far), far, first);
  let found = matched(from, <i32>(far - from), units, size);
  while (found === DIFFERS) {
    from = search(from + 1, far, first);
    found = matched(from, <i32>(far - from), units, size);
  }
  if (found >= 0) return <i32>(from - at);
  if (longest <= room) standing = BAD;
  else searchOn(from);
  return -1;
}

/** @returns how far this search came when less of the message was there */
function searched(): usize {
  const state = session;
  if (state === null || state.searchFrom !== <i32>(at - start)) return at;
  return max(at, start + state.searched);
}

function searchOn(from: usize): void {
  const state = session;
  if (state !== null) {
    state.searchFrom = <i32>(at - start);
    state.searched = <i32>(from - start);
  }
  lacksMore();
}
