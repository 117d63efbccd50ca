// Replies: commands that the store answers with one request for each key, so that many are on their way at
// once. The tag of a request is the form of its answer.

import { Bytes, Connection, input, STATUS_ABSENT, STATUS_CONFLICT, STATUS_OK, store } from '../kit';
import { args, count, readBulk, second } from '../kit/resp-request';
import { bulk, failed, integer, list, nothing, ok, simple } from './answers';
import { release } from './channels';
import { Client, isAsked, wait } from './client';
import { HITS, MISSES, note } from './counts';
import { compose, expiry, found, read, remaining, time } from './value';

export const GET: i32 = 1;
const STRLEN: i32 = 2;
const EXISTS: i32 = 3;
const TTL: i32 = 4;
const PTTL: i32 = 5;
const EXPIRETIME: i32 = 6;
const PEXPIRETIME: i32 = 7;
const TYPE: i32 = 8;
const DELETE: i32 = 9;
const PUT: i32 = 10;
const PUT_NEW: i32 = 11;
const SETNX: i32 = 12;
/** Those of commands with several keys. */
const ELEMENT: i32 = 13;
const COUNTED: i32 = 14;
const DELETED: i32 = 15;

/** @returns the form of a command with one key; 0 if it is none */
export function formOf(name: Bytes): i32 {
  if (name.like('get')) return GET;
  if (name.like('del') || name.like('unlink')) return DELETE;
  if (name.like('exists') || name.like('touch')) return EXISTS;
  if (name.like('ttl')) return TTL;
  if (name.like('pttl')) return PTTL;
  if (name.like('strlen')) return STRLEN;
  if (name.like('type')) return TYPE;
  if (name.like('expiretime')) return EXPIRETIME;
  return name.like('pexpiretime') ? PEXPIRETIME : 0;
}

/** Whether the command of this form takes several keys; 0 is MGET. */
export const hasSeveral = (form: i32): boolean => form === 0 || form === EXISTS || form === DELETE;

export function one(connection: Connection, client: Client, form: i32): void {
  const key = unchecked(args[1]);
  const status =
    form === DELETE ? store.remove(connection, form, key) : store.get(connection, form, key);
  isAsked(connection, client, status);
}

export function put(connection: Connection, client: Client, value: Bytes, expiry: i64): void {
  write(connection, client, value, expiry, PUT, store.ANY);
}

/** SET with NX. */
export function putNew(connection: Connection, client: Client, value: Bytes, expiry: i64): void {
  write(connection, client, value, expiry, PUT_NEW, store.NONE);
}

export function setnx(connection: Connection, client: Client): void {
  write(connection, client, args[2], 0, SETNX, store.NONE);
}

function write(
  connection: Connection,
  client: Client,
  value: Bytes,
  expiry: i64,
  form: i32,
  expected: u64,
): void {
  const left = remaining(expiry);
  const status =
    left < 0
      ? store.remove(connection, form, args[1], expected)
      : store.put(
          connection,
          form,
          args[1],
          compose(expiry).bytes(value).view(),
          expected,
          <u32>left,
        );
  isAsked(connection, client, status);
}

/** MGET, whose form is 0, and DEL, UNLINK, EXISTS and TOUCH of several keys: as many at once as the store takes. */
export function several(connection: Connection, client: Client, form: i32): void {
  // The answers of commands before this one come first.
  if (client.pending > 0) {
    wait(connection, client);
    return;
  }
  client.keys = count - 1;
  client.form = form;
  client.from = second;
  client.sum = 0;
  client.status = 0;
  if (form === 0) list(client.keys);
  goOn(connection, client);
}

/** Asks for the next keys of such a command. Those before are not read again: there may be thousands. */
export function goOn(connection: Connection, client: Client): void {
  const isArray = client.from > 0;
  if (isArray) {
    input.rewind();
    input.take(client.from);
  }
  for (; client.asked < client.keys; client.asked += 1) {
    const from = input.offset();
    const key = isArray ? readBulk() : args[client.asked + 1];
    if (ask(connection, client, key)) client.pending += 1;
    else if (client.pending > 0) {
      if (isArray) client.from = from;
      wait(connection, client);
      return;
    } else if (client.form === 0) nothing();
  }
  if (isArray) client.from = input.offset();
  if (client.pending > 0) {
    wait(connection, client);
    return;
  }
  client.asked = 0;
  client.keys = 0;
  if (client.form === 0) release(connection, client);
  else if (client.status !== 0) failed(client.status);
  else integer(client.sum);
}

/** @returns whether the store was asked */
function ask(connection: Connection, client: Client, key: Bytes): boolean {
  const form = client.form;
  if (form === DELETE) return store.remove(connection, DELETED, key) === STATUS_OK;
  return store.get(connection, form === 0 ? ELEMENT : COUNTED, key) === STATUS_OK;
}

/** The store has replied to one of them. */
export function answer(client: Client, form: i32, status: i32, data: usize, length: i32): void {
  if (status !== STATUS_OK && status !== STATUS_ABSENT && status !== STATUS_CONFLICT) {
    client.status = status;
    if (form !== COUNTED && form !== DELETED) failed(status);
    return;
  }
  if (form === PUT) ok();
  else if (form === PUT_NEW) {
    // Of what ends at once, that it was not there is all that is asked: it is ABSENT.
    if (status !== STATUS_CONFLICT) ok();
    else nothing();
  } else if (form === SETNX || form === DELETE) integer(status === STATUS_OK ? 1 : 0);
  else if (form === DELETED) client.sum += status === STATUS_OK ? 1 : 0;
  else {
    read(status === STATUS_OK ? store.value(data, length) : null);
    show(client, form);
  }
}

function show(client: Client, form: i32): void {
  const value = found;
  if (form === GET || form === ELEMENT) {
    note(value === null ? MISSES : HITS);
    if (value === null) nothing();
    else bulk(value);
  } else if (form === COUNTED) client.sum += value === null ? 0 : 1;
  else if (form === EXISTS) integer(value === null ? 0 : 1);
  else if (form === STRLEN) integer(value === null ? 0 : value.length);
  else if (form === TYPE) simple(value === null ? 'none' : 'string');
  else if (value === null) integer(-2);
  else if (expiry === 0) integer(-1);
  else if (form === TTL) integer((expiry - time() + 500) / 1000);
  else if (form === PTTL) integer(expiry - time());
  else integer(form === EXPIRETIME ? (expiry + 500) / 1000 : expiry);
}
