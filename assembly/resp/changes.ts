// Changes: commands whose new value depends on the old one, and GETRANGE. Each reads, and writes if nothing has
// changed meanwhile; otherwise it begins again.

import { Bytes, Connection, literal, view } from '../kit';
import { LongDouble } from '../kit/long-double';
import { args, count } from '../kit/resp-request';
import { bulk, error, integer, nothing, notInteger, ok, shown } from './answers';
import { Client, change, end, FOUND, isLost, proceed, WRITTEN } from './client';
import { ends, integerOf, isInteger, KEEPING, LONGEST, readEnds, readExpiry } from './numbers';
import { compose, expiry, found, time } from './value';

/** What it answers when it was written. */
const NUMBER: i32 = 0;
const OLD: i32 = 1;
const OK: i32 = 2;
/** The sum of the old value and the argument. */
const FLOAT: i32 = 3;

/** @returns whether there is something to be done with the value: `found`. If not, all is done for now */
function isFound(connection: Connection, client: Client, answers: i32): boolean {
  const step = proceed(connection, client, args[1]);
  if (step !== WRITTEN) return step === FOUND;
  if (answers === NUMBER) integer(client.sum);
  else if (answers === OK) ok();
  else if (isLost(connection)) error('ERR the answer is lost; it has happened');
  else if (answers === OLD) old();
  else if (readSum()) bulk(sum.text());
  end(connection, client);
  return false;
}

function old(): void {
  const value = found;
  if (value === null) nothing();
  else bulk(value);
}

function done(connection: Connection, client: Client, answer: i64): void {
  integer(answer);
  end(connection, client);
}

/** The value becomes a number, which is the answer. */
export function increment(connection: Connection, client: Client, delta: i64): void {
  if (!isFound(connection, client, NUMBER)) return;
  const value = found;
  if (value !== null && !isInteger(value)) {
    notInteger();
    end(connection, client);
    return;
  }
  const before = value === null ? 0 : integerOf(value);
  if (delta < 0 ? before < i64.MIN_VALUE - delta : before > i64.MAX_VALUE - delta) {
    error('ERR increment or decrement would overflow');
    end(connection, client);
    return;
  }
  client.sum = before + delta;
  change(connection, client, args[1], compose(expiry).decimal(client.sum).view());
}

const sum = new LongDouble();
const delta = new LongDouble();
const zero = literal('0');

/** INCRBYFLOAT */
export function incrementFloat(connection: Connection, client: Client): void {
  if (!isFound(connection, client, FLOAT)) return;
  if (readSum() && !sum.infinite) {
    change(connection, client, args[1], compose(expiry).bytes(sum.text()).view());
    return;
  }
  error(
    `ERR ${sum.infinite ? 'increment would produce NaN or Infinity' : 'value is not a valid float'}`,
  );
  end(connection, client);
}

/** Adds the argument to what was found. @returns whether both are numbers */
function readSum(): boolean {
  const value = found;
  const are = sum.read(value === null ? zero : value) && delta.read(args[2]);
  if (are) sum.add(delta);
  else sum.infinite = false;
  return are;
}

export function append(connection: Connection, client: Client): void {
  if (!isFound(connection, client, NUMBER)) return;
  const value = found;
  const made = compose(expiry);
  if (value !== null) made.bytes(value);
  client.sum = made.bytes(args[2]).length - 8;
  if (isTooLong(connection, client, client.sum)) return;
  change(connection, client, args[1], made.view());
}

export function setRange(connection: Connection, client: Client, offset: i64): void {
  if (offset < 0) {
    error('ERR offset is out of range');
    return;
  }
  if (!isFound(connection, client, NUMBER)) return;
  const value = found;
  const before = value === null ? 0 : value.length;
  const part = args[3];
  if (part.length === 0) {
    done(connection, client, before);
    return;
  }
  // A sum could pass what an i64 holds.
  if (isTooLong(connection, client, min(offset, LONGEST) + part.length)) return;
  const made = compose(expiry);
  const at = <i32>offset;
  if (value !== null) made.bytes(value.slice(0, at));
  let gap = at - before;
  for (; gap >= 8; gap -= 8) made.uint64le(0);
  for (; gap > 0; gap -= 1) made.uint8(0);
  made.bytes(part);
  if (value !== null) made.bytes(value.slice(at + part.length));
  client.sum = made.length - 8;
  change(connection, client, args[1], made.view());
}

