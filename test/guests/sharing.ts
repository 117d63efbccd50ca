// A guest that does with topics and keys what its input says, for tests. The language is in
// test/helpers/sharing.ts. It logs each callback with its arguments, and the statuses of its commands.

import {
  close,
  join,
  leave,
  log,
  pause,
  publish,
  publish_for,
  send,
  set_timer,
  store_add,
  store_delete,
  store_get,
  store_put,
} from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const SCRIPT_BYTES: i32 = 192;
const SCRIPTS: i32 = 8;
const ON_MESSAGE: i32 = 0;
const ON_REPLY: i32 = 1;
const ON_MISSED: i32 = 2;
const ON_CLOSE: i32 = 3;
const ON_RESTORE: i32 = 4;
const ON_DRAIN: i32 = 5;
const ON_END: i32 = 6;
const ON_TIMER: i32 = 7;

// ╒═══════╤══════╤═════════════════════════════╕
// │ index │ loud │ 8 scripts: length and bytes │
// └───────┴──────┴─────────────────────────────┘
@unmanaged
class State {
  index: i32;
  /** 1 when the peer is sent what is logged. */
  loud: i32;
}

const version: usize = memory.data(8);
const line: usize = memory.data(70_000);
const bulk: usize = memory.data(70_000);

let opened: i32 = 0;
let lineBytes: i32 = 0;
// The callback that runs.
let self: i32 = 0;
let state: usize = 0;
let cursor: usize = 0;
let limit: usize = 0;
// What on_message or on_reply was given.
let given: usize = 0;
let givenBytes: i32 = 0;

export function state_size(): i32 {
  return <i32>offsetof<State>() + SCRIPTS * SCRIPT_BYTES;
}

export function on_open(_connection: i32, block: usize): void {
  store<i32>(block, opened, offsetof<State>('index'));
  opened += 1;
}

export function on_data(connection: i32, block: usize, data: usize, length: i32): i32 {
  begin(connection, block);
  lineBytes = 0;
  byte(0x3d);
  run(data, data + length);
  flush();
  return length;
}

export function on_message(
  connection: i32,
  block: usize,
  tag: i32,
  flags: i32,
  topic: usize,
  topicLength: i32,
  data: usize,
  length: i32,
): void {
  begin(connection, block);
  event('message', 7);
  field(tag);
  field(flags);
  text(topic, topicLength);
  text(data, length);
  flush();
  given = data;
  givenBytes = length;
  stored(ON_MESSAGE);
}

export function on_missed(connection: i32, block: usize): void {
  begin(connection, block);
  event('missed', 6);
  flush();
  stored(ON_MISSED);
}

export function on_reply(
  connection: i32,
  block: usize,
  tag: i32,
  status: i32,
  data: usize,
  length: i32,
): void {
  begin(connection, block);
  event('reply', 5);
  field(tag);
  field(status);
  if (length >= 8) {
    field(load<i32>(data));
    text(data + 8, length - 8);
  }
  flush();
  given = data + 8;
  givenBytes = length - 8;
  stored(ON_REPLY);
}

export function on_close(connection: i32, block: usize, reason: i32): void {
  begin(connection, block);
  count(block);
  event('close', 5);
  field(reason);
  flush();
  stored(ON_CLOSE);
}

export function on_restore(connection: i32, block: usize): void {
  begin(connection, block);
  count(block);
  stored(ON_RESTORE);
}

export function on_drain(connection: i32, block: usize): void {
  begin(connection, block);
  event('drain', 5);
  flush();
  stored(ON_DRAIN);
}

export function on_timer(connection: i32, block: usize): void {
  begin(connection, block);
  stored(ON_TIMER);
}

export function on_end(connection: i32, block: usize, _data: usize, _length: i32): i32 {
  begin(connection, block);
  stored(ON_END);
  return 1;
}

// A fresh instance learns of each number here, that of the connection it was made for included.
function count(block: usize): void {
  const index = load<i32>(block, offsetof<State>('index'));
  if (opened <= index) opened = index + 1;
}

function begin(connection: i32, block: usize): void {
  self = connection;
  state = block;
}

function stored(which: i32): void {
  const at = state + offsetof<State>() + which * SCRIPT_BYTES;
  const length = load<i32>(at);
  if (length === 0) return;
  lineBytes = 0;
  byte(0x3d);
  run(at + 4, at + 4 + length);
  if (lineBytes > 1) flush();
}

// Names are literals: their UTF-16 is read byte by byte.
function event(name: string, length: i32): void {
  lineBytes = 0;
  for (let at: i32 = 0; at < length; at += 1) {
    byte(<i32>load<u16>(changetype<usize>(name) + 2 * at));
  }
  field(load<i32>(state, offsetof<State>('index')));
}

function byte(value: i32): void {
  store<u8>(line + lineBytes, value);
  lineBytes += 1;
}

function field(value: i32): void {
  byte(0x20);
  let rest: i64 = value;
  if (rest < 0) {
    byte(0x2d);
    rest = -rest;
  }
  let scale: i64 = 1;
  while (scale * 10 <= rest) scale *= 10;
  for (; scale > 0; scale /= 10) byte(0x30 + <i32>((rest / scale) % 10));
}

function text(from: usize, length: i32): void {
  byte(0x20);
  for (let at: i32 = 0; at < length && at < 64; at += 1) byte(<i32>load<u8>(from + at));
}

