// A guest whose input names an upstream, for tests. Its client is told when that is there, or lost; what comes then goes on
// to it, and back. It hangs when `hang` is there, and when it is told to `loop`. What must last is in the state blocks.

import { connect, send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const HANG: u32 = 0x676e6168;
const LOOP: u32 = 0x706f6f6c;

// ╒═══════╤══════╕
// │ other │ kind │
// └───────┴──────┘
@unmanaged
class State {
  other: i32;
  kind: u32;
}

const text: usize = memory.data(8);
let pending: u32 = 0;

export function state_size(): i32 {
  return <i32>offsetof<State>();
}

function say(connection: i32, word: u64, length: i32): void {
  store<u64>(text, word);
  send(connection, text, length);
}

function hang(): void {
  while (load<u32>(text) !== 1) store<u32>(text, 0);
}

export function on_data(connection: i32, state: usize, data: usize, length: i32): i32 {
  const own = changetype<State>(state);
  if (own.other !== 0) {
    send(own.other, data, length);
    return length;
  }
  if (load<u32>(data) === LOOP) hang();
  own.other = connect(connection, data, length, 0);
  pending = load<u32>(data) === HANG ? 1 : 0;
  return length;
}

export function on_connect(_connection: i32, state: usize, parent: i32): void {
  changetype<State>(state).other = parent;
  if (pending !== 0) hang();
  // "there"
  say(parent, 0x6572656874, 5);
}

export function on_close(_connection: i32, state: usize, _reason: i32): void {
  const other = changetype<State>(state).other;
  // "lost"
  if (other !== 0) say(other, 0x74736f6c, 4);
}
