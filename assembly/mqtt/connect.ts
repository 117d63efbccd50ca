// Connect: sections 3.1 and 3.2: who a client is, and what it and the broker take from each other.

import { Bytes, Connection, draft, input, random, reply, view } from '../kit';
import { login, packetMost, REFUSED } from './access';
import { ALIAS_MOST, Client, fits, ID, RECEIVE_MOST, remember, USER } from './client';
import * as codes from './codes';
import { readWill } from './leave';
import * as found from './properties';
import { fail, OF_CONNECT, readProperties, text } from './properties';
import { takeSeat } from './seat';

const USER_FLAG: i32 = 0x80;
const PASSWORD_FLAG: i32 = 0x40;
const WILL_RETAIN: i32 = 0x20;
const WILL_QOS: i32 = 0x18;
const WILL_FLAG: i32 = 0x04;
const CLEAN: i32 = 0x02;

/** The level of the CONNECT that is read, as far as it is known. */
export let speaks: i32 = 0;

export function forget(): void {
  speaks = 0;
}

let flags: i32 = 0;
let keepAlive: i32 = 0;
let id: Bytes = view(0, 0);
let user: Bytes | null = null;
let password: Bytes | null = null;

export function connect(connection: Connection, client: Client): void {
  speaks = 0;
  const protocol = input.bytes16();
  const level = <i32>input.uint8();
  flags = <i32>input.uint8();
  keepAlive = <i32>input.uint16();
  if (!input.ok()) return;
  const old = protocol.is('MQIsdp');
  if (!old && !protocol.is('MQTT')) fail(codes.MALFORMED);
  else if (old ? level !== 3 : level !== 4 && level !== 5) {
    speaks = level > 5 ? 5 : 4;
    fail(codes.BAD_VERSION);
  } else {
    speaks = level;
    readRest(client);
    if (input.whole()) greet(connection, client, level);
  }
}

function readRest(client: Client): void {
  const will = (flags & WILL_FLAG) !== 0;
  const bare = speaks < 5 && (flags & (USER_FLAG | PASSWORD_FLAG)) === PASSWORD_FLAG;
  if ((flags & 1) !== 0 || bare || (flags & WILL_QOS) === WILL_QOS) fail(codes.MALFORMED);
  if (!will && (flags & (WILL_QOS | WILL_RETAIN)) !== 0) fail(codes.MALFORMED);
  if (speaks === 5) readProperties(OF_CONNECT);
  else found.noProperties();
  client.openMost = found.receiveMaximum > 0 ? found.receiveMaximum : 0xffff;
  const most = found.packetMaximum;
  client.packetMost = most > 0 ? <i32>min(most, <u32>i32.MAX_VALUE) : i32.MAX_VALUE;
  if (found.has(found.METHOD)) fail(codes.BAD_AUTHENTICATION);
  else if (found.has(found.AUTH_DATA)) fail(codes.PROTOCOL_ERROR);
  client.expiry = found.sessionExpiry;
  id = text();
  if (will) readWill(client, flags, speaks);
  user = (flags & USER_FLAG) !== 0 ? text() : null;
  password = (flags & PASSWORD_FLAG) !== 0 ? input.bytes16() : null;
}

let assigned: boolean = false;

function greet(connection: Connection, client: Client, level: i32): void {
  assigned = id.length === 0;
  if (assigned) {
    if (level === 3 || (level === 4 && (flags & CLEAN) === 0)) {
      fail(codes.BAD_CLIENT_ID);
      return;
    }
    id = named(random(12));
  }
  client.user = login(user, password);
  if (client.user === REFUSED) {
    fail(codes.BAD_PASSWORD);
    return;
  }
  if (!prepare(client, level)) {
    fail(codes.TOO_LARGE);
    return;
  }
  const name = user;
  const kept = remember(client, ID, id) && (name === null || remember(client, USER, name));
  if (!kept) {
    fail(codes.QUOTA);
    return;
  }
  client.key = load<u64>(random(8).at);
  if (!takeSeat(connection, client, id, (flags & CLEAN) !== 0)) {
    fail(codes.QUOTA);
    return;
  }
  client.level = level;
  // 1.5 times, in milliseconds.
  client.silence = keepAlive * 1500;
  connection.timer(client.silence);
  accept(level);
}

const name = draft();

/** An id for a client that has none. */
function named(chance: Bytes): Bytes {
  name.clear().text('auto-');
  for (let i = 0; i < chance.length; i += 1) name.uint8(0x61 + (chance.byte(i) & 15));
  return name.view();
}

const offer = draft();

/** What MQTT 5.0 is told. @returns whether the client takes so much: then it takes each acknowledgement, too */
function prepare(client: Client, level: i32): boolean {
  if (level < 5) return true;
  offer.clear().uint8(0x21).uint16(RECEIVE_MOST).uint8(0x22).uint16(ALIAS_MOST);
  offer.uint8(0x27).uint32(packetMost);
  if (client.expiry > 0) offer.uint8(0x11).uint32(0);
  if (assigned) offer.uint8(0x12).bytes16(id);
  return fits(client, offer.length + 3);
}

function accept(level: i32): void {
  const fifth = level === 5;
  reply
    .uint8(codes.CONNACK << 4)
    .uint8(fifth ? offer.length + 3 : 2)
    .uint16(0);
  if (fifth) reply.uint8(offer.length).bytes(offer.view());
}

/** Answers a CONNECT that is refused, as far as its version has an answer. */
export function refuse(client: Client, code: i32): void {
  if (speaks === 5 && (client.packetMost === 0 || fits(client, 3)))
    reply
      .uint8(codes.CONNACK << 4)
      .uint8(3)
      .uint8(0)
      .uint8(code)
      .uint8(0);
  else if (speaks > 0 && speaks < 5) {
    let old = 0;
    if (code === codes.BAD_VERSION) old = 1;
    else if (code === codes.BAD_CLIENT_ID) old = 2;
    else if (code === codes.QUOTA) old = 3;
    else if (code === codes.BAD_PASSWORD) old = 5;
    if (old > 0)
      reply
        .uint8(codes.CONNACK << 4)
        .uint8(2)
        .uint8(0)
        .uint8(old);
  }
}
