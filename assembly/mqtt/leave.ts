// Leave: sections 3.14 and 3.1.2.5: how a client goes, and the will of one that goes without a word. While a will
// waits, the connection stays without its client: it outlives instances and threads, and hears who takes its seat.

import { Bytes, Connection, draft, input, isTopic, now, publish, reply } from '../kit';
import { willDelayMost } from './access';
import { Client, forgetWill, GONE, recall, remember, TALKS, WILL } from './client';
import * as codes from './codes';
import { forget } from './deliver';
import { gone } from './figures';
import { compose } from './message';
import * as found from './properties';
import { fail, OF_DISCONNECT, OF_WILL, passed, readProperties, text } from './properties';
import { mayPublish, spread } from './publish';

const RETAIN: i32 = 0x20;
const QOS: i32 = 0x18;
const QOS_SHIFT: i32 = 3;

/** Who was told to go and still sends may do so for so long. */
const TALKS_MS: f64 = 10_000;

const will = draft();

// 0       1         2        6       8
// | flags | expires | expiry | topic size | topic | properties size | properties | payload
const TOPIC: i32 = 6;

/** The will in a CONNECT with these flags. */
export function readWill(client: Client, flags: i32, level: i32): void {
  if (level === 5) readProperties(OF_WILL);
  else found.noProperties();
  const topic = text();
  const body = input.bytes16();
  if (!isTopic(topic)) fail(codes.BAD_TOPIC);
  client.willDelay = found.willDelay;
  will.clear().uint8(flags);
  will.uint8(found.expiry >= 0 ? 1 : 0).uint32le(<u32>found.expiry);
  will.bytes16(topic).bytes16(passed.view()).bytes(body);
  if (input.ok() && !remember(client, WILL, will.view())) fail(codes.QUOTA);
}

/** Its connection is over. */
export function publishWill(client: Client): void {
  const kept = recall(client, WILL);
  if (kept === null) return;
  const flags = kept.byte(0);
  const seconds = kept.byte(1) === 0 ? -1 : <i64>load<u32>(kept.at, 2);
  const topic = part(kept, TOPIC);
  const properties = part(kept, TOPIC + 2 + topic.length);
  const body = kept.slice(TOPIC + 4 + topic.length + properties.length);
  if (!mayPublish(client, topic)) return;
  const retain = (flags & RETAIN) !== 0;
  const from = client.level === 5 ? client.key : 0;
  const data = compose((flags & QOS) >> QOS_SHIFT, retain, seconds, from, properties, body);
  // If there is no room to retain it, those who are there hear of it all the same.
  if (spread(topic, data, retain, body.length === 0, seconds) < 0) publish(topic, data);
}

function part(bytes: Bytes, at: i32): Bytes {
  const length = <i32>bswap<u16>(load<u16>(bytes.at + at));
  return bytes.slice(at + 2, at + 2 + length);
}

/** DISCONNECT */
export function disconnect(connection: Connection, client: Client): void {
  let code = 0;
  if (client.level === 5 && input.rest() > 0) {
    code = <i32>input.uint8();
    if (input.rest() > 0) {
      readProperties(OF_DISCONNECT);
      if (found.sessionExpiry > 0 && client.expiry === 0) fail(codes.PROTOCOL_ERROR);
      else if (found.has(found.SESSION_EXPIRY)) client.expiry = found.sessionExpiry;
    }
  }
  if (!input.whole()) return;
  if (code === 0) forgetWill(client);
  leave(connection, client);
}

const said = draft();

/** Ends the connection; MQTT 5.0 is told why. */
export function end(connection: Connection, client: Client, code: i32): void {
  if (client.level === 5) {
    const why = said.clear().text(codes.reasonOf(code)).view();
    const tells = why.length > 0 && why.length + 7 <= client.packetMost;
    reply.to(connection).uint8(codes.DISCONNECT << 4);
    reply.varint(tells ? why.length + 5 : 1).uint8(code);
    if (tells)
      reply
        .varint(why.length + 3)
        .uint8(0x1f)
        .bytes16(why);
    reply.send();
  }
  leave(connection, client);
}

// One that stays is closed by the client, which was told to go: what is closed from both sides is over.
function leave(connection: Connection, client: Client): void {
  if (!stays(connection, client)) connection.close();
}

/** It is gone. @returns whether its connection stays for the will */
export function stays(connection: Connection, client: Client): boolean {
  if (client.away !== 0) return true;
  const seconds = min(min(client.willDelay, client.expiry), willDelayMost);
  if (client.level === 0 || seconds === 0 || recall(client, WILL) === null) return false;
  // It would be given messages of those with whom it shares them.
  if (client.shares === 1) return false;
  client.away = GONE;
  gone(client);
  forget(client);
  connection.timer(<i32>seconds * 1000);
  return true;
}

/** It is gone, and sends: it may not know yet. Whoever goes on is closed, and its will does not wait. @returns `length` */
export function talks(connection: Connection, client: Client, length: i32): i32 {
  if (client.away === GONE) client.seen = now();
  else if (now() - client.seen > TALKS_MS) connection.close();
  client.away = TALKS;
  return length;
}
