// Framed, version 2 of its state: larger, in another order, with a field that version 1 lacks.

import { reply, summed, whole } from './framed';

export { allocate, wasmpoll_abi_1 } from './framed';

// 0      8     16       20
// | seen | sum | frames |
@unmanaged
class State {
  /** Bytes since version 2 has the connection. */
  seen: u64;
  sum: u64;
  frames: u32;
}

// Version 1, as framed-1.ts draws it.
@unmanaged
class Earlier {
  frames: u32;
  sum: u32;
}

export function state_size(): i32 {
  return offsetof<State>();
}

export function state_version(): i32 {
  return 2;
}

export function migrate(_c: i32, old: usize, size: i32, version: i32, state: usize): void {
  assert(version === 1 && size === offsetof<Earlier>());
  const now = changetype<State>(state);
  assert(now.seen === 0 && now.sum === 0 && now.frames === 0);
  now.sum = changetype<Earlier>(old).sum;
  now.frames = changetype<Earlier>(old).frames;
}

export function on_data(connection: i32, block: usize, data: usize, length: i32): i32 {
  const state = changetype<State>(block);
  const bytes = whole(connection, data, length);
  if (bytes === 0) return 0;
  state.seen += bytes;
  state.frames += 1;
  state.sum = summed(<u32>state.sum, data, bytes);
  reply(connection, state.frames, <u32>state.sum, data, bytes);
  return bytes;
}