function isTooLong(connection: Connection, client: Client, length: i64): boolean {
  if (length <= LONGEST) return false;
  error('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
  end(connection, client);
  return true;
}

export function getRange(connection: Connection, client: Client, start: i64, last: i64): void {
  if (!isFound(connection, client, OK)) return;
  const value = found === null ? view(0, 0) : found!;
  const length = <i64>value.length;
  const from = max(start < 0 ? start + length : start, 0);
  const to = min(max(last < 0 ? last + length : last, 0), length - 1);
  const crossed = start < 0 && last < 0 && start > last;
  if (crossed || from > to || length === 0) bulk(view(0, 0));
  else bulk(value.slice(<i32>from, <i32>to + 1));
  end(connection, client);
}

/** GETDEL */
export function getDelete(connection: Connection, client: Client): void {
  if (!isFound(connection, client, OLD)) return;
  if (found !== null) change(connection, client, args[1], null);
  else {
    nothing();
    end(connection, client);
  }
}

/** GETEX with something that changes when it ends. What is wrong with that, an absent key hides. */
export function getExpire(connection: Connection, client: Client): void {
  if (!isFound(connection, client, OLD)) return;
  const value = found;
  if (value === null) nothing();
  else if (readEnds()) {
    change(connection, client, args[1], compose(ends).bytes(value).view());
    return;
  }
  end(connection, client);
}

/**
 * SET and GETSET, as far as they depend on what was there.
 * @param at KEEPING keeps the time to live
 */
export function set(
  connection: Connection,
  client: Client,
  at: i64,
  ifNew: boolean,
  ifThere: boolean,
  tells: boolean,
): void {
  if (!isFound(connection, client, tells ? OLD : OK)) return;
  if ((ifNew && found !== null) || (ifThere && found === null)) {
    if (tells) old();
    else nothing();
    end(connection, client);
    return;
  }
  const made = compose(at === KEEPING ? expiry : at);
  change(connection, client, args[1], made.bytes(args[2]).view());
}

export function persist(connection: Connection, client: Client): void {
  if (!isFound(connection, client, NUMBER)) return;
  const value = found;
  if (value === null || expiry === 0) {
    done(connection, client, 0);
    return;
  }
  client.sum = 1;
  change(connection, client, args[1], compose(0).bytes(value).view());
}

const IF_NONE: i32 = 1;
const IF_ANY: i32 = 2;
const IF_LATER: i32 = 4;
const IF_EARLIER: i32 = 8;

/** EXPIRE and its like. @param unit milliseconds @param absolute since 1970, and not from now on */
export function expire(connection: Connection, client: Client, unit: i64, absolute: boolean): void {
  let rules = 0;
  for (let i = 3; i < count; i += 1) {
    const rule = ruleOf(args[i]);
    if (rule === 0) {
      error(`ERR Unsupported option ${shown(args[i], 128)}`);
      return;
    }
    rules |= rule;
  }
  if ((rules & IF_NONE) !== 0 && rules !== IF_NONE) {
    error('ERR NX and XX, GT or LT options at the same time are not compatible');
  } else if ((rules & (IF_LATER | IF_EARLIER)) === (IF_LATER | IF_EARLIER)) {
    error('ERR GT and LT options at the same time are not compatible');
  } else if (readExpiry(args[2], unit, absolute, i64.MIN_VALUE)) {
    if (isFound(connection, client, NUMBER)) endAt(connection, client, ends, rules);
  }
}

function ruleOf(option: Bytes): i32 {
  if (option.like('nx')) return IF_NONE;
  if (option.like('xx')) return IF_ANY;
  if (option.like('gt')) return IF_LATER;
  return option.like('lt') ? IF_EARLIER : 0;
}

function endAt(connection: Connection, client: Client, at: i64, rules: i32): void {
  const value = found;
  if (value === null || !isAllowed(rules, at)) {
    done(connection, client, 0);
    return;
  }
  client.sum = 1;
  if (at <= time()) change(connection, client, args[1], null);
  else change(connection, client, args[1], compose(at).bytes(value).view());
}

/** What never ends ends later than everything. */
function isAllowed(rules: i32, at: i64): boolean {
  if ((rules & IF_NONE) !== 0 && expiry !== 0) return false;
  if ((rules & IF_ANY) !== 0 && expiry === 0) return false;
  if ((rules & IF_LATER) !== 0 && (expiry === 0 || at <= expiry)) return false;
  return (rules & IF_EARLIER) === 0 || expiry === 0 || at < expiry;
}
