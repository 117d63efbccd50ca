// Subscribe: sections 3.8 to 3.11. A subscription is a membership whose tag says what the client has asked for.

import {
  Bytes,
  Connection,
  draft,
  input,
  isPattern,
  isTopic,
  JOIN_QUIET,
  JOIN_SHARED,
  reply,
} from '../kit';
import { mayRead } from './access';
import { addFilter, Client, dropFilter, filtersOf, fits, hasFilter, ID, recall } from './client';
import * as codes from './codes';
import { AS_PUBLISHED, ID_SHIFT, NO_LOCAL, QOS } from './deliver';
import { concerns, nextLook, subscribed, tell } from './figures';
import * as found from './properties';
import { fail, OF_SUBSCRIBE, OF_UNSUBSCRIBE, readProperties, text } from './properties';
import { numbered } from './publish';

// Options.
const OPTION_NO_LOCAL: i32 = 4;
const OPTION_AS_PUBLISHED: i32 = 8;
const OPTION_RETAINED: i32 = 0x30;
const IF_NEW: i32 = 0x10;
const NEVER: i32 = 0x20;
const OPTION_UNKNOWN: i32 = 0xc0;

const SHARE: string = '$share/';
const SLASH: u8 = 0x2f;

const results = draft();
/** One of the filters is about figures of the broker. */
let listens: boolean = false;

export function subscribe(connection: Connection, client: Client): void {
  const id = numbered();
  const fifth = client.level === 5;
  if (fifth) readProperties(OF_SUBSCRIBE);
  else found.noProperties();
  const subscription = found.subscription;
  results.clear();
  listens = false;
  const before = filtersOf(client);
  while (input.ok() && (input.rest() > 0 || results.length === 0)) {
    const filter = text();
    const options = <i32>input.uint8();
    const unknown = fifth ? OPTION_UNKNOWN : ~QOS;
    if ((options & QOS) === 3 || (options & unknown) !== 0) fail(codes.MALFORMED);
    if ((options & OPTION_RETAINED) === OPTION_RETAINED) fail(codes.PROTOCOL_ERROR);
    if (!input.ok()) break;
    const code = join(connection, client, filter, options, subscription);
    results.uint8(fifth || code < 0x80 ? code : codes.UNSPECIFIED);
  }
  subscribed(filtersOf(client) - before);
  if (!input.whole()) return;
  answer(client, codes.SUBACK, id);
  if (!listens) return;
  tell(connection);
  connection.timer(nextLook(client, client.silence));
}

/** @returns the QoS that is granted, or a code */
function join(
  connection: Connection,
  client: Client,
  filter: Bytes,
  options: i32,
  subscription: u32,
): i32 {
  const share = filter.startsWith(SHARE) ? JOIN_SHARED : 0;
  const pattern = patternOf(filter);
  if (share !== 0 && (options & OPTION_NO_LOCAL) !== 0) fail(codes.PROTOCOL_ERROR);
  if (!isPattern(pattern)) fail(codes.BAD_FILTER);
  if (!input.ok()) return codes.BAD_FILTER;
  if (!mayRead(client.user, recall(client, ID), pattern)) return codes.NOT_AUTHORIZED;
  const qos = options & QOS;
  let tag = qos | ((<i32>subscription) << ID_SHIFT);
  if ((options & OPTION_NO_LOCAL) !== 0) tag |= NO_LOCAL;
  if ((options & OPTION_AS_PUBLISHED) !== 0) tag |= AS_PUBLISHED;
  const known = hasFilter(client, filter);
  const handling = options & OPTION_RETAINED;
  const quiet = handling === NEVER || (handling === IF_NEW && known) ? JOIN_QUIET : 0;
  if (connection.joinPattern(joined(filter), tag, share | quiet) < 0) return codes.QUOTA;
  if (!known) addFilter(client, filter);
  if (qos > 0) client.reliable = 1;
  if (share !== 0) client.shares = 1;
  if (concerns(pattern)) {
    listens = true;
    if (!known) client.listens += 1;
  }
  return qos;
}

/** What the host is given: of `$share/NAME/FILTER` the name and the filter. */
const joined = (filter: Bytes): Bytes =>
  filter.startsWith(SHARE) ? filter.slice(SHARE.length) : filter;

/** The filter without `$share/NAME/`; empty if the name is none. */
function patternOf(filter: Bytes): Bytes {
  if (!filter.startsWith(SHARE)) return filter;
  const rest = joined(filter);
  const end = rest.find(SLASH);
  return isTopic(rest.slice(0, end)) && end > 0 ? rest.slice(end + 1) : rest.slice(0, 0);
}

export function unsubscribe(connection: Connection, client: Client): void {
  const id = numbered();
  if (client.level === 5) readProperties(OF_UNSUBSCRIBE);
  results.clear();
  let count = 0;
  const before = filtersOf(client);
  for (; input.ok() && (input.rest() > 0 || count === 0); count += 1) {
    const filter = text();
    if (!isPattern(patternOf(filter))) fail(codes.BAD_FILTER);
    if (!input.ok()) break;
    const share = filter.startsWith(SHARE) ? JOIN_SHARED : 0;
    if (connection.leavePattern(joined(filter), share) < 0) fail(codes.QUOTA);
    const known = dropFilter(client, filter);
    if (known && client.listens > 0 && concerns(patternOf(filter))) client.listens -= 1;
    if (client.level === 5) results.uint8(known ? 0 : codes.NO_SUBSCRIPTION);
  }
  subscribed(filtersOf(client) - before);
  if (!input.whole()) return;
  answer(client, codes.UNSUBACK, id);
}

function answer(client: Client, type: i32, id: i32): void {
  const fifth = client.level === 5;
  const size = 2 + (fifth ? 1 : 0) + results.length;
  if (!fits(client, size)) {
    fail(codes.TOO_LARGE);
    return;
  }
  reply
    .uint8(type << 4)
    .varint(size)
    .uint16(id);
  if (fifth) reply.uint8(0);
  reply.bytes(results.view());
}
