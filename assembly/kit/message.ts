// Message: where the message that is read begins, how far it was read, and how it stands. It knows when the next one
// may be read and what is consumed, and not what is in a message.

import { STATUS_LIMIT } from '../abi';
import * as raw from '../wasmpoll';
import { growViews, releaseViews } from './bytes';
import { Connection, checkState, Session, stated } from './connection';
import { reply } from './output';

// How the message stands. When it is not GOOD nothing is left to read: `end` is `at`. So whoever reads looks at what is
// left, and only who finds too little at how it stands.
export const GOOD: i32 = 0;
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
export let at: usize = 0;
/** How far reads may go: to the end of the input, of the longest message, or of a frame. */
export let end: usize = 0;
export let standing: i32 = GOOD;
let entered: boolean = false;
export let framed: boolean = false;
let halted: boolean = false;
let most: i32 = i32.MAX_VALUE;
/** The session says how far a search of this message came. */
export let searching: boolean = false;
/** Nothing but reading has happened since the message began, so `next` has nothing to settle. */
let plain: boolean = false;

/**
 * First in `on_data`, with what it was given; in `on_end`, too, if you read there. A guest without state is given a
 * session that is null, and passes it on.
 */
export function begin<T>(to: Connection, state: T, data: usize, length: i32): void {
  if (isReference<T>()) {
    // Who has no fields of its own needs no block, and what may be null was thought of.
    if (!isNullable<T>() && offsetof<T>() > offsetof<Session>()) {
      if (stated < <i32>offsetof<T>()) checkState(changetype<usize>(state));
    }
    enter(to, state, data, length);
  } else enter(to, null, data, length);
}

function enter(to: Connection, state: Session | null, data: usize, length: i32): void {
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
  searching = state !== null && state.searched > 0;
  plain = !searching;
  growViews(true);
  reply.attach(connection);
}

/**
 * Ends the message before, if there is one.
 * @returns whether there is another to be read: not if it is not all there, if nothing is left, when the
 *   connection was closed or paused, or when 64 KiB are unsent. The rest is kept, and comes again
 */
export function next(): boolean {
  const from = at;
  if (!plain || from === start || from === last || reply.isFull) return settled();
  start = from;
  end = most < <i32>(last - from) ? from + most : last;
  releaseViews();
  return true;
}

function settle(): boolean {
  const before = start;
  pass();
  // Who has read nothing would read nothing again.
  if (standing !== GOOD || halted || at === last) return false;
  if (entered && (start === before || reply.isFull)) return false;
  entered = true;
  plain = !searching;
  end = most < <i32>(last - at) ? at + most : last;
  releaseViews();
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
  stop(BAD);
}

/**
 * Leaves the message, and all behind it, for later: it is read again from its start when the connection resumes.
 * Call `pause` as well, and `resume` when what it waits for is there.
 */
export function hold(): void {
  stop(HELD);
}

/** Sends the reply. @returns what `on_data` returns: how much was consumed. What `on_end` returns is something else */
export function finish(): i32 {
  pass();
  reply.flush();
  reply.attach(0);
  connection = 0;
  releaseViews();
  growViews(false);
  return <i32>(start - base);
}

/** Messages of more bytes are bad. Without it, the host's `maxFrameBytes` holds. It lasts for the instance. */
export function atMost(bytes: i32): void {
  most = bytes;
}

/** Stops reading messages of this connection, in this callback. */
export function halt(handle: i32): void {
  if (handle !== connection) return;
  halted = true;
  plain = false;
}

/** @returns how many bytes are there to be read: to the end of the frame, or of what has come */
export function rest(): i32 {
  return <i32>(end - at);
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
  return (standing === GOOD && <usize>bytes <= end - at) || lacking(bytes);
}

function lack(bytes: i32): boolean {
  if (standing === GOOD) lacks(bytes < 0 ? bytes : <i32>(at - start) + bytes);
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
  plain = false;
  return true;
}

/** @returns the address of the next so many bytes, which are skipped; 0 if they are not there */
export function take(length: i32): usize {
  const from = at;
  if (<usize>length > end - from) return <usize>lacking(length);
  at = from + length;
  return from;
}

/** What comes before this address was read. */
export function moveTo(address: usize): void {
  at = address;
}

// What was read of the message is consumed. Of a frame that is all, read or not.
function pass(): void {
  if (standing !== GOOD) return;
  if (framed) at = end;
  framed = false;
  if (at === start) return;
  start = at;
  if (!searching) return;
  searching = false;
  const state = session!;
  state.searchFrom = 0;
  state.searched = 0;
}

// Nobody knows how many: the next byte may be one that ends it.
export function lacksMore(): void {
  lacks(<i32>(end - start) + 1);
}

// The message needs so many bytes. The host says when there will never be so many.
function lacks(bytes: i32): void {
  if (framed || bytes < 0 || bytes > most) stop(BAD);
  else stop(raw.want(connection, bytes) === STATUS_LIMIT ? BAD : SHORT);
}

function stop(how: i32): void {
  standing = how;
  end = at;
  plain = false;
}

// What is seldom needed is called by what it is: see text.ts.
const settled: () => boolean = settle;
const lacking: (bytes: i32) => boolean = lack;

/** @returns how far this search came when less of the message was there */
export function searched(): usize {
  if (!searching) return at;
  const state = session!;
  return state.searchFrom === <i32>(at - start) ? max(at, start + state.searched) : at;
}

export function searchOn(from: usize): void {
  const state = session;
  if (state !== null) {
    state.searchFrom = <i32>(at - start);
    state.searched = <i32>(from - start);
  }
  lacksMore();
}
