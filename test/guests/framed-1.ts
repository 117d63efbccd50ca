// Framed, version 1 of its state.

import { reply, summed, whole } from './framed';

export { allocate, wasmpoll_abi_1 } from './framed';

// 0        4     8
// | frames | sum |
@unmanaged
class State {
  frames: u32;
  sum: u32;
}

// Version 2, as framed-2.ts draws it.
@unmanaged
class Later {
  seen: u64;
  sum: u64;
  frames: u32;
}

export function state_size(): i32 {
  return offsetof<State>();
}

export function state_version(): i32 {
  return 1;
}

export function migrate(_c: i32, old: usize, size: i32, version: i32, state: usize): void {
  assert(version === 2 && size === offsetof<Later>());
  changetype<State>(state).frames = changetype<Later>(old).frames;
  changetype<State>(state).sum = <u32>changetype<Later>(old).sum;
}

export function on_data(connection: i32, block: usize, data: usize, length: i32): i32 {
  const state = changetype<State>(block);
  const bytes = whole(connection, data, length);
  if (bytes === 0) return 0;
  state.frames += 1;
  state.sum = summed(state.sum, data, bytes);
  reply(connection, state.frames, state.sum, data, bytes);
  return bytes;
}
