// Chat: a line from one member goes to all others, whichever worker serves them: members join a topic. All
// that is known of a member lies in its state block. A member that does not read costs the others nothing.

import { CLOSE_ABORT, CLOSE_GRACEFUL, PUBLISH_OTHERS } from './abi';
import { close, join, pause, publish, resume, send, set_timer } from './wasmpoll';

export * from './guest';

const NEWLINE: u8 = 0x0a;
const RETURN: u8 = 0x0d;
const SPACE: u8 = 0x20;
const DELETE: u8 = 0x7f;
const NAME_BYTES: i32 = 32;

// Above so much unsent text a member is given no more; below the lower mark it is again.
const SLOW_BYTES: i32 = 64 * 1024;
const CAUGHT_UP_BYTES: i32 = 16 * 1024;
// It is warned after the first and dropped after the second.
const WARN_MS: i32 = 1000;
const DROP_MS: i32 = 4000;

// 0        4          8        12       16                 48
// | length | searched | missed | warned | name, NAME_BYTES |
@unmanaged
class State {
  /** Bytes of the name; 0 before it is given. */
  length: i32;
  /** Bytes at the front of the unconsumed input that hold no newline. */
  searched: i32;
  /** 1 while it has so much unread text that lines are withheld from it. */
  missed: i32;
  /** 1 once it was told that it will be dropped. */
  warned: i32;
}

const NAME: usize = offsetof<State>();

/** Where a line is put together; a longer one gets a larger block. */
let line: usize = 0;
let capacity: i32 = 0;

const ROOM = String.UTF8.encode('chat');
const PROMPT = String.UTF8.encode('name? ');
const NAME_RULE = String.UTF8.encode('a name has 1 to 32 printable characters; name? ');
const FULL = String.UTF8.encode('* the room is full\n');
const TOO_LONG = String.UTF8.encode('* the line is too long\n');
const STAR = String.UTF8.encode('* ');
const COLON = String.UTF8.encode(': ');
const JOINED = String.UTF8.encode(' has joined\n');
const LEFT = String.UTF8.encode(' has left\n');
const BYE = String.UTF8.encode('* bye\n');
const QUIT = String.UTF8.encode('/quit');
const WARNING = String.UTF8.encode('* you do not read; you will be dropped\n');
const MISSED = String.UTF8.encode('* you have missed lines\n');
const END = String.UTF8.encode('\n');

export function state_size(): i32 {
  return <i32>NAME + NAME_BYTES;
}

export function on_open(connection: i32, _state: usize): void {
  tell(connection, PROMPT);
}

export function on_data(connection: i32, state: usize, data: usize, length: i32): i32 {
  const member = changetype<State>(state);
  const end = find(data, member.searched, length, NEWLINE);
  member.searched = end < 0 ? length : 0;
  if (end < 0) return 0;
  let text = end;
  if (text > 0 && load<u8>(data + text - 1) === RETURN) text -= 1;
  if (member.length === 0) enter(connection, state, data, text);
  else if (is(data, text, QUIT)) {
    tell(connection, BYE);
    close(connection, CLOSE_GRACEFUL);
  } else if (text > 0) say(connection, state, data, text);
  return end + 1;
}

// A member that does not read is not read from either.
export function on_message(
  connection: i32,
  state: usize,
  _tag: i32,
  _flags: i32,
  _topic: usize,
  _topicLength: i32,
  data: usize,
  length: i32,
): void {
  const member = changetype<State>(state);
  if (member.missed !== 0) return;
  if (send(connection, 0, 0) <= SLOW_BYTES) {
    send(connection, data, length);
    return;
  }
  member.missed = 1;
  pause(connection);
  set_timer(connection, WARN_MS);
}

export function on_missed(connection: i32, state: usize): void {
  // It will be told when it has caught up.
  if (changetype<State>(state).missed === 0) tell(connection, MISSED);
}

export function on_timer(connection: i32, state: usize): void {
  const member = changetype<State>(state);
  if (send(connection, 0, 0) <= CAUGHT_UP_BYTES) {
    catch_up(connection, member);
    return;
  }
  if (member.warned !== 0) {
    close(connection, CLOSE_ABORT);
    return;
  }
  member.warned = 1;
  tell(connection, WARNING);
  set_timer(connection, DROP_MS);
}

export function on_drain(connection: i32, state: usize): void {
  const member = changetype<State>(state);
  if (member.missed !== 0) catch_up(connection, member);
}

export function on_close(_connection: i32, state: usize, _reason: i32): void {
  if (changetype<State>(state).length > 0) announce(state, LEFT);
}

function enter(connection: i32, state: usize, name: usize, length: i32): void {
  if (!printable(name, length)) {
    tell(connection, NAME_RULE);
    return;
  }
  if (join(connection, 0, changetype<usize>(ROOM), ROOM.byteLength, 0) < 0) {
    tell(connection, FULL);
    close(connection, CLOSE_GRACEFUL);
    return;
  }
  changetype<State>(state).length = length;
  memory.copy(state + NAME, name, length);
  announce(state, JOINED);
}

function printable(text: usize, length: i32): bool {
  if (length < 1 || length > NAME_BYTES) return false;
  for (let at = 0; at < length; at += 1) {
    const byte = load<u8>(text + at);
    if (byte < SPACE || byte === DELETE) return false;
  }
  return true;
}

function say(connection: i32, state: usize, text: usize, length: i32): void {
  const name = changetype<State>(state).length;
  const most = name + COLON.byteLength + length + END.byteLength;
  let at = put(begin(most), state + NAME, name);
  at = put(at, changetype<usize>(COLON), COLON.byteLength);
  at = put(at, text, length);
  put(at, changetype<usize>(END), END.byteLength);
  if (tell_others(most) < 0) tell(connection, TOO_LONG);
}

/** `* NAME has …` to all but the one whom it is about. */
function announce(state: usize, what: ArrayBuffer): void {
  const name = changetype<State>(state).length;
  const most = STAR.byteLength + name + what.byteLength;
  let at = put(begin(most), changetype<usize>(STAR), STAR.byteLength);
  at = put(at, state + NAME, name);
  put(at, changetype<usize>(what), what.byteLength);
  tell_others(most);
}

/** @returns where a line of so many bytes is put together */
function begin(bytes: i32): usize {
  if (bytes > capacity) {
    capacity = max(bytes, 2 * capacity);
    line = heap.alloc(<usize>capacity);
  }
  return line;
}

/** @returns the address behind what was written */
function put(target: usize, text: usize, length: i32): usize {
  memory.copy(target, text, length);
  return target + length;
}

/** @returns a status */
function tell_others(length: i32): i32 {
  return publish(changetype<usize>(ROOM), ROOM.byteLength, line, length, PUBLISH_OTHERS);
}

function catch_up(connection: i32, member: State): void {
  member.missed = 0;
  member.warned = 0;
  set_timer(connection, 0);
  tell(connection, MISSED);
  resume(connection);
}

function tell(connection: i32, text: ArrayBuffer): void {
  send(connection, changetype<usize>(text), text.byteLength);
}

function find(data: usize, from: i32, length: i32, byte: u8): i32 {
  for (let at = from; at < length; at += 1) {
    if (load<u8>(data + at) === byte) return at;
  }
  return -1;
}

function is(data: usize, length: i32, text: ArrayBuffer): bool {
  return length === text.byteLength && memory.compare(data, changetype<usize>(text), length) === 0;
}
