// Deliver: messages go out to a subscriber. Those with an acknowledgement are open until it comes; over the client's
// receive maximum they wait in the store, which outlives this instance as the state block does.

import { Bytes, Connection, draft, reply, STATUS_OK, store, view, wall_clock } from '../kit';
import { waitBytesMost, waitMost } from './access';
import { Client, fits, phaseOf, setPhase, WINDOW } from './client';
import * as codes from './codes';
import { BYTES_SENT, count } from './figures';
import { end } from './leave';
import * as message from './message';
import { varintSize } from './properties';
import { acknowledge, outcome } from './publish';

// A subscription as the tag of its membership.
export const QOS: i32 = 3;
export const NO_LOCAL: i32 = 4;
export const AS_PUBLISHED: i32 = 8;
export const ID_SHIFT: i32 = 4;

// How far an open message is; 0 when it is done.
const SENT: u8 = 1;
const SENT_TWICE: u8 = 2;
const RECEIVED: u8 = 3;

/** What became of a message. */
export const DROPPED: i32 = 0;
export const WRITTEN: i32 = 1;
/** It waits, or is nothing for the client. */
export const KEPT_BACK: i32 = 2;

const IDS: u64 = 65_535;
const STORED_MS: u32 = 3_600_000;

const idOf = (number: u64): i32 => <i32>(number % IDS) + 1;

/** @returns DROPPED, WRITTEN or KEPT_BACK */
export function deliver(
  connection: Connection,
  client: Client,
  tag: i32,
  retained: boolean,
  topic: Bytes,
  data: Bytes,
): i32 {
  // Without data it only ends what was retained.
  if (data.length === 0) return KEPT_BACK;
  if (!message.open(data)) return DROPPED;
  if ((tag & NO_LOCAL) !== 0 && message.sender === client.key) return KEPT_BACK;
  const qos = min(tag & QOS, message.qos);
  if (qos > 0 && (client.held > 0 || isFull(client))) {
    return hold(connection, client, tag, retained, topic, data);
  }
  return write(connection, client, tag, qos, retained, topic);
}

const isFull = (client: Client): boolean =>
  client.open >= client.openMost || client.next - client.oldest >= <u64>(WINDOW - 1);

function write(
  connection: Connection,
  client: Client,
  tag: i32,
  qos: i32,
  retained: boolean,
  topic: Bytes,
): i32 {
  let left: f64 = 0;
  if (message.expires > 0) {
    left = message.expires - wall_clock();
    if (left <= 0) return DROPPED;
  }
  const subscription = <u32>tag >>> ID_SHIFT;
  let size = 2 + topic.length + (qos > 0 ? 2 : 0) + message.payload.length;
  let own = 0;
  if (client.level === 5) {
    own = message.properties.length + (left > 0 ? 5 : 0);
    if (subscription > 0) own += 1 + varintSize(subscription);
    size += varintSize(own) + own;
  }
  if (!fits(client, size)) return DROPPED;
  const retain = retained || (message.kept && (tag & AS_PUBLISHED) !== 0);
  reply.to(connection).uint8((codes.PUBLISH << 4) | (qos << 1) | (retain ? 1 : 0));
  reply.varint(size).bytes16(topic);
  if (qos > 0) reply.uint16(number(client, qos));
  if (client.level === 5) {
    reply.varint(own);
    if (left > 0) reply.uint8(0x02).uint32(<u32>Math.ceil(left / 1000));
    if (subscription > 0) reply.uint8(0x0b).varint(subscription);
    reply.bytes(message.properties);
  }
  reply.bytes(message.payload).send();
  count(BYTES_SENT, message.payload.length);
  return WRITTEN;
}

/** @returns the packet's number */
function number(client: Client, qos: i32): i32 {
  const id = idOf(client.next);
  setPhase(client, client.next, qos === 1 ? SENT : SENT_TWICE);
  client.next += 1;
  client.open += 1;
  return id;
}

