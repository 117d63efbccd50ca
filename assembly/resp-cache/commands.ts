// Commands: which ones can share a connection to the upstream, by what they do to the one key that they name. It knows
// names only.

import { Bytes } from '../kit';

/** Commands that write one key, their first argument, and are answered by one text or number. */
export function isWrite(name: Bytes, count: i32): bool {
  if (name.like('del') || name.like('unlink')) return count === 2;
  return (
    name.like('set') ||
    name.like('incr') ||
    name.like('decr') ||
    name.like('incrby') ||
    name.like('decrby') ||
    name.like('append') ||
    name.like('setnx') ||
    name.like('setex') ||
    name.like('psetex') ||
    name.like('getset') ||
    name.like('getdel') ||
    name.like('expire') ||
    name.like('pexpire') ||
    name.like('persist')
  );
}

/** Commands that look at one key. */
export function isLook(name: Bytes): bool {
  return name.like('ttl') || name.like('pttl') || name.like('strlen') || name.like('exists');
}
