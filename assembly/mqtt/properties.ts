// Properties of MQTT 5.0, section 2.2.2: reads those of a packet, and notes what the broker acts on. What is for
// the receiver of a message is passed on as it came.

import { Bytes, draft, input, isTopic, view } from '../kit';
import { BAD_ALIAS, MALFORMED, PROTOCOL_ERROR } from './codes';

/** Why the packet that is read is refused. */
export let fault: i32 = MALFORMED;

export function fail(code: i32): void {
  if (!input.bad()) fault = code;
  input.refuse();
}

export function faultless(): void {
  fault = MALFORMED;
}

const FORMAT: i32 = 0x01;
const EXPIRY: i32 = 0x02;
const CONTENT: i32 = 0x03;
const RESPONSE: i32 = 0x08;
const CORRELATION: i32 = 0x09;
const SUBSCRIPTION: i32 = 0x0b;
export const SESSION_EXPIRY: i32 = 0x11;
export const METHOD: i32 = 0x15;
export const AUTH_DATA: i32 = 0x16;
const PROBLEM: i32 = 0x17;
const WILL_DELAY: i32 = 0x18;
const RESPONSE_INFO: i32 = 0x19;
const REASON: i32 = 0x1f;
const RECEIVE_MAXIMUM: i32 = 0x21;
const ALIAS_MAXIMUM: i32 = 0x22;
const ALIAS: i32 = 0x23;
const USER: i32 = 0x26;
const PACKET_MAXIMUM: i32 = 0x27;

const bit = (id: i32): u64 => (<u64>1) << id;
const PASSED: u64 = bit(FORMAT) | bit(CONTENT) | bit(RESPONSE) | bit(CORRELATION) | bit(USER);
const MESSAGE: u64 = PASSED | bit(EXPIRY);

// Which may stand in which packet.
export const OF_PUBLISH: u64 = MESSAGE | bit(ALIAS);
export const OF_WILL: u64 = MESSAGE | bit(WILL_DELAY);
export const OF_ACK: u64 = bit(REASON) | bit(USER);
export const OF_SUBSCRIBE: u64 = bit(SUBSCRIPTION) | bit(USER);
export const OF_UNSUBSCRIBE: u64 = bit(USER);
export const OF_DISCONNECT: u64 = bit(SESSION_EXPIRY) | bit(REASON) | bit(USER);
export const OF_CONNECT: u64 =
  bit(SESSION_EXPIRY) |
  bit(RECEIVE_MAXIMUM) |
  bit(PACKET_MAXIMUM) |
  bit(ALIAS_MAXIMUM) |
  bit(RESPONSE_INFO) |
  bit(PROBLEM) |
  bit(USER) |
  bit(METHOD) |
  bit(AUTH_DATA);

// What was read last; 0 for what was not there, which none of these may be.
export let subscription: u32 = 0;
export let sessionExpiry: u32 = 0;
export let willDelay: u32 = 0;
export let receiveMaximum: i32 = 0;
export let packetMaximum: u32 = 0;
export let alias: i32 = 0;
/** Seconds; -1 without one. */
export let expiry: i64 = -1;
/** What is passed on. */
export const passed = draft();
let seen: u64 = 0;

export const has = (id: i32): boolean => (seen & bit(id)) !== 0;

export function noProperties(): void {
  subscription = sessionExpiry = willDelay = packetMaximum = 0;
  receiveMaximum = alias = 0;
  seen = 0;
  expiry = -1;
  passed.clear();
}

/** Reads them all; those that are not allowed there make the packet malformed. */
export function readProperties(allowed: u64): void {
  noProperties();
  const size = varint();
  const end = input.rest() - size;
  while (input.rest() > end && input.ok()) {
    const from = input.bytes(0).at;
    const id = <i32>input.uint8();
    if (id > 63 || (allowed & bit(id)) === 0) fail(MALFORMED);
    else if (has(id) && id !== USER) fail(PROTOCOL_ERROR);
    else {
      seen |= bit(id);
      readOne(id);
      if ((PASSED & bit(id)) !== 0) passed.bytes(view(from, <i32>(input.bytes(0).at - from)));
    }
  }
  if (input.rest() !== end) fail(MALFORMED);
}

function readOne(id: i32): void {
  if (id === USER) {
    text();
    text();
  } else if (id === CONTENT || id === METHOD || id === REASON) {
    text();
  } else if (id === RESPONSE) {
    if (!isTopic(text())) fail(PROTOCOL_ERROR);
  } else if (id === CORRELATION || id === AUTH_DATA) input.bytes16();
  else if (id === FORMAT || id === PROBLEM || id === RESPONSE_INFO) {
    if (input.uint8() > 1) fail(PROTOCOL_ERROR);
  } else if (id === EXPIRY) expiry = input.uint32();
  else if (id === SESSION_EXPIRY) sessionExpiry = input.uint32();
  else if (id === WILL_DELAY) willDelay = input.uint32();
  else if (id === PACKET_MAXIMUM) packetMaximum = <u32>some(input.uint32(), PROTOCOL_ERROR);
  else if (id === SUBSCRIPTION) subscription = <u32>some(varint(), PROTOCOL_ERROR);
  else if (id === RECEIVE_MAXIMUM) receiveMaximum = <i32>some(input.uint16(), PROTOCOL_ERROR);
  else if (id === ALIAS) alias = <i32>some(input.uint16(), BAD_ALIAS);
  else input.uint16();
}

export const varintSize = (value: i32): i32 =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;

// Section 1.5.5: with as few bytes as can be. Of the length of a packet mosquitto does not ask it, nor do we.
function varint(): i32 {
  const before = input.rest();
  const value = <i32>input.varint(4);
  if (before - input.rest() > varintSize(value)) fail(MALFORMED);
  return value;
}

function some(value: u32, code: i32): u32 {
  if (value === 0) fail(code);
  return value;
}

/** A text of MQTT: UTF-8 without U+0000. */
export function text(): Bytes {
  const bytes = input.bytes16();
  if (bytes.find(0) >= 0 || !bytes.isUtf8()) fail(MALFORMED);
  return bytes;
}
