// NAME: answers each line with its number. docs/abi.md of the package wasmpoll has what a guest may do.

import { send, want } from 'wasmpoll/assembly';

export * from 'wasmpoll/assembly/guest';

/** What is kept for each connection. It outlives traps, and swaps of the module. */
@unmanaged
class Client {
  lines!: i32;
}

export function state_size(): i32 {
  return offsetof<Client>();
}

/** Bytes have come: one line of them is answered, and called for the next one again. */
export function on_data(connection: i32, client: Client, data: usize, length: i32): i32 {
  for (let at = 0; at < length; at += 1) {
    if (load<u8>(data + at) !== 0x0a) continue;
    client.lines += 1;
    number(connection, client.lines);
    send(connection, data, at + 1);
    return at + 1;
  }
  want(connection, length + 1);
  return 0;
}

const digits = memory.data(16);

function number(connection: i32, value: i32): void {
  let at = 15;
  store<u8>(digits + at, 0x20);
  for (let rest = value; at === 15 || rest > 0; rest /= 10) {
    at -= 1;
    store<u8>(digits + at, 0x30 + (rest % 10));
  }
  send(connection, digits + at, 16 - at);
}
