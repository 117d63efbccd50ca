// RESP requests: commands of Redis's protocol as they were sent: an array of texts, or a line of words. It knows no
// command.

import { Bytes, view } from './bytes';
import { Session } from './connection';
import * as input from './input';
import { releaseWords, takeWord } from './words';

const MAX_ARGUMENTS: i32 = 1024 * 1024;
const MAX_BULK: i32 = 512 * 1024 * 1024;
const MAX_INLINE: i32 = 64 * 1024;
/** Of a line, which is read again as often as its command waits. */
const MAX_WORDS: i32 = 1024;
/** With more arguments a command that is cut is not read again from its start. */
const FEW: i32 = 64;

/** What a state block keeps of a command of which only a part is there. */
@unmanaged
export class Reader extends Session {
  /** Arguments that have not come yet, and where in the message the first of them stands. */
  left!: i32;
  scanned!: i32;
}

/** The arguments; the first is the name. */
export let args: StaticArray<Bytes> = new StaticArray<Bytes>(64);
export let count: i32 = 0;
/** Where in the message the second argument stands; 0 for a line of words. */
export let second: i32 = 0;
/** What is wrong with it, when `input.bad()`. */
export let fault: string = '';

/** Reads the next one. `count` is 0 when it is empty. */
export function readRequest(reader: Reader): void {
  count = 0;
  second = 0;
  if (reader.left > 0 && !isWhole(reader)) return;
  fault = 'too big mbulk count string';
  if (input.skip('*')) readArray(reader);
  else if (input.ok()) readLine();
}

// "*" count CRLF, then count times: "$" length CRLF bytes CRLF
function readArray(reader: Reader): void {
  const most = readLength(true);
  for (let i = 0; i < most; i += 1) {
    const from = input.offset();
    const argument = readBulk();
    if (!input.ok()) {
      if (most > FEW) goesOn(reader, most - i, from);
      return;
    }
    if (i === 1) second = from;
    add(argument);
  }
}

/** Whether the rest has come of a command of which a part was there already. Then it is read from its start. */
function isWhole(reader: Reader): boolean {
  input.take(reader.scanned);
  for (; reader.left > 0; reader.left -= 1) {
    const from = input.offset();
    readBulk();
    if (!input.ok()) {
      goesOn(reader, reader.left, from);
      return false;
    }
  }
  input.rewind();
  return true;
}

function goesOn(reader: Reader, left: i32, from: i32): void {
  reader.left = left;
  reader.scanned = from;
}

/** One argument: "$" length CRLF bytes CRLF */
export function readBulk(): Bytes {
  if (!input.skip('$')) return noBulk();
  const length = readLength(false);
  if (length < 0) return refused('invalid bulk length');
  const found = input.bytes(length);
  // Redis looks at none of the two bytes.
  input.take(2);
  return found;
}

function noBulk(): Bytes {
  if (!input.need(1)) return view(0, 0);
  const mark = load<u8>(input.take(1));
  return refused(`expected '$', got '${String.fromCharCode(mark)}'`);
}

function refused(why: string): Bytes {
  fault = why;
  input.refuse();
  return view(0, 0);
}

/** @param counts it says how many arguments there are, and not how long one is */
function readLength(counts: boolean): i32 {
  const length = input.shortDecimal();
  return length >= 0 && length <= (counts ? MAX_ARGUMENTS : MAX_BULK)
    ? length
    : anyLength(counts, length);
}

function anyLength(counts: boolean, short: i32): i32 {
  const most = counts ? MAX_ARGUMENTS : MAX_BULK;
  fault = counts ? 'too big mbulk count string' : 'too big bulk count string';
  let length: i64 = short;
  if (short < 0) {
    const line = input.line(MAX_INLINE);
    if (!input.ok()) return 0;
    length = line.decimal(i64.MIN_VALUE, most, i64.MAX_VALUE);
  }
  if (length <= most) return <i32>max(length, -1);
  refused(counts ? 'invalid multibulk length' : 'invalid bulk length');
  return 0;
}

// Words, and the end of a line.
function readLine(): void {
  fault = 'too big inline request';
  const line = input.line(MAX_INLINE);
  if (!input.ok()) return;
  releaseWords();
  for (let word = takeWord(line); word !== null; word = takeWord(line)) {
    if (count === MAX_WORDS) {
      refused('too big inline request');
      return;
    }
    add(word);
  }
  if (line.length > 0) refused('unbalanced quotes in request');
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
