// A guest that connects at a given depth of its stack, for tests: the input is the number of frames, as four bytes.

import { connect, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const name: usize = memory.data(2);
store<u8>(name, 0x64);
store<u8>(name, 0x62, 1);

function connectAt(depth: i32): i32 {
  return depth === 0 ? connect(0, name, 2, 0) : connectAt(depth - 1) | 0x40000000;
}

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  const made = connectAt(load<i32>(data));
  store<u8>(name, made > 0 ? 0x64 : 0);
  send(connection, name, 1);
  return length;
}

export function on_connect(_connection: i32, _state: usize, _parent: i32): void {}
