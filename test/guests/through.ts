// A guest between client and upstream that looks at every byte: what a proxy costs that reads what it passes on.

import { CLOSE_ABORT, CONNECT_LINK } from '../../assembly/abi';
import { close, connect, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

// ╒═════╤═════════╕
// │ sum │ partner │
// └─────┴─────────┘
@unmanaged
class State {
  sum: u64;
  partner: i32;
}

const upstream: usize = memory.data<u8>([0x62, 0x61, 0x63, 0x6b]);
const UPSTREAM_BYTES: i32 = 4;

export function state_size(): i32 {
  return offsetof<State>();
}

export function on_open(connection: i32, state: usize): void {
  const made = connect(connection, upstream, UPSTREAM_BYTES, CONNECT_LINK);
  if (made > 0) changetype<State>(state).partner = made;
  else close(connection, CLOSE_ABORT);
}

export function on_connect(_connection: i32, state: usize, parent: i32): void {
  changetype<State>(state).partner = parent;
}

export function on_data(_connection: i32, state: usize, data: usize, length: i32): i32 {
  let sum = changetype<State>(state).sum;
  const end = data + length;
  const wide = data + (length & -8);
  for (; data < wide; data += 8) sum ^= load<u64>(data);
  for (let at = data; at < end; at += 1) sum ^= load<u8>(at);
  changetype<State>(state).sum = sum;
  send(changetype<State>(state).partner, end - length, length);
  return length;
}
