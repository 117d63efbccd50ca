// Client: what is kept of a connection, and how its commands wait for the store. Whatever a command needs
// to go on lies here or in the input, which is kept until it is answered: a new instance goes on with it.

import {
  Bytes,
  Connection,
  config,
  input,
  Names,
  namesAt,
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_OK,
  stateSize,
  store,
  viewOf,
} from '../kit';
import { Reader } from '../kit/resp-request';
import { error, failed } from './answers';
import { expiryOf, read, remaining } from './value';

@unmanaged
export class Client extends Reader {
  /** Replies of the store that are still to come. */
  pending!: i32;
  /** 1 while reading waits until there are none. */
  waits!: i32;
  /** Of the command that is first in the input: BEGIN, READING, FOUND, WRITING or WRITTEN. */
  step!: i32;
  /** How many of its keys were asked for, and where in the message the next one stands; 0 for a line of words. */
  asked!: i32;
  from!: i32;
  /** How many there are, and the form of the command. */
  keys!: i32;
  form!: i32;
  /** Messages that wait until the answer is complete. */
  held!: i32;
  /** What it answers, or counts in. */
  sum!: i64;
  /** The version of the key that it changes. */
  version!: u64;
  /** What the store could not do for it. */
  status!: i32;
  /** 3, or else RESP2. */
  protocol!: i32;
  /** 1 once the password was right. */
  trusted!: i32;
  /** Bytes of the name, which stands behind the fields. */
  named!: i32;
}

export const NAME_BYTES: i32 = 64;
/** What the channels of a connection may take. */
let channelBytes: i32 = 0;

/** @returns bytes of a state block */
export function clientBytes(): i32 {
  channelBytes = <i32>config.decimal('channelBytes', 64, 60_000, 512);
  return stateSize<Client>(NAME_BYTES + channelBytes);
}

/** The channels and patterns of a connection, which stand behind the name. */
export function namesOf(client: Client): Names {
  return namesAt(changetype<usize>(client) + offsetof<Client>() + NAME_BYTES);
}

/** @returns whether there was room for one more */
export function addName(client: Client, name: Bytes, mark: i32): boolean {
  if (namesOf(client).add(name, mark, channelBytes)) return true;
  error(`ERR the channels of a connection take at most ${channelBytes} bytes: see channelBytes`);
  return false;
}

/** Whether all that it may ask for now is about channels. */
export function isSubscriber(client: Client): boolean {
  return client.protocol !== 3 && namesOf(client).count > 0;
}

export const BEGIN: i32 = 0;
const READING: i32 = 1;
export const FOUND: i32 = 2;
const WRITING: i32 = 3;
export const WRITTEN: i32 = 4;
const FAILED: i32 = 5;

/** The tag of a request of a command that goes by steps. */
export const STEP: i32 = 100;

/** Values that were read, and are still to be used. It is a cache: without it the value is read again. */
const values = new Map<i32, ArrayBuffer>();

/** The command is read again when the store has replied to all that was asked. */
export function wait(connection: Connection, client: Client): void {
  input.hold();
  connection.pause();
  client.waits = 1;
}

/** @returns whether the store was asked; if not, the command waits, or was told why */
export function isAsked(connection: Connection, client: Client, status: i32): boolean {
  if (status === STATUS_OK) client.pending += 1;
  else if (client.pending > 0) wait(connection, client);
  else refused(status);
  return status === STATUS_OK;
}

/** The store has not even been asked. */
export function refused(status: i32): void {
  if (status === STATUS_LIMIT)
    error('ERR the key or the value is too long, or too many requests wait');
  else failed(status);
}

/**
 * Goes on with a command that changes the value of a key, as it depends on what it was.
 * @returns FOUND when the value is there: `found` and `client.version`; WRITTEN when it was changed; else BEGIN
 */
export function proceed(connection: Connection, client: Client, key: Bytes): i32 {
  const lost = client.step === FOUND && !values.has(connection.id);
  if (client.step === BEGIN || lost) {
    client.step = BEGIN;
    if (isAsked(connection, client, store.get(connection, STEP, key))) {
      client.step = READING;
      wait(connection, client);
    }
    return BEGIN;
  }
  if (client.step === FAILED) {
    end(connection, client);
    failed(client.status);
    return BEGIN;
  }
  if (values.has(connection.id)) read(viewOf(values.get(connection.id)));
  else read(null);
  return client.step;
}

/** Whether what was found is known no more, since a new instance goes on with the command. */
export function isLost(connection: Connection): boolean {
  return !values.has(connection.id);
}

/** A step of a command is done. */
export function stepped(
  connection: Connection,
  client: Client,
  status: i32,
  data: usize,
  length: i32,
): void {
  if (client.step === READING && (status === STATUS_OK || status === STATUS_ABSENT)) {
    client.version = store.version(data, length);
    values.set(connection.id, store.value(data, length).copy());
    client.step = FOUND;
  } else if (client.step === WRITING && isWritten(client, status)) client.step = WRITTEN;
  else if (status === STATUS_CONFLICT || status === STATUS_ABSENT) {
    // Somebody else was quicker.
    end(connection, client);
  } else {
    client.status = status;
    client.step = FAILED;
  }
}

/** What was not there, and ends at once, is deleted as well: it is still not there. */
function isWritten(client: Client, status: i32): boolean {
  return status === STATUS_OK || (status === STATUS_ABSENT && client.version === store.NONE);
}

/** Writes what `next` holds, or deletes the key, if it is still what was found; or begins again. */
export function change(
  connection: Connection,
  client: Client,
  key: Bytes,
  next: Bytes | null,
): void {
  let status: i32;
  if (next === null) status = store.remove(connection, STEP, key, client.version);
  else {
    const left = remaining(expiryOf(next));
    if (left < 0) status = store.remove(connection, STEP, key, client.version);
    else status = store.put(connection, STEP, key, next, client.version, <u32>left);
  }
  if (!isAsked(connection, client, status)) {
    end(connection, client);
    return;
  }
  client.step = WRITING;
  wait(connection, client);
}

/** Whether an answer has begun, and more of it is to come. */
export const isAnswered = (client: Client): boolean => client.keys > 0 && client.form === 0;

/** The command is answered. */
export function end(connection: Connection, client: Client): void {
  client.step = BEGIN;
  values.delete(connection.id);
}
