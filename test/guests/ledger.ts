// Echo with books: a state block of 64 bytes that every message reads and writes. For measurements.

import { send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

// 0          8       16        24      32
// | messages | bytes | largest | last  | 4 × checksum |
@unmanaged
class State {
  messages: u64;
  bytes: u64;
  largest: u64;
  last: u64;
  checksum0: u64;
  checksum1: u64;
  checksum2: u64;
  checksum3: u64;
}

export function state_size(): i32 {
  return offsetof<State>();
}

export function on_data(connection: i32, block: usize, data: usize, length: i32): i32 {
  const state = changetype<State>(block);
  state.messages += 1;
  state.bytes += length;
  state.last = length;
  if (<u64>length > state.largest) state.largest = length;
  state.checksum0 += load<u8>(data);
  state.checksum1 ^= state.checksum0;
  state.checksum2 += state.checksum1;
  state.checksum3 ^= state.checksum2;
  send(connection, data, length);
  return length;
}
