// NAME: answers each line with its number. Edit it while `npx wasmpoll dev` serves it.

import { Connection, input, reply, Session, stateSize } from 'wasmpoll/assembly/kit';

export * from 'wasmpoll/assembly/guest';

const LONGEST_LINE = 1024;

/** What is kept for each connection. It outlives traps, and swaps of the module. */
@unmanaged
class Client extends Session {
  lines!: i32;
}

export function state_size(): i32 {
  return stateSize<Client>();
}

/** Bytes have come. A line that is not all there is read again when more of it is. */
export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {
  input.begin(connection, client, data, length);
  while (input.next()) {
    const line = input.line(LONGEST_LINE);
    if (!input.ok()) break;
    client.lines += 1;
    reply.decimal(client.lines).text(' ').bytes(line).text('\n');
  }
  if (input.bad()) {
    reply.text('that line is too long\n');
    connection.close();
  }
  return input.finish();
}
