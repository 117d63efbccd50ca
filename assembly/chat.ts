// Chat: a line from one member goes to all others. Names live in the state blocks; the list of
// members is a cache, rebuilt by on_restore. A member that does not read costs the others nothing.
// A line reaches as many members as a callback may have sends; a larger room needs that limit raised.

import { CLOSE_ABORT, CLOSE_GRACEFUL } from './abi';
import { close, pause, resume, send, set_timer } from './wasmpoll';

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

// 0        4          8                  40
// | length | searched | name, NAME_BYTES |
@unmanaged
class State {
  /** Bytes of the name; 0 before it is given. */
  length: i32;
  /** Bytes at the front of the unconsumed input that hold no newline. */
  searched: i32;
}

const NAME: usize = offsetof<State>();

class Member {
  /** Text was withheld from it, in lines. */
  missed: i32 = 0;
  warned: bool = false;

  constructor(public readonly connection: i32) {}
}

const members: Member[] = [];

const PROMPT = String.UTF8.encode('name? ');
const NAME_RULE = String.UTF8.encode('a name has 1 to 32 printable characters; name? ');
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
  if (member.length === 0) join(connection, state, data, text);
  else if (is(data, text, QUIT)) {
    tell(connection, BYE);
    close(connection, CLOSE_GRACEFUL);
  } else if (text > 0) say(connection, state, data, text);
  return end + 1;
}

export function on_timer(connection: i32, _state: usize): void {
  const member = find_member(connection);
  if (member === null) return;
  if (send(connection, 0, 0) <= CAUGHT_UP_BYTES) {
    caught_up(member);
    return;
  }
  if (member.warned) {
    close(connection, CLOSE_ABORT);
    return;
  }
  member.warned = true;
  tell(connection, WARNING);
  set_timer(connection, DROP_MS);
}

export function on_drain(connection: i32, _state: usize): void {
  const member = find_member(connection);
  if (member !== null && member.missed > 0) caught_up(member);
}

export function on_close(connection: i32, state: usize, _reason: i32): void {
  for (let index = 0; index < members.length; index += 1) {
    if (members[index].connection !== connection) continue;
    members.splice(index, 1);
    announce(connection, state, LEFT);
    return;
  }
}

export function on_restore(connection: i32, state: usize): void {
  if (changetype<State>(state).length > 0) members.push(new Member(connection));
}

function join(connection: i32, state: usize, name: usize, length: i32): void {
  if (!printable(name, length)) {
    tell(connection, NAME_RULE);
    return;
  }
  changetype<State>(state).length = length;
  memory.copy(state + NAME, name, length);
  members.push(new Member(connection));
  announce(connection, state, JOINED);
}

function printable(text: usize, length: i32): bool {
  if (length < 1 || length > NAME_BYTES) return false;
  for (let at = 0; at < length; at += 1) {
    const byte = load<u8>(text + at);
    if (byte < SPACE || byte === DELETE) return false;
  }
  return true;
}

function say(from: i32, state: usize, text: usize, length: i32): void {
  const name = changetype<State>(state).length;
  const line = new ArrayBuffer(name + COLON.byteLength + length + END.byteLength);
  let at = put(changetype<usize>(line), state + NAME, name);
  at = put(at, changetype<usize>(COLON), COLON.byteLength);
  at = put(at, text, length);
  put(at, changetype<usize>(END), END.byteLength);
  broadcast(from, line);
}

/** `* NAME has …` to all but the one whom it is about. */
function announce(about: i32, state: usize, what: ArrayBuffer): void {
  const name = changetype<State>(state).length;
  const line = new ArrayBuffer(STAR.byteLength + name + what.byteLength);
  let at = put(changetype<usize>(line), changetype<usize>(STAR), STAR.byteLength);
  at = put(at, state + NAME, name);
  put(at, changetype<usize>(what), what.byteLength);
  broadcast(about, line);
}

/** @returns the address behind what was written */
function put(target: usize, text: usize, length: i32): usize {
  memory.copy(target, text, length);
  return target + length;
}

// One send a member: a line is whole or missing, and no other comes between its parts.
function broadcast(from: i32, line: ArrayBuffer): void {
  for (let index = 0; index < members.length; index += 1) {
    const member = members[index];
    if (member.connection !== from && listening(member)) tell(member.connection, line);
  }
}

/** Whether the member can be given a line; one that does not read is not read from either. */
function listening(member: Member): bool {
  if (member.missed > 0) {
    member.missed += 1;
    return false;
  }
  if (send(member.connection, 0, 0) <= SLOW_BYTES) return true;
  member.missed = 1;
  pause(member.connection);
  set_timer(member.connection, WARN_MS);
  return false;
}

function caught_up(member: Member): void {
  member.missed = 0;
  member.warned = false;
  set_timer(member.connection, 0);
  tell(member.connection, MISSED);
  resume(member.connection);
}

function find_member(connection: i32): Member | null {
  for (let index = 0; index < members.length; index += 1) {
    if (members[index].connection === connection) return members[index];
  }
  return null;
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
