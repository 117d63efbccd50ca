// Channels: publish and subscribe, on topics. Which channels and patterns a connection has lies in its state
// block; a pattern joins all topics that it may mean, and each message is compared with it.

import {
  ByteMap,
  Bytes,
  CLOSE_ABORT,
  Connection,
  draft,
  levelsBefore,
  matchesGlob,
  Names,
  nameOf,
  patternOf,
  publish,
  reply,
  STATUS_OK,
  topicOf,
  viewOf,
} from '../kit';
import { args, count } from '../kit/resp-request';
import { bulk, error, integer, nothing, push, speak, text, writeTo, wrongArity } from './answers';
import { addName, Client, isAnswered, namesOf } from './client';
import { DELIVERED, note, PUBLISHED } from './counts';

/** The first level of all topics. */
const PREFIX: string = 'channel';
const CHANNEL: i32 = 0;
const PATTERN: i32 = 1;
const STAR: i32 = 0x2a;
const ANY: i32 = 0x3f;
const OPEN: i32 = 0x5b;
const ESCAPE: i32 = 0x5c;
/** The tag of a channel; that of a pattern is one more than the levels that it names. */
const EXACT: i32 = 0;

/** Bytes of messages that wait until an answer which has begun is complete. */
const MOST_HELD: i32 = 64 * 1024;
/** Channels whose members are counted here: with more, PUBLISH answers too small a number. */
const MOST_COUNTED: i32 = 16_384;

/** How many connections of this worker have a channel. A cache, made again from the state blocks. */
const members = new ByteMap<i32>();
/** Messages that wait, by connection, as they are to be sent. A cache: a client whose messages are lost is closed. */
const held = new Map<i32, ArrayBuffer>();
const gathered = draft();

/** @returns whether it was one of them */
export function channelCommand(connection: Connection, client: Client, name: Bytes): boolean {
  if (name.like('subscribe')) subscribe(connection, client, CHANNEL);
  else if (name.like('psubscribe')) subscribe(connection, client, PATTERN);
  else if (name.like('unsubscribe')) unsubscribe(connection, client, CHANNEL);
  else if (name.like('punsubscribe')) unsubscribe(connection, client, PATTERN);
  else if (name.like('publish')) publishCommand();
  else return false;
  return true;
}

function subscribe(connection: Connection, client: Client, mark: i32): void {
  if (count < 2) {
    wrongArity(mark === CHANNEL ? 'subscribe' : 'psubscribe');
    return;
  }
  for (let i = 1; i < count; i += 1) {
    const known = namesOf(client).find(args[i], mark) >= 0;
    if (!known && !enter(connection, client, args[i], mark)) continue;
    confirm(mark === CHANNEL ? 'subscribe' : 'psubscribe', args[i], namesOf(client).count);
  }
}

function enter(connection: Connection, client: Client, name: Bytes, mark: i32): boolean {
  if (!addName(client, name, mark)) return false;
  const status =
    mark === CHANNEL
      ? connection.join(topicOf(PREFIX, name), EXACT)
      : connection.joinPattern(patternOf(PREFIX, name, levelsOf(name)), levelsOf(name) + 1);
  if (status === STATUS_OK) {
    if (mark === CHANNEL) listen(name, 1);
    return true;
  }
  const names = namesOf(client);
  names.remove(names.find(name, mark));
  error('ERR the name is too long, or there is no room for one more');
  return false;
}

/** Levels that all channels have in common which a pattern may mean. */
function levelsOf(pattern: Bytes): i32 {
  let plain = 0;
  for (; plain < pattern.length; plain += 1) {
    const byte = pattern.byte(plain);
    if (byte === STAR || byte === ANY || byte === OPEN || byte === ESCAPE) break;
  }
  return levelsBefore(pattern, plain);
}

function unsubscribe(connection: Connection, client: Client, mark: i32): void {
  const names = namesOf(client);
  const command = mark === CHANNEL ? 'unsubscribe' : 'punsubscribe';
  for (let i = 1; i < count; i += 1) {
    const at = names.find(args[i], mark);
    if (at >= 0) exit(connection, client, at);
    confirm(command, args[i], names.count);
  }
  if (count > 1) return;
  let none = true;
  for (let at = firstOf(names, mark); at >= 0; at = firstOf(names, mark)) {
    confirm(command, names.nameAt(at), names.count - 1);
    exit(connection, client, at);
    none = false;
  }
  if (none) confirm(command, null, names.count);
}

