// A guest whose connections are all in one room, for tests: what a client sends goes to the others, as it is, and
// whatever is published in the room goes to each client. `H` in front hangs, `T` traps, and `D` does so in the
// callback of each member that is given it. A `!` says that messages were missed.

import { PUBLISH_OTHERS } from '../../assembly/abi';
import { join, publish, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const HANG: u8 = 0x48;
const TRAP: u8 = 0x54;
const DEADLY: u8 = 0x44;

const topic: usize = memory.data(4);
const mark: usize = memory.data(1);
store<u32>(topic, 0x6d6f6f72);
store<u8>(mark, 0x21);

export function on_open(connection: i32, _state: usize): void {
  join(connection, 0, topic, 4, 0);
}

export function on_data(_connection: i32, _state: usize, data: usize, length: i32): i32 {
  const first = load<u8>(data);
  if (first === HANG) for (;;) store<u8>(mark, load<u8>(mark));
  if (first === TRAP) unreachable();
  publish(topic, 4, data, length, PUBLISH_OTHERS);
  return length;
}

export function on_message(
  connection: i32,
  _state: usize,
  _tag: i32,
  _flags: i32,
  _topic: usize,
  _topicLength: i32,
  data: usize,
  length: i32,
): void {
  if (length > 0 && load<u8>(data) === DEADLY) unreachable();
  send(connection, data, length);
}

export function on_missed(connection: i32, _state: usize): void {
  send(connection, mark, 1);
}
