// Proxy: what a client sends goes to an upstream, and what that answers goes back. `upstream` in the configuration is its
// name. No byte is looked at: the host passes them on by itself, also those that come before the upstream is there.

import { Bytes, CLOSE_ABORT, Connection, config, connectionOf, literal } from './kit';

export * from './guest';

let upstream: Bytes | null = null;

function named(): Bytes {
  if (upstream === null) upstream = config.text('upstream');
  if (upstream === null) upstream = literal('upstream');
  return upstream!;
}

export function on_open(client: Connection, _state: usize): void {
  const made = client.connect(named());
  if (made > 0) client.splice(connectionOf(made));
  else client.close(CLOSE_ABORT);
}

export function on_connect(_upstream: Connection, _state: usize, _client: Connection): void {}

export function on_data(_connection: Connection, _state: usize, _data: usize, length: i32): i32 {
  return length;
}
