// Publish: section 3.3 and what follows from it, for messages that come from a client. A message and its
// acknowledgement are effects of one callback: who is told that it is published finds it so.

import {
  addToRanges,
  Bytes,
  input,
  inRanges,
  isTopic,
  PUBLISH_RETAIN,
  publish,
  publishFor,
  reply,
  takeFromRanges,
} from '../kit';
import { mayWrite } from './access';
import {
  ALIAS,
  ALIAS_MOST,
  Client,
  ID,
  RECEIVE_MOST,
  recall,
  releasesOf,
  remember,
} from './client';
import * as codes from './codes';
import { BYTES_RECEIVED, count } from './figures';
import { compose } from './message';
import * as found from './properties';
import { fail, OF_ACK, OF_PUBLISH, passed, readProperties, text } from './properties';

const RETAIN: i32 = 1;
const DUPLICATE: i32 = 8;

/** @returns whether there was a message, and it was published */
export function receive(client: Client, flags: i32): boolean {
  const qos = (flags >> 1) & 3;
  if (qos === 3 || (qos === 0 && (flags & DUPLICATE) !== 0)) fail(codes.MALFORMED);
  let topic = text();
  const id = qos > 0 ? numbered() : 0;
  if (client.level === 5) readProperties(OF_PUBLISH);
  else found.noProperties();
  const body = input.bytes(input.rest());
  if (!input.ok()) return false;
  if (client.level === 5) topic = unaliased(client, topic);
  if (!isTopic(topic)) fail(codes.BAD_TOPIC);
  if (!input.ok()) return false;
  if (qos === 2 && inRanges(releasesOf(client), id)) {
    acknowledge(client, codes.PUBREC, id, 0);
    return false;
  }
  // Until it is released, the same number is the same message.
  if (qos === 2 && !addToRanges(releasesOf(client), RECEIVE_MOST, id)) {
    fail(codes.TOO_MANY);
    return false;
  }
  const allowed = mayPublish(client, topic);
  const code = allowed ? put(client, topic, qos, flags, body) : codes.NOT_AUTHORIZED;
  if (code === codes.QUOTA && (client.level < 5 || qos === 0)) fail(code);
  else if (qos === 1) acknowledge(client, codes.PUBACK, id, code);
  else if (qos === 2) acknowledge(client, codes.PUBREC, id, code);
  // It was just added, so there is room for what is left.
  if (qos === 2 && code !== 0 && client.level === 5) {
    takeFromRanges(releasesOf(client), RECEIVE_MOST, id);
  }
  if (code === 0) count(BYTES_RECEIVED, body.length);
  return code === 0;
}

/** The number of a packet, which is never 0. */
export function numbered(): i32 {
  const id = <i32>input.uint16();
  if (id === 0) fail(codes.PROTOCOL_ERROR);
  return id;
}

/** What the topic stands for: a number may stand for it from now on, or already does. */
function unaliased(client: Client, topic: Bytes): Bytes {
  const alias = found.alias;
  const key = <u8>(ALIAS + alias);
  if (alias > ALIAS_MOST) fail(codes.BAD_ALIAS);
  else if (topic.length === 0) {
    const known = alias > 0 ? recall(client, key) : null;
    if (known !== null) return known;
    fail(codes.PROTOCOL_ERROR);
  } else if (alias > 0 && isTopic(topic) && !remember(client, key, topic)) fail(codes.QUOTA);
  return topic;
}

export const mayPublish = (client: Client, topic: Bytes): boolean =>
  !topic.startsWith('$SYS/') &&
  !topic.startsWith('$share/') &&
  mayWrite(client.user, recall(client, ID), topic);

/** @returns 0, or a code */
function put(client: Client, topic: Bytes, qos: i32, flags: i32, body: Bytes): i32 {
  const retain = (flags & RETAIN) !== 0;
  const from = client.level === 5 ? client.key : 0;
  const data = compose(qos, retain, found.expiry, from, passed.view(), body);
  return spread(topic, data, retain, body.length === 0, found.expiry) < 0 ? codes.QUOTA : 0;
}

/**
 * An empty message that is retained ends what was; the host says so to nobody, so the members get it besides.
 * @param seconds after which it expires; below 0 for never
 */
export function spread(
  topic: Bytes,
  data: Bytes,
  retain: boolean,
  empty: boolean,
  seconds: i64,
): i32 {
  if (!retain) return publish(topic, data);
  if (!empty) return publishFor(topic, data, PUBLISH_RETAIN, timeOf(seconds));
  const status = publish(topic, data.slice(0, 0), PUBLISH_RETAIN);
  return status < 0 ? status : publish(topic, data);
}

/** How long the host keeps it, in milliseconds; 0 for ever. What is longer the message itself says. */
function timeOf(seconds: i64): u32 {
  if (seconds < 0 || seconds > <i64>(u32.MAX_VALUE / 1000)) return 0;
  return max<u32>(1, <u32>seconds * 1000);
}

/** PUBREL */
export function release(client: Client): void {
  const id = acknowledged(client);
  if (!input.whole()) return;
  const known = inRanges(releasesOf(client), id);
  if (!takeFromRanges(releasesOf(client), RECEIVE_MOST, id)) fail(codes.TOO_MANY);
  else acknowledge(client, codes.PUBCOMP, id, known ? 0 : codes.NO_SUCH_ID);
}

/** The code of the acknowledgement that was read last. */
export let outcome: i32 = 0;

/** Reads what follows the head of an acknowledgement. @returns the number of the packet */
export function acknowledged(client: Client): i32 {
  const id = numbered();
  outcome = 0;
  if (client.level === 5 && input.rest() > 0) {
    outcome = <i32>input.uint8();
    if (input.rest() > 0) readProperties(OF_ACK);
  }
  return id;
}

export function acknowledge(client: Client, type: i32, id: i32, code: i32): void {
  const tells = client.level === 5 && code !== 0;
  reply
    .uint8((type << 4) | (type === codes.PUBREL ? 2 : 0))
    .uint8(tells ? 3 : 2)
    .uint16(id);
  if (tells) reply.uint8(code);
}
