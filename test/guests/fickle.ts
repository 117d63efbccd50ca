// A guest that asks for connections and gives them up at once, as many as it may in each callback, for tests. `!` begins
// that, a second one ends it; anything else is echoed. It logs when it is told LIMIT.

import { CLOSE_ABORT } from '../../assembly/abi';
import { close, connect, log, send, set_timer } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const BEGIN: u8 = 0x21;
const TIMES: i32 = 1000;

const name: usize = memory.data<u8>([0x64, 0x62]);
const limit: usize = memory.data<u8>([0x4c, 0x49, 0x4d, 0x49, 0x54]);
let floods = false;
let told = false;

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  if (load<u8>(data) !== BEGIN) send(connection, data, length);
  else {
    floods = !floods;
    set_timer(connection, floods ? 1 : 0);
  }
  return length;
}

export function on_timer(connection: i32, _state: usize): void {
  for (let times: i32 = 0; times < TIMES; times += 1) {
    const made = connect(0, name, 2, 0);
    if (made < 0) {
      if (!told) log(1, limit, 5);
      told = true;
      break;
    }
    close(made, CLOSE_ABORT);
  }
  set_timer(connection, 1);
}

export function on_connect(_connection: i32, _state: usize, _parent: i32): void {}
