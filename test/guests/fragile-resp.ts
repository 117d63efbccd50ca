// The bundled `resp`, and two commands more, which must be the first of what is received: a line `CRASH` traps,
// and a line `SPIN` does not return.

import { Connection } from '../../assembly/kit';
import { on_data as serve } from '../../assembly/resp';
import { Client } from '../../assembly/resp/client';

export * from '../../assembly/guest';
export {
  _initialize,
  on_close,
  on_message,
  on_missed,
  on_reply,
  on_restore,
  state_size,
} from '../../assembly/resp';

const C: u8 = 0x43;
const S: u8 = 0x53;

export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {
  if (load<u8>(data) === C) unreachable();
  if (load<u8>(data) === S) while (true) {}
  return serve(connection, client, data, length);
}
