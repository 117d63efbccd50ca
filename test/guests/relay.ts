// A guest whose connections are all in one room, for tests: what a client sends goes to the others, as it is, and
// whatever is published in the room goes to each client. `H` in front hangs; a message with `T` in front traps, and
// one with `E` never ends, in the callback of each member that is given it. A `!` says that messages were missed.

import { PUBLISH_OTHERS } from '../../assembly/abi';
import { join, publish, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const HANG: u8 = 0x48;
const TRAP: u8 = 0x54;
const ENDLESS: u8 = 0x45;

const topic: usize = memory.data(4);
const mark: usize = memory.data(1);
store<u32>(topic, 0x6d6f6f72);
store<u8>(mark, 0x21);

export function on_open(connection: i32, _state: usize): void {
  join(connection, 0, topic, 4, 0);
}

export function on_data(_connection: i32, _state: usize, data: usize, length: i32): i32 {
  if (load<u8>(data) === HANG) hang();
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
  const first: u8 = length > 0 ? load<u8>(data) : 0;
  if (first === TRAP) unreachable();
  if (first === ENDLESS) hang();
  send(connection, data, length);
}

function hang(): void {
  for (;;) store<u8>(mark, load<u8>(mark));
}

export function on_missed(connection: i32, _state: usize): void {
  send(connection, mark, 1);
}
