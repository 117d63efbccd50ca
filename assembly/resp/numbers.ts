// Numbers: integers and times as Redis takes them, and what it says of those that it does not take.

import { Bytes } from '../kit';
import { args, count } from '../kit/resp-request';
import { error, notInteger, syntax } from './answers';
import { time } from './value';

/** Of a string, with the time in front of it: no `maxValueBytes` is larger. */
export const LONGEST: i64 = 8 * 1024 * 1024 - 8;
/** The time to live stays what it is. */
export const KEEPING: i64 = -1;
const ZERO: i32 = 0x30;
const MINUS: i32 = 0x2d;

/** What `readExpiry` has read: milliseconds since 1970; 0 for never. */
export let ends: i64 = 0;

/** Whether it is written as an integer is: no sign but `-`, no zeros in front. */
export function isInteger(bytes: Bytes): boolean {
  const first = bytes.byte(0);
  if (first === ZERO && bytes.length > 1) return false;
  if (first === MINUS && bytes.byte(1) === ZERO) return false;
  return (
    bytes.isDecimal() && (integerOf(bytes) !== i64.MAX_VALUE || bytes.is('9223372036854775807'))
  );
}

/** Of what is an integer. */
export const integerOf = (bytes: Bytes): i64 =>
  bytes.decimal(i64.MIN_VALUE, i64.MAX_VALUE, i64.MAX_VALUE);

/** @returns whether the argument is an integer; if not, that was said */
export function takesInteger(argument: Bytes): boolean {
  const is = isInteger(argument);
  if (!is) notInteger();
  return is;
}

/**
 * Reads a time to `ends`.
 * @param least what it must be at least
 * @returns whether it can be; if not, that was said
 */
export function readExpiry(argument: Bytes, unit: i64, absolute: boolean, least: i64): boolean {
  if (!takesInteger(argument)) return false;
  const number = integerOf(argument);
  const now = absolute ? 0 : time();
  const tooMuch = number > i64.MAX_VALUE / unit || number < i64.MIN_VALUE / unit;
  if (number < least || tooMuch || number * unit > i64.MAX_VALUE - now) {
    error(`ERR invalid expire time in '${args[0].toString().toLowerCase()}' command`);
    return false;
  }
  ends = number * unit + now;
  return true;
}

/** What SET and GETEX may say. */
export let ifNew: boolean = false;
export let ifThere: boolean = false;
export let tells: boolean = false;
let persists: boolean = false;

/** Where the option stands that says when it ends; 0 for none. */
let timed: i32 = 0;

/** @returns whether the options from an argument on are well-formed; if not, that was said */
export function readOptions(from: i32, sets: boolean): boolean {
  ifNew = false;
  ifThere = false;
  tells = false;
  persists = false;
  timed = 0;
  for (let i = from; i < count; i += 1) {
    const option = args[i];
    if (sets && option.like('nx') && !ifThere) ifNew = true;
    else if (sets && option.like('xx') && !ifNew) ifThere = true;
    else if (sets && option.like('get')) tells = true;
    else if (sets && option.like('keepttl') && timed === 0) {
      timed = i;
    } else if (!sets && option.like('persist') && timed === 0) {
      timed = i;
      persists = true;
    } else if (unitOf(option) !== 0 && timed === 0 && i + 1 < count) {
      timed = i;
      i += 1;
    } else {
      syntax();
      return false;
    }
  }
  return true;
}

/**
 * Reads to `ends` what the options say: 0 if nothing or PERSIST, KEEPING with KEEPTTL.
 * @returns whether it can be; if not, that was said
 */
export function readEnds(): boolean {
  ends = 0;
  if (timed === 0 || persists) return true;
  const unit = unitOf(args[timed]);
  if (unit !== 0) return readExpiry(args[timed + 1], unit, args[timed].length === 4, 1);
  ends = KEEPING;
  return true;
}

/** Whether they say when it ends. */
export const isTimed = (): boolean => timed !== 0;

function unitOf(option: Bytes): i64 {
  if (option.like('ex') || option.like('exat')) return 1000;
  return option.like('px') || option.like('pxat') ? 1 : 0;
}
