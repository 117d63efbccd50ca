// A guest that connects, and does not want to hear of it, for tests: it is refused.

import { connect } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

export function on_data(connection: i32, _state: usize, data: usize, length: i32): i32 {
  connect(connection, data, length, 0);
  return length;
}
