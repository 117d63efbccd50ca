// Subscribe: sections 3.8 to 3.11. A subscription is a membership whose tag says what the client has asked for.

import { Bytes, Connection, draft, input, isPattern, reply } from '../kit';
import { mayRead } from './access';
import { Client, ID, recall } from './client';
import * as codes from './codes';
import { AS_PUBLISHED, ID_SHIFT, NO_LOCAL, QOS } from './deliver';
import * as found from './properties';
import { fail, OF_SUBSCRIBE, OF_UNSUBSCRIBE, readProperties, text } from './properties';
import { numbered } from './publish';

// Options.
const OPTION_NO_LOCAL: i32 = 4;
const OPTION_AS_PUBLISHED: i32 = 8;
const OPTION_RETAINED: i32 = 0x30;
const OPTION_UNKNOWN: i32 = 0xc0;

const results = draft();

export function subscribe(connection: Connection, client: Client): void {
  const id = numbered();
  const fifth = client.level === 5;
  if (fifth) readProperties(OF_SUBSCRIBE);
  else found.noProperties();
  const subscription = found.subscription;
  results.clear();
  while (input.ok() && (input.rest() > 0 || results.length === 0)) {
    const filter = text();
    const options = <i32>input.uint8();
    const unknown = fifth ? OPTION_UNKNOWN : ~QOS;
    if ((options & QOS) === 3 || (options & unknown) !== 0) fail(codes.MALFORMED);
    if ((options & OPTION_RETAINED) === OPTION_RETAINED) fail(codes.PROTOCOL_ERROR);
    if (!input.ok()) return;
    const code = join(connection, client, filter, options, subscription);
    results.uint8(fifth || code < 0x80 ? code : codes.UNSPECIFIED);
  }
  if (input.whole()) answer(client, codes.SUBACK, id);
}

/** @returns the QoS that is granted, or a code */
function join(
  connection: Connection,
  client: Client,
  filter: Bytes,
  options: i32,
  subscription: u32,
): i32 {
  if (filter.startsWith('$share/')) return codes.NO_SHARING;
  if (!isPattern(filter)) {
    fail(codes.BAD_FILTER);
    return codes.BAD_FILTER;
  }
  if (!mayRead(client.user, recall(client, ID), filter)) return codes.NOT_AUTHORIZED;
  const qos = options & QOS;
  let tag = qos | ((<i32>subscription) << ID_SHIFT);
  if ((options & OPTION_NO_LOCAL) !== 0) tag |= NO_LOCAL;
  if ((options & OPTION_AS_PUBLISHED) !== 0) tag |= AS_PUBLISHED;
  if (connection.joinPattern(filter, tag) < 0) return codes.QUOTA;
  if (qos > 0) client.reliable = 1;
  return qos;
}

export function unsubscribe(connection: Connection, client: Client): void {
  const id = numbered();
  if (client.level === 5) readProperties(OF_UNSUBSCRIBE);
  results.clear();
  let count = 0;
  for (; input.ok() && (input.rest() > 0 || count === 0); count += 1) {
    const filter = text();
    if (!isPattern(filter)) fail(codes.BAD_FILTER);
    if (!input.ok()) return;
    connection.leavePattern(filter);
    if (client.level === 5) results.uint8(0);
  }
  if (input.whole()) answer(client, codes.UNSUBACK, id);
}

function answer(client: Client, type: i32, id: i32): void {
  const fifth = client.level === 5;
  reply
    .uint8(type << 4)
    .varint(2 + (fifth ? 1 : 0) + results.length)
    .uint16(id);
  if (fifth) reply.uint8(0);
  reply.bytes(results.view());
}
