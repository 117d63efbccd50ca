// A guest that shares nothing by the host: what a client sends goes to all others by one `send` each, from a list in
// globals. For measurements beside topics.

import { send } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const MOST: i32 = 4096;
const handles: usize = memory.data(16_384);
let count: i32 = 0;

export function on_open(connection: i32, _state: usize): void {
  if (count === MOST) return;
  store<i32>(handles + <usize>count * 4, connection);
  count += 1;
}

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  for (let index = 0; index < count; index += 1) {
    const other = load<i32>(handles + <usize>index * 4);
    if (other !== connection) send(other, data, length);
  }
  return length;
}