function firstOf(names: Names, mark: i32): i32 {
  let at = names.after(-1);
  while (at >= 0 && names.markAt(at) !== mark) at = names.after(at);
  return at;
}

function exit(connection: Connection, client: Client, at: i32): void {
  const names = namesOf(client);
  const name = names.nameAt(at);
  if (names.markAt(at) === CHANNEL) {
    connection.leave(topicOf(PREFIX, name));
    listen(name, -1);
    names.remove(at);
    return;
  }
  const topics = viewOf(patternOf(PREFIX, name, levelsOf(name)).copy());
  names.remove(at);
  // Another pattern may need the same topics.
  for (let other = names.after(-1); other >= 0; other = names.after(other)) {
    if (names.markAt(other) !== PATTERN) continue;
    const same = names.nameAt(other);
    if (patternOf(PREFIX, same, levelsOf(same)).equals(topics)) return;
  }
  connection.leavePattern(topics);
}

function confirm(command: string, name: Bytes | null, all: i32): void {
  push(3);
  text(command);
  if (name === null) nothing();
  else bulk(name);
  integer(all);
}

/** RESET */
export function leaveAll(connection: Connection, client: Client): void {
  const names = namesOf(client);
  for (let at = names.after(-1); at >= 0; at = names.after(-1)) exit(connection, client, at);
}

function publishCommand(): void {
  if (count !== 3) {
    wrongArity('publish');
    return;
  }
  const status = publish(topicOf(PREFIX, args[1]), args[2]);
  if (status !== STATUS_OK) error('ERR the name or the message is too long');
  else {
    note(PUBLISHED);
    integer(members.get(args[1], 0));
  }
}

/** A message has come for a connection. */
export function deliver(
  connection: Connection,
  client: Client,
  tag: i32,
  topic: Bytes,
  data: Bytes,
): void {
  const waits = isAnswered(client);
  speak(client.protocol);
  if (waits) writeTo(gathered.clear());
  else reply.to(connection);
  const channel = nameOf(PREFIX, topic);
  if (tag === EXACT) {
    note(DELIVERED);
    push(3);
    text('message');
    bulk(channel);
    bulk(data);
  } else deliverPatterns(client, tag - 1, channel, data);
  writeTo(reply);
  if (waits) hold(connection, client);
  else reply.send();
}

function deliverPatterns(client: Client, levels: i32, channel: Bytes, data: Bytes): void {
  const names = namesOf(client);
  for (let at = names.after(-1); at >= 0; at = names.after(at)) {
    const pattern = names.nameAt(at);
    const fits = names.markAt(at) === PATTERN && levelsOf(pattern) === levels;
    if (!fits || !matchesGlob(channel, pattern)) continue;
    note(DELIVERED);
    push(4);
    text('pmessage');
    bulk(pattern);
    bulk(channel);
    bulk(data);
  }
}

/** Between two parts of an answer there is no place for a message. */
function hold(connection: Connection, client: Client): void {
  const message = gathered.view();
  const before = held.has(connection.id) ? held.get(connection.id) : new ArrayBuffer(0);
  const isLost = client.held > 0 && !held.has(connection.id);
  if (isLost || before.byteLength + message.length > MOST_HELD) {
    connection.close(CLOSE_ABORT);
    return;
  }
  const all = new ArrayBuffer(before.byteLength + message.length);
  viewOf(before).copyTo(changetype<usize>(all));
  message.copyTo(changetype<usize>(all) + before.byteLength);
  held.set(connection.id, all);
  client.held += 1;
}

/** The answer is complete: what waited for that comes behind it. */
export function release(connection: Connection, client: Client): void {
  if (client.held === 0) return;
  client.held = 0;
  if (held.has(connection.id)) reply.buffer(held.get(connection.id));
  else connection.close(CLOSE_ABORT);
  held.delete(connection.id);
}

/** A fresh instance counts its members again. */
export function restore(client: Client): void {
  listenToAll(client, 1);
}

/** A connection is gone. */
export function forget(connection: Connection, client: Client): void {
  held.delete(connection.id);
  listenToAll(client, -1);
}

function listenToAll(client: Client, by: i32): void {
  const names = namesOf(client);
  for (let at = names.after(-1); at >= 0; at = names.after(at)) {
    if (names.markAt(at) === CHANNEL) listen(names.nameAt(at), by);
  }
}

function listen(channel: Bytes, by: i32): void {
  const all = members.get(channel, 0) + by;
  if (all <= 0) members.delete(channel);
  else if (members.size < MOST_COUNTED || members.has(channel)) members.set(channel, all);
}
