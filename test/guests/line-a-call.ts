// Lines as the raw ABI has them: each goes back as it came, one a call. It keeps in the state block how
// far it has searched. What the host does for each call is measured with it.

import { send, want } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const NEWLINE: u8 = 0x0a;

// 0          4
// | searched |
@unmanaged
class State {
  /** Bytes at the front of the unconsumed input that hold no newline. */
  searched: i32;
}

export function state_size(): i32 {
  return offsetof<State>();
}

export function on_data(connection: i32, state: usize, data: usize, length: i32): i32 {
  const line = changetype<State>(state);
  for (let at = line.searched; at < length; at += 1) {
    if (load<u8>(data + at) !== NEWLINE) continue;
    line.searched = 0;
    send(connection, data, at + 1);
    return at + 1;
  }
  line.searched = length;
  // Over the host's limit this is refused, and the line with it: nothing was consumed of a full frame.
  want(connection, length + 1);
  return 0;
}

/** The last line may lack its newline. */
export function on_end(connection: i32, _state: usize, data: usize, length: i32): i32 {
  if (length > 0) send(connection, data, length);
  return 0;
}
