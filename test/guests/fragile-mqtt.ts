// The bundled `mqtt`, and two commands more, which must be the first of what is received: a line `CRASH` traps,
// and a line `SPIN` does not return. No packet of MQTT begins so.

import { Connection } from '../../assembly/kit';
import { on_data as serve } from '../../assembly/mqtt';
import { Client } from '../../assembly/mqtt/client';

export * from '../../assembly/guest';
export {
  _initialize,
  on_close,
  on_end,
  on_message,
  on_missed,
  on_open,
  on_reply,
  on_restore,
  on_start,
  on_timer,
  state_size,
} from '../../assembly/mqtt';

const C: u8 = 0x43;
const S: u8 = 0x53;

export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {
  if (client.level === 0 && load<u8>(data) === C) unreachable();
  if (client.level === 0 && load<u8>(data) === S) while (true) {}
  return serve(connection, client, data, length);
}
