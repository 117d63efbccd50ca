// A guest that counts the lines of each client, and forgets to say how much it keeps of one.

import { Connection, input, reply, Session } from '../../../assembly/kit';

export * from '../../../assembly/guest';

@unmanaged
export class Client extends Session {
  lines!: i32;
}

export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {
  input.begin(connection, client, data, length);
  while (input.next()) {
    input.line();
    if (!input.ok()) break;
    client.lines += 1;
    reply.decimal(client.lines).text('\n');
  }
  return input.finish();
}
