// Store: keys that all connections and the program share. Each request is answered by one `on_reply`,
// with its tag, unless it was made for no connection. Calls return a status: OK, or LIMIT and no reply.

import * as raw from '../wasmpoll';
import { Bytes, view } from './bytes';
import { Connection } from './connection';

/** A version that stands for any. */
export const ANY: u64 = u64.MAX_VALUE;
/** The version of a key that is not there. */
export const NONE: u64 = 0;

const VERSION_BYTES: i32 = sizeof<u64>();
const expectation: usize = memory.data(8);

/** Asks for the value of a key: `version` and `value` take the reply apart; or it is ABSENT. */
export function get(connection: Connection, tag: i32, key: Bytes): i32 {
  return raw.store_get(connection.id, tag, key.at, key.length);
}

/**
 * Sets a key, if it has the expected version; otherwise the reply is CONFLICT. It is gone after
 * `milliseconds`, with 0 never.
 */
export function put(
  connection: Connection | null,
  tag: i32,
  key: Bytes,
  value: Bytes,
  expected: u64 = ANY,
  milliseconds: u32 = 0,
): i32 {
  const version = expecting(expected);
  const id = changetype<i32>(connection);
  return raw.store_put(id, tag, key.at, key.length, value.at, value.length, version, milliseconds);
}

/** Deletes a key, if it has the expected version. The reply is OK, ABSENT or CONFLICT. */
export function remove(
  connection: Connection | null,
  tag: i32,
  key: Bytes,
  expected: u64 = ANY,
): i32 {
  const id = changetype<i32>(connection);
  return raw.store_delete(id, tag, key.at, key.length, expecting(expected));
}

/**
 * Adds to a key that is a decimal number, and 0 if it is not there: only then `milliseconds` count.
 * `value` of the reply is the sum.
 */
export function add(
  connection: Connection | null,
  tag: i32,
  key: Bytes,
  delta: f64,
  milliseconds: u32 = 0,
): i32 {
  const id = changetype<i32>(connection);
  return raw.store_add(id, tag, key.at, key.length, delta, milliseconds);
}

/** One of the replies that `on_replies` is given, which lie one behind the other. */
@unmanaged
export class Reply {
  tag!: i32;
  status!: i32;
  data!: usize;
  length!: i32;

  /** The one behind it. */
  get next(): Reply {
    return changetype<Reply>(changetype<usize>(this) + offsetof<Reply>());
  }
}

const single: Reply = changetype<Reply>(memory.data(offsetof<Reply>()));

/** What `on_reply` is given as the first and only one, for `on_replies`. */
export function only(tag: i32, status: i32, data: usize, length: i32): Reply {
  single.tag = tag;
  single.status = status;
  single.data = data;
  single.length = length;
  return single;
}

/** The version in what `on_reply` is given: compare it, or expect it. NONE if there is none. */
export function version(data: usize, length: i32): u64 {
  return length < VERSION_BYTES ? NONE : load<u64>(data);
}

/** The value in what `on_reply` is given; empty if there is none. */
export function value(data: usize, length: i32): Bytes {
  return length < VERSION_BYTES
    ? view(data, 0)
    : view(data + VERSION_BYTES, length - VERSION_BYTES);
}

function expecting(expected: u64): usize {
  if (expected === ANY) return 0;
  store<u64>(expectation, expected);
  return expectation;
}
