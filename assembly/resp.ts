// RESP: READ THIS FIRST. A key-value server that speaks Redis's protocol, RESP2 and RESP3, on the keys that all
// connections share. docs/resp.md says what there is. A command that must wait stays first in the input.

import {
  Bytes,
  CLOSE_ABORT,
  Connection,
  config,
  input,
  MESSAGE_DIRECT,
  reply,
  store,
  view,
} from './kit';
import { args, count, fault, readRequest } from './kit/resp-request';
import { error, speak, unknownCommand, wrongArity } from './resp/answers';
import {
  append,
  expire,
  getDelete,
  getExpire,
  getRange,
  increment,
  incrementFloat,
  persist,
  set,
  setRange,
} from './resp/changes';
import { channelCommand, deliver, forget, restore } from './resp/channels';
import { Client, clientBytes, end, isSubscriber, STEP, stepped, wait } from './resp/client';
import { COMMANDS, DROPPED, declareCounts, note, tellCounts } from './resp/counts';
import {
  ends,
  ifNew,
  ifThere,
  integerOf,
  isTimed,
  KEEPING,
  readEnds,
  readExpiry,
  readOptions,
  takesInteger,
  tells,
} from './resp/numbers';
import {
  answer,
  formOf,
  GET,
  goOn,
  hasSeveral,
  one,
  put,
  putNew,
  setnx,
  several,
} from './resp/replies';
import { subscriberTalk, talk } from './resp/talk';

export * from './guest';

const MANY: i32 = i32.MAX_VALUE;

/** The password that clients must give; null without one. */
let password: Bytes | null = null;

export function _initialize(): void {
  declareCounts();
  const text = config.text('password');
  if (text !== null && text.length > 0) password = text.keep();
}

export function state_size(): i32 {
  return clientBytes();
}

export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {
  input.begin(connection, client, data, length);
  speak(client.protocol);
  while (input.next()) {
    // A line of words is read again each time; an array is not.
    if (client.keys === 0 || client.from === 0) readRequest(client);
    if (!input.ok()) break;
    if (client.keys > 0) goOn(connection, client);
    else if (count > 0) run(connection, client);
    else continue;
    if (input.ok()) note(COMMANDS);
  }
  if (input.bad()) {
    if (client.pending > 0) wait(connection, client);
    else {
      error(`ERR Protocol error: ${fault}`);
      connection.close();
    }
  }
  // Otherwise the replies have more to tell.
  if (client.pending === 0) tellCounts();
  return input.finish();
}

export function on_reply(
  connection: Connection,
  client: Client,
  tag: i32,
  status: i32,
  data: usize,
  length: i32,
): void {
  on_replies(connection, client, store.only(tag, status, data, length), 1);
}

// The answers of all that have come together go out in one piece.
export function on_replies(
  connection: Connection,
  client: Client,
  first: store.Reply,
  replies: i32,
): void {
  speak(client.protocol);
  reply.to(connection);
  client.pending -= replies;
  for (let one = first; replies > 0; replies -= 1, one = one.next) {
    if (one.tag === STEP) stepped(connection, client, one.status, one.data, one.length);
    else answer(client, one.tag, one.status, one.data, one.length);
  }
  reply.send();
  if (client.pending === 0) tellCounts();
  if (client.waits === 0 || client.pending > 0) return;
  client.waits = 0;
  connection.resume();
}

export function on_close(connection: Connection, client: Client, _reason: i32): void {
  end(connection, client);
  forget(connection, client);
  tellCounts();
}

export function on_restore(_connection: Connection, client: Client): void {
  restore(client);
}

export function on_message(
  connection: Connection,
  client: Client,
  tag: i32,
  flags: i32,
  topic: usize,
  topicLength: i32,
  data: usize,
  length: i32,
): void {
  // What the program sends to one connection is in no protocol of Redis.
  if ((flags & MESSAGE_DIRECT) !== 0) return;
  deliver(connection, client, tag, view(topic, topicLength), view(data, length));
  tellCounts();
}

// As Redis ends the connection of a subscriber that is too slow: it finds out, and subscribes again.
export function on_missed(connection: Connection, _client: Client): void {
  note(DROPPED);
  tellCounts();
  connection.close(CLOSE_ABORT);
}