/** PUBACK, PUBREC or PUBCOMP for an open message. @returns a code, if it is not one that may come */
export function confirm(connection: Connection, client: Client, type: i32, id: i32): i32 {
  const distance = (<u64>id - 1 + IDS - (client.oldest % IDS)) % IDS;
  const number = client.oldest + distance;
  const phase = number < client.next ? phaseOf(client, number) : 0;
  if (type === codes.PUBREC && outcome < 0x80) {
    if (phase === SENT) return codes.PROTOCOL_ERROR;
    if (phase === SENT_TWICE) setPhase(client, number, RECEIVED);
    acknowledge(client, codes.PUBREL, id, phase === 0 ? codes.NO_SUCH_ID : 0);
    return 0;
  }
  // To acknowledge what is done already does no harm.
  if (phase === 0) return 0;
  const expected = type === codes.PUBACK ? SENT : type === codes.PUBREC ? SENT_TWICE : RECEIVED;
  if (phase !== expected) return codes.PROTOCOL_ERROR;
  setPhase(client, number, 0);
  client.open -= 1;
  while (client.oldest < client.next && phaseOf(client, client.oldest) === 0) {
    client.oldest += 1;
  }
  fetch(connection, client);
  return 0;
}

const place = draft();
const entry = draft();

const keyOf = (client: Client, number: u32): Bytes =>
  place.clear().text('mqtt/').uint64(client.key).uint32(number).view();

function hold(
  connection: Connection,
  client: Client,
  tag: i32,
  retained: boolean,
  topic: Bytes,
  data: Bytes,
): i32 {
  entry
    .clear()
    .uint32(tag)
    .uint8(retained ? 1 : 0)
    .bytes16(topic)
    .bytes(data);
  const key = keyOf(client, client.heldFrom + client.held);
  const fits =
    client.held < waitMost &&
    client.heldBytes + <u32>entry.length <= waitBytesMost &&
    store.put(null, 0, key, entry.view(), store.ANY, STORED_MS) === STATUS_OK;
  if (!fits) {
    end(connection, client, codes.QUOTA);
    return DROPPED;
  }
  client.held += 1;
  client.heldBytes += <u32>entry.length;
  fetch(connection, client);
  return KEPT_BACK;
}

/** Asks for messages that wait, as many as may be open. */
function fetch(connection: Connection, client: Client): void {
  while (client.asked < client.held && client.open + client.asked < client.openMost) {
    if (client.next - client.oldest + client.asked >= <u64>(WINDOW - 1)) return;
    const key = keyOf(client, client.heldFrom + client.asked);
    if (store.get(connection, 0, key) === STATUS_OK) client.asked += 1;
    else {
      // Nothing would come that asks again.
      if (client.asked + client.open === 0) end(connection, client, codes.QUOTA);
      return;
    }
  }
}

/** A message that has waited is there. @returns DROPPED, WRITTEN or KEPT_BACK */
export function fetched(connection: Connection, client: Client, status: i32, value: Bytes): i32 {
  client.asked -= 1;
  store.remove(null, 0, keyOf(client, client.heldFrom));
  client.heldFrom += 1;
  client.held -= 1;
  client.heldBytes -= min(client.heldBytes, <u32>value.length);
  let became = DROPPED;
  if (status !== STATUS_OK) end(connection, client, codes.QUOTA);
  else {
    const tag = <i32>bswap<u32>(load<u32>(value.at));
    const topic = view(value.at + 7, <i32>bswap<u16>(load<u16>(value.at + 5)));
    if (message.open(value.slice(7 + topic.length))) {
      const qos = min(tag & QOS, message.qos);
      became = write(connection, client, tag, qos, value.byte(4) === 1, topic);
    }
  }
  fetch(connection, client);
  return became;
}

/** Nobody waits for them any more. */
export function forget(client: Client): void {
  for (let i = 0; i < client.held; i += 1)
    store.remove(null, 0, keyOf(client, client.heldFrom + i));
  client.held = 0;
}
