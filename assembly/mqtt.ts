// MQTT: READ THIS FIRST. A broker for MQTT 3.1, 3.1.1 and 5.0 on the topics that all connections share. docs/mqtt.md
// says what there is. Sections are those of the specification of 5.0.

import { Connection, input, MESSAGE_RETAINED, now, reply, store, view } from './kit';
import { find, mayBeNobody, packetMost, readConfig } from './mqtt/access';
import { Client, clientSize, forgetWill, recall, USER } from './mqtt/client';
import * as codes from './mqtt/codes';
import { forget as begin, connect, refuse } from './mqtt/connect';
import { confirm, DROPPED, deliver, fetched, forget, WRITTEN } from './mqtt/deliver';
import * as figures from './mqtt/figures';
import { disconnect, end, publishWill, stays, talks } from './mqtt/leave';
import { fail, fault, faultless } from './mqtt/properties';
import { acknowledged, receive, release } from './mqtt/publish';
import { GIVES_ALL, hear, remind, SEAT, SITS } from './mqtt/seat';
import { subscribe, unsubscribe } from './mqtt/subscribe';

export * from './guest';

const CONNECT_MS: i32 = 10_000;
/** That one callback reads; the host calls again with the rest. */
const MOST_PACKETS: i32 = 1024;

export function _initialize(): void {
  figures.declare();
  readConfig();
}

export function state_size(): i32 {
  return clientSize();
}

export function on_start(): void {
  figures.begin();
}

export function on_open(connection: Connection, _client: Client): void {
  connection.timer(CONNECT_MS);
}

export function on_data(connection: Connection, client: Client, data: usize, length: i32): i32 {
  if (client.away !== 0) return talks(connection, client, length);
  input.begin(connection, client, data, length);
  faultless();
  begin();
  let messages = 0;
  client.seen = now();
  // Each may ask for two things or more, of the thousands that a callback may ask for.
  for (let packets = 0; packets < MOST_PACKETS && client.away === 0; packets += 1) {
    if (!input.next()) break;
    const first = <i32>input.uint8();
    const size = <i32>input.varint(4);
    if ((first >> 4 === codes.CONNECT) !== (client.level === 0)) fail(codes.PROTOCOL_ERROR);
    else if (size > packetMost) fail(codes.TOO_LARGE);
    if (!input.ok() || !input.frame(size)) break;
    if (first >> 4 !== codes.PUBLISH) packet(connection, client, first >> 4, first & 15);
    else if (receive(client, first & 15)) messages += 1;
  }
  if (messages > 0) figures.count(figures.RECEIVED, messages);
  figures.sum(client.seen);
  if (input.bad()) {
    if (client.level === 0) refuse(client, fault);
    end(connection, client, fault);
  }
  return input.finish();
}

function packet(connection: Connection, client: Client, type: i32, flags: i32): void {
  const two = type === codes.PUBREL || type === codes.SUBSCRIBE || type === codes.UNSUBSCRIBE;
  if (flags !== (two ? 2 : 0)) fail(codes.MALFORMED);
  else if (type === codes.PUBACK || type === codes.PUBREC || type === codes.PUBCOMP) {
    const id = acknowledged(client);
    if (!input.whole()) return;
    const code = confirm(connection, client, type, id);
    if (code !== 0) fail(code);
  } else if (type === codes.PUBREL) release(client);
  else if (type === codes.SUBSCRIBE) subscribe(connection, client);
  else if (type === codes.UNSUBSCRIBE) unsubscribe(connection, client);
  else if (type === codes.PINGREQ) {
    if (input.whole()) reply.uint8(codes.PINGRESP << 4).uint8(0);
  } else if (type === codes.DISCONNECT) disconnect(connection, client);
  else if (type === codes.CONNECT) {
    connect(connection, client);
    if (client.level > 0) figures.arrived(client);
  } else fail(codes.PROTOCOL_ERROR);
}

/** Nothing more comes. @returns 1 if the connection stays */
export function on_end(connection: Connection, client: Client, _data: usize, _length: i32): i32 {
  return stays(connection, client) ? 1 : 0;
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
  if (tag === SEAT) {
    moveOver(connection, client, hear(client, view(data, length)));
    return;
  }
  if (client.away !== 0) return;
  const retained = (flags & MESSAGE_RETAINED) !== 0;
  const name = view(topic, topicLength);
  became(deliver(connection, client, tag, retained, name, view(data, length)));
}

function moveOver(connection: Connection, client: Client, heard: i32): void {
  if (heard === SITS) return;
  // A session that goes on takes back a will that has to wait.
  if (heard !== GIVES_ALL && min(client.willDelay, client.expiry) > 0) forgetWill(client);
  client.willDelay = 0;
  if (client.away !== 0) connection.close();
  else end(connection, client, codes.TAKEN_OVER);
}

export function on_reply(
  connection: Connection,
  client: Client,
  tag: i32,
  status: i32,
  data: usize,
  length: i32,
): void {
  const found = store.value(data, length);
  if (client.away !== 0 || figures.replied(connection, tag, status, found)) return;
  became(fetched(connection, client, status, found));
}

function became(outcome: i32): void {
  if (outcome === WRITTEN) figures.count(figures.SENT);
  else if (outcome === DROPPED) figures.count(figures.DROPPED);
}

// A client that relies on its messages hears of it: it connects anew, and knows that some may be missing.
export function on_missed(connection: Connection, client: Client): void {
  if (client.away === 0) figures.count(figures.DROPPED);
  if (client.reliable === 1 && client.away === 0) end(connection, client, codes.QUOTA);
  else remind(client);
}

export function on_timer(connection: Connection, client: Client): void {
  if (client.away !== 0) {
    connection.close();
    return;
  }
  const left = client.silence - <i32>(now() - client.seen);
  if (client.level === 0 || (client.silence > 0 && left <= 0)) {
    end(connection, client, codes.KEEP_ALIVE);
    return;
  }
  if (client.listens > 0) figures.takeTurn(connection);
  connection.timer(figures.nextLook(client, left));
}

export function on_restore(connection: Connection, client: Client): void {
  if (client.level === 0) return;
  if (client.away === 0) figures.restored(client);
  const name = recall(client, USER);
  // The list may be another one now. A name that nobody has asked a password for is no user's.
  if (client.user >= 0 && name !== null) client.user = find(name);
  else if (mayBeNobody(name)) return;
  if (client.user >= 0) return;
  if (client.away !== 0) connection.close();
  else end(connection, client, codes.NOT_AUTHORIZED);
}

export function on_close(_connection: Connection, client: Client, _reason: i32): void {
  if (client.level === 0) return;
  if (client.away === 0) figures.gone(client);
  publishWill(client);
  forget(client);
}