// Those that are asked most come first. What the store does not answer by itself waits until all before it
// are answered.
function run(connection: Connection, client: Client): void {
  const name = unchecked(args[0]);
  const trusted = password === null || client.trusted !== 0;
  if (isSubscriber(client)) {
    subscriberCommand(connection, client, name);
    return;
  }
  if (trusted && count === 3 && name.like('set')) {
    put(connection, client, unchecked(args[2]), 0);
    return;
  }
  const form = trusted ? formOf(name) : 0;
  if (form !== 0 && count === 2) one(connection, client, form);
  else if (client.pending > 0) wait(connection, client);
  else if (form !== 0 || (trusted && name.like('mget'))) many(connection, client, form);
  else if (trusted && (strings(connection, client, name) || times(connection, client, name)))
    return;
  else if (trusted && channelCommand(connection, client, name)) return;
  else if (talk(connection, client, name, password)) return;
  else if (trusted) unknownCommand();
  else error('NOAUTH Authentication required.');
}

/** By RESP2 nothing else can be told from messages. */
function subscriberCommand(connection: Connection, client: Client, name: Bytes): void {
  if (name.like('publish') || !channelCommand(connection, client, name)) {
    subscriberTalk(connection, client, name);
  }
}

function many(connection: Connection, client: Client, form: i32): void {
  if (!takes(2, hasSeveral(form) ? MANY : 2)) return;
  several(connection, client, form);
}

/** @returns whether it was one of them */
function strings(connection: Connection, client: Client, name: Bytes): boolean {
  if (name.like('incr')) {
    if (takes(2, 2)) increment(connection, client, 1);
  } else if (name.like('decr')) {
    if (takes(2, 2)) increment(connection, client, -1);
  } else if (name.like('incrby')) {
    if (takes(3, 3) && takesInteger(args[2])) increment(connection, client, integerOf(args[2]));
  } else if (name.like('decrby')) {
    if (takes(3, 3) && takesInteger(args[2])) decrement(connection, client, integerOf(args[2]));
  } else if (name.like('incrbyfloat')) {
    if (takes(3, 3)) incrementFloat(connection, client);
  } else if (name.like('set')) {
    if (takes(3, MANY) && readOptions(3, true) && readEnds()) setWith(connection, client);
  } else if (name.like('setnx')) {
    if (takes(3, 3)) setnx(connection, client);
  } else if (name.like('setex') || name.like('psetex')) {
    const unit = name.length === 5 ? 1000 : 1;
    if (takes(4, 4) && readExpiry(args[2], unit, false, 1)) put(connection, client, args[3], ends);
  } else if (name.like('getset')) {
    if (takes(3, 3)) set(connection, client, 0, false, false, true);
  } else if (name.like('getdel')) {
    if (takes(2, 2)) getDelete(connection, client);
  } else if (name.like('getex')) {
    if (takes(2, MANY) && readOptions(2, false)) getWith(connection, client);
  } else if (name.like('append')) {
    if (takes(3, 3)) append(connection, client);
  } else if (name.like('setrange')) {
    if (takes(4, 4) && takesInteger(args[2])) setRange(connection, client, integerOf(args[2]));
  } else if (name.like('getrange') || name.like('substr')) {
    if (takes(4, 4) && takesInteger(args[2]) && takesInteger(args[3])) {
      getRange(connection, client, integerOf(args[2]), integerOf(args[3]));
    }
  } else return false;
  return true;
}

function decrement(connection: Connection, client: Client, by: i64): void {
  if (by === i64.MIN_VALUE) error('ERR decrement would overflow');
  else increment(connection, client, -by);
}

function setWith(connection: Connection, client: Client): void {
  if (ifThere || tells || ends === KEEPING) {
    set(connection, client, ends, ifNew, ifThere, tells);
  } else if (ifNew) putNew(connection, client, args[2], ends);
  else put(connection, client, args[2], ends);
}

function getWith(connection: Connection, client: Client): void {
  if (isTimed()) getExpire(connection, client);
  else one(connection, client, GET);
}

/** @returns whether it was one of them */
function times(connection: Connection, client: Client, name: Bytes): boolean {
  if (name.like('persist')) {
    if (takes(2, 2)) persist(connection, client);
    return true;
  }
  const absolute = name.like('expireat') || name.like('pexpireat');
  if (!absolute && !name.like('expire') && !name.like('pexpire')) return false;
  const unit = (name.byte(0) | 0x20) === 0x70 ? 1 : 1000;
  if (takes(3, MANY)) expire(connection, client, unit, absolute);
  return true;
}

/** Whether so many arguments were given, with the name; if not, that is said. */
function takes(least: i32, most: i32): boolean {
  return (count >= least && count <= most) || wrongArity(args[0].toString().toLowerCase());
}
