// A guest that looks at what comes first, takes nothing of it, and lets it go on to an upstream, for tests.

import { CONNECT_LINK } from '../../assembly/abi';
import { connect, splice } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const NAME = 'upstream';
const name: usize = memory.data(8);

export function on_data(connection: i32, _state: usize, _data: usize, length: i32): i32 {
  String.UTF8.encodeUnsafe(changetype<usize>(NAME), 8, name);
  const upstream = connect(connection, name, 8, CONNECT_LINK);
  return splice(connection, upstream) === 0 ? 0 : length;
}

export function on_connect(_connection: i32, _state: usize, _parent: i32): void {}
