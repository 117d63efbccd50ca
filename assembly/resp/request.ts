// Request: one command as it was sent: an array of texts, or a line of words. It knows no command.

import { Bytes, draft, input, view, viewOf } from '../kit';
import { Client } from './client';

const MAX_ARGUMENTS: i32 = 1024 * 1024;
const MAX_BULK: i64 = 512 * 1024 * 1024;
const MAX_INLINE: i32 = 64 * 1024;
/** Of a line, which is read again as often as its command waits. */
const MAX_WORDS: i32 = 1024;
/** With more arguments a command that is cut is not read again from its start. */
const FEW: i32 = 64;
const APOSTROPHE: i32 = 0x27;
const QUOTE: i32 = 0x22;
const BACKSLASH: i32 = 0x5c;
const DOLLAR: i32 = 0x24;

/** The arguments; the first is the name. */
export let args: StaticArray<Bytes> = new StaticArray<Bytes>(64);
export let count: i32 = 0;
/** Where in the message the second argument stands; 0 for a line of words. */
export let second: i32 = 0;
/** What is wrong with it, when `input.bad()`. */
export let fault: string = '';

/** Reads the next one. `count` is 0 when it is empty. */
export function readRequest(client: Client): void {
  count = 0;
  second = 0;
  if (client.left > 0 && !isWhole(client)) return;
  fault = 'too big mbulk count string';
  if (input.skip('*')) readArray(client);
  else if (input.ok()) readLine();
}

// "*" count CRLF, then count times: "$" length CRLF bytes CRLF
function readArray(client: Client): void {
  const most = readLength(MAX_ARGUMENTS, 'invalid multibulk length', 'too big mbulk count string');
  for (let i = 0; i < most; i += 1) {
    const from = input.offset();
    const argument = readBulk();
    if (!input.ok()) {
      if (most > FEW) goesOn(client, most - i, from);
      return;
    }
    if (i === 1) second = from;
    add(argument);
  }
}

/** Whether the rest has come of a command of which a part was there already. Then it is read from its start. */
function isWhole(client: Client): boolean {
  input.take(client.scanned);
  for (; client.left > 0; client.left -= 1) {
    const from = input.offset();
    readBulk();
    if (!input.ok()) {
      goesOn(client, client.left, from);
      return false;
    }
  }
  input.rewind();
  return true;
}

function goesOn(client: Client, left: i32, from: i32): void {
  client.left = left;
  client.scanned = from;
}

/** One argument: "$" length CRLF bytes CRLF */
export function readBulk(): Bytes {
  if (!input.need(1)) return input.bytes(0);
  const mark = load<u8>(input.take(1));
  if (mark !== DOLLAR) return refused(`expected '$', got '${String.fromCharCode(mark)}'`);
  const length = readLength(MAX_BULK, 'invalid bulk length', 'too big bulk count string');
  if (length < 0) return refused('invalid bulk length');
  const found = input.bytes(length);
  // Redis looks at none of the two bytes.
  input.take(2);
  return found;
}

function refused(why: string): Bytes {
  fault = why;
  input.refuse();
  return view(0, 0);
}

function readLength(most: i64, wrong: string, long: string): i32 {
  const short = input.shortDecimal();
  if (short >= 0 && short <= most) return short;
  if (short >= 0) {
    refused(wrong);
    return 0;
  }
  fault = long;
  const line = input.line(MAX_INLINE);
  if (!input.ok()) return 0;
  const length = line.isDecimal()
    ? line.decimal(i64.MIN_VALUE, most, i64.MAX_VALUE)
    : i64.MAX_VALUE;
  if (length === i64.MAX_VALUE) {
    refused(wrong);
    return 0;
  }
  return <i32>max(length, -1);
}

// Words, and the end of a line. In quotes a word may have spaces and escapes, as redis-cli has them.
function readLine(): void {
  fault = 'too big inline request';
  const line = input.line(MAX_INLINE);
  if (!input.ok()) return;
  unquoted.length = 0;
  let at = line.at;
  const end = line.at + line.length;
  while (true) {
    while (at < end && isSpace(load<u8>(at))) at += 1;
    if (at === end) return;
    if (count === MAX_WORDS) {
      refused('too big inline request');
      return;
    }
    const from = at;
    while (at < end && !isSpace(load<u8>(at)) && !isQuote(load<u8>(at))) at += 1;
    if (at === end || isSpace(load<u8>(at))) add(view(from, <i32>(at - from)));
    else {
      at = readQuoted(from, end);
      if (at === 0) {
        refused('unbalanced quotes in request');
        return;
      }
    }
  }
}

const isSpace = (byte: i32): boolean => byte === 0x20 || byte === 0x09;
const isQuote = (byte: i32): boolean => byte === QUOTE || byte === APOSTROPHE;

const word = draft();
/** Keeps words that were written anew; the input stays as it is, for it may be read again. */
const unquoted: ArrayBuffer[] = [];

/** A word that has quotes. @returns where it ends, or 0 if a quote is not closed there */
function readQuoted(from: usize, end: usize): usize {
  word.clear();
  let quote: i32 = 0;
  let at = from;
  while (at < end) {
    const byte = <i32>load<u8>(at);
    if (quote === 0 && isSpace(byte)) break;
    at += 1;
    if (quote === 0 && isQuote(byte)) quote = byte;
    else if (quote !== 0 && byte === quote) {
      if (at < end && !isSpace(load<u8>(at))) return 0;
      quote = 0;
    } else if (quote === QUOTE && byte === BACKSLASH && at < end) at += unescaped(at, end);
    else if (
      quote === APOSTROPHE &&
      byte === BACKSLASH &&
      at < end &&
      load<u8>(at) === APOSTROPHE
    ) {
      word.uint8(APOSTROPHE);
      at += 1;
    } else word.uint8(byte);
  }
  if (quote !== 0) return 0;
  const buffer = word.view().copy();
  unquoted.push(buffer);
  add(viewOf(buffer));
  return at;
}

/** @returns how many bytes behind the backslash it has */
function unescaped(at: usize, end: usize): usize {
  const byte = load<u8>(at);
  if (byte === 0x78 && at + 2 < end) {
    const high = hex(load<u8>(at + 1));
    const low = hex(load<u8>(at + 2));
    if (high >= 0 && low >= 0) {
      word.uint8((high << 4) | low);
      return 3;
    }
  }
  let means = byte;
  if (byte === 0x6e) means = 0x0a;
  else if (byte === 0x72) means = 0x0d;
  else if (byte === 0x74) means = 0x09;
  else if (byte === 0x62) means = 0x08;
  else if (byte === 0x61) means = 0x07;
  word.uint8(means);
  return 1;
}

function hex(byte: i32): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function add(argument: Bytes): void {
  if (count === args.length) {
    const more = new StaticArray<Bytes>(2 * count);
    for (let i = 0; i < count; i += 1) more[i] = args[i];
    args = more;
  }
  args[count] = argument;
  count += 1;
}
