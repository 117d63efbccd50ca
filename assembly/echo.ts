// Echo (RFC 862): every byte goes back as it came. It knows no state and no other connection.

import { send } from './wasmpoll';

export * from './guest';

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  send(connection, data, length);
  return length;
}