function flush(): void {
  log(1, line, lineBytes);
  if (load<i32>(state, offsetof<State>('loud')) !== 0) {
    byte(0x0a);
    send(self, line, lineBytes);
  }
  lineBytes = 0;
}

function run(from: usize, to: usize): void {
  cursor = from;
  limit = to;
  while (cursor < limit) command();
}

function next(): i32 {
  if (cursor >= limit) return 0;
  cursor += 1;
  return <i32>load<u8>(cursor - 1);
}

// A decimal number with the separator behind it.
function number(): i32 {
  let value: i64 = 0;
  let sign: i64 = 1;
  for (let character = next(); character !== 0; character = next()) {
    if (character === 0x2d) sign = -1;
    else if (character >= 0x30 && character <= 0x39) value = value * 10 + character - 0x30;
    else break;
  }
  return <i32>(value * sign);
}

// A word with the separator behind it; `.` is the connection in whose callback we are.
function target(): i32 {
  if (load<u8>(cursor) !== 0x2e) return number();
  cursor += 2;
  return self;
}

let wordBytes: i32 = 0;

function word(): usize {
  const from = cursor;
  while (cursor < limit && load<u8>(cursor) !== 0x20 && load<u8>(cursor) !== 0x3b) cursor += 1;
  wordBytes = <i32>(cursor - from);
  cursor += 1;
  return from;
}

// The rest of the command, without its `;`. A `*` and a number is so many bytes of `*`.
function rest(): usize {
  const from = cursor;
  while (cursor < limit && load<u8>(cursor) !== 0x3b) cursor += 1;
  const end = cursor;
  cursor = end + 1;
  wordBytes = <i32>(end - from);
  if (wordBytes < 2 || load<u8>(from) !== 0x2a) return from;
  cursor = from + 1;
  wordBytes = number();
  memory.fill(bulk, 0x2a, wordBytes);
  return bulk;
}

// A version as its low half; −1 is none.
function expectation(): usize {
  const value = number();
  if (value < 0) return 0;
  store<u64>(version, value);
  return version;
}

function storeScript(): void {
  const which = number();
  const from = cursor + 1;
  let depth: i32 = 0;
  for (let character = next(); character !== 0; character = next()) {
    if (character === 0x7b) depth += 1;
    if (character === 0x7d) depth -= 1;
    if (depth === 0) break;
  }
  const length = <i32>(cursor - 1 - from);
  const at = state + offsetof<State>() + which * SCRIPT_BYTES;
  store<i32>(at, length);
  memory.copy(at + 4, from, length);
}

function command(): void {
  const letter = next();
  if (cursor < limit && load<u8>(cursor) === 0x20) cursor += 1;
  if (letter === 0x6a) doJoin();
  else if (letter === 0x6c) doLeave();
  else if (letter === 0x70) doPublish();
  else if (letter === 0x66) doPublishFor();
  else if (letter === 0x67) doGet();
  else if (letter === 0x75) doPut();
  else if (letter === 0x64) doDelete();
  else if (letter === 0x61) doAdd();
  else if (letter === 0x73) doSend();
  else if (letter === 0x45) field(send(self, given, givenBytes));
  else if (letter === 0x78) field(close(self, number()));
  else if (letter === 0x50) field(pause(self));
  else if (letter === 0x74) field(set_timer(self, number()));
  else if (letter === 0x48) field(self);
  else if (letter === 0x65) storeScript();
  else if (letter === 0x54) unreachable();
  else if (letter === 0x4c) store<i32>(state, number(), offsetof<State>('loud'));
  else if (letter === 0x5a) hang();
}

function hang(): void {
  for (;;) store<u8>(line, load<u8>(line));
}

function doJoin(): void {
  const connection = target();
  const tag = number();
  const flags = number();
  const topic = rest();
  field(join(connection, tag, topic, wordBytes, flags));
}

function doLeave(): void {
  const connection = target();
  const flags = number();
  const topic = rest();
  field(leave(connection, topic, wordBytes, flags));
}

function doPublish(): void {
  const flags = number();
  const topic = word();
  const topicLength = wordBytes;
  const data = rest();
  field(publish(topic, topicLength, data, wordBytes, flags));
}

function doPublishFor(): void {
  const flags = number();
  const milliseconds = number();
  const topic = word();
  const topicLength = wordBytes;
  const data = rest();
  field(publish_for(topic, topicLength, data, wordBytes, flags, milliseconds));
}

function doGet(): void {
  const connection = target();
  const tag = number();
  const key = rest();
  field(store_get(connection, tag, key, wordBytes));
}

function doPut(): void {
  const connection = target();
  const tag = number();
  const ttl = number();
  const expected = expectation();
  const key = word();
  const keyLength = wordBytes;
  const value = rest();
  field(store_put(connection, tag, key, keyLength, value, wordBytes, expected, ttl));
}

function doDelete(): void {
  const connection = target();
  const tag = number();
  const expected = expectation();
  const key = rest();
  field(store_delete(connection, tag, key, wordBytes, expected));
}

function doAdd(): void {
  const connection = target();
  const tag = number();
  const ttl = number();
  const delta = number();
  const key = rest();
  field(store_add(connection, tag, key, wordBytes, delta, ttl));
}

function doSend(): void {
  const data = rest();
  send(self, data, wordBytes);
}
