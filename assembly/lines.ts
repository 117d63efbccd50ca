// Lines: each line goes back as it came. A long one that comes in pieces is not searched from its
// start again: the session keeps how far the search came.

import { Connection, input, reply, Session, stateSize, view } from './kit';

export * from './guest';

export function state_size(): i32 {
  return stateSize<Session>();
}

export function on_data(connection: Connection, session: Session, data: usize, length: i32): i32 {
  input.begin(connection, session, data, length);
  while (input.next()) {
    const line = input.until('\n');
    if (input.ok()) reply.bytes(line).text('\n');
  }
  return input.finish();
}

/** The last line may lack its newline. */
export function on_end(connection: Connection, _session: Session, data: usize, length: i32): i32 {
  connection.send(view(data, length));
  return 0;
}
