// A guest whose members have numbers, for tests of what is sent to many at once. A client says `j` and a digit to join
// the room by that number, `J` and a digit to join it by a pattern; what else it says is published in the room. What a
// member does with a message is up to its first letter:
//
//   e  writes the member's number over its second letter, in place, and sends it
//   s  sends it, and the count of its messages, which is in its state
//   o  sends it, and `+` to the member who was given it before
//   O  sends `+` to the member before, and then 5,000 letters to it and to itself
//   b  sends it, and 5,000 letters            w  sends it 300 times
//   c  sends it, and closes                   p  sends it, and publishes `q` for those who have joined by pattern
//   T  traps, and H hangs, if its second letter is the member's number; else sends it
//
// Whatever else: sends it. A `!` is sent for messages that were missed.

import { CLOSE_GRACEFUL, JOIN_PATTERN } from '../../assembly/abi';
import { close, join, publish, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const LETTERS: i32 = 5000;
// Not whole words, and what is counted lies in the odd end.
const STATE_BYTES: i32 = 7;
const COUNT: usize = 3;
const letters: usize = memory.data(LETTERS);
const room: usize = memory.data(4);
const pattern: usize = memory.data(1);
const aside: usize = memory.data(4);
const digit: usize = memory.data(1);
const plus: usize = memory.data(1);
const mark: usize = memory.data(1);
const q: usize = memory.data(1);
store<u32>(room, 0x6d6f6f72);
store<u32>(aside, 0x65646973);
store<u8>(pattern, 0x2b);
store<u8>(plus, 0x2b);
store<u8>(mark, 0x21);
store<u8>(q, 0x71);
memory.fill(letters, 0x78, LETTERS);

/** The member who was given a message before. */
let before: i32 = 0;

export function state_size(): i32 {
  return STATE_BYTES;
}

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  const letter = load<u8>(data);
  const number = length > 1 ? <i32>load<u8>(data + 1) : 0;
  if (letter === 0x6a) join(connection, number, room, 4, 0);
  else if (letter === 0x4a) join(connection, number, pattern, 1, JOIN_PATTERN);
  else publish(room, 4, data, length, 0);
  return length;
}

export function on_message(
  connection: i32,
  state: usize,
  tag: i32,
  _flags: i32,
  _topic: usize,
  _topicLength: i32,
  data: usize,
  length: i32,
): void {
  store<i32>(state + COUNT, load<i32>(state + COUNT) + 1);
  const previous = before;
  before = connection;
  const letter = length > 0 ? load<u8>(data) : 0;
  const meant = length > 1 && <i32>load<u8>(data + 1) === tag;
  if (letter === 0x54 && meant) unreachable();
  if (letter === 0x48 && meant) hang();
  if (letter === 0x65) store<u8>(data + 1, <u8>tag);
  if (letter === 0x4f) {
    send(previous, plus, 1);
    send(previous, letters, LETTERS);
    send(connection, letters, LETTERS);
    return;
  }
  const times = letter === 0x77 ? 300 : 1;
  for (let time = 0; time < times; time += 1) send(connection, data, length);
  if (letter === 0x73) {
    store<u8>(digit, 0x30 + <u8>(load<i32>(state + COUNT) % 10));
    send(connection, digit, 1);
  } else if (letter === 0x6f) send(previous, plus, 1);
  else if (letter === 0x62) send(connection, letters, LETTERS);
  else if (letter === 0x63) close(connection, CLOSE_GRACEFUL);
  else if (letter === 0x70) publish(aside, 4, q, 1, 0);
}

function hang(): void {
  for (;;) store<u8>(mark, load<u8>(mark));
}

export function on_missed(connection: i32, _state: usize): void {
  send(connection, mark, 1);
}
