// A guest for measurements of the store. Each byte that comes is a request to one of 1,024 keys: `g` gets it, `p` sets it
// to 64 bytes; all that have come are asked for in one callback. `G` and `P` do the same, one in each callback.
// A value is answered as it is, and what was set with `+OK`.

import { send, store_get, store_put } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const GET: u8 = 0x67;
const PUT: u8 = 0x70;
const SMALL: u8 = 0x20;
const KEYS: i32 = 1024;
const KEY_BYTES: i32 = 8;
const VALUE_BYTES: i32 = 64;
const VERSION_BYTES: i32 = 8;

const key: usize = memory.data(8);
const value: usize = memory.data(64);
const okay: usize = memory.data(8);
store<u64>(okay, 0x0a0d_4b4f_2b); // +OK, CR, LF
let next: i32 = 0;

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  const all = (load<u8>(data) & SMALL) !== 0;
  const end = all ? length : 1;
  for (let at = 0; at < end; at += 1) ask(connection, load<u8>(data + at) | SMALL);
  return end;
}

function ask(connection: i32, command: u8): void {
  next = (next + 1) & (KEYS - 1);
  store<i32>(key, next);
  if (command === GET) store_get(connection, 0, key, KEY_BYTES);
  else if (command === PUT) store_put(connection, 1, key, KEY_BYTES, value, VALUE_BYTES, 0, 0);
}

export function on_reply(
  connection: i32,
  _state: usize,
  tag: i32,
  _status: i32,
  data: usize,
  length: i32,
): void {
  if (tag === 1) send(connection, okay, 5);
  else send(connection, data + VERSION_BYTES, length - VERSION_BYTES);
}
