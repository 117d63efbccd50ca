// Record: one record of the log as an object, and back. The numbers are in records.ts.

import { aligned, HEAD_BYTES, WORD } from './form.ts';
import { nameOf } from './names.ts';
import * as Records from './records.ts';

const {
  RECORD_FIRST,
  RECORD_FLAGS,
  RECORD_HANDLE,
  RECORD_OP,
  RECORD_SEAT,
  RECORD_SECOND,
  RECORD_TAG,
  RECORD_TTL,
  RECORD_VALUE,
} = Records;

export interface Asked {
  readonly op: number;
  readonly handle: number;
  readonly tag: number;
  readonly flags: number;
  readonly ttl: number;
  readonly seat: number;
  /** RECORD_VALUE as the version that is expected, and as the number that is added. */
  readonly expected: bigint;
  readonly delta: number;
  /** A topic or key, a character for each byte. */
  readonly name: string;
  /** The first bytes, then the second. */
  readonly bytes: Uint8Array;
  /** The whole record as it is in the log, a copy. */
  readonly whole: Uint8Array;
}

/** The second bytes: a message or value. */
export const dataOf = ({ name, bytes }: Asked): Uint8Array => bytes.subarray(name.length);

export function readRecord(log: Uint8Array, at: number): Asked {
  const words = new DataView(log.buffer, log.byteOffset + at, HEAD_BYTES);
  const word = (index: number): number => words.getInt32(index * WORD, true);
  const end = HEAD_BYTES + word(RECORD_FIRST) + word(RECORD_SECOND);
  const whole = log.slice(at, at + aligned(end));
  return {
    op: word(RECORD_OP),
    handle: word(RECORD_HANDLE),
    tag: word(RECORD_TAG),
    flags: word(RECORD_FLAGS),
    ttl: word(RECORD_TTL) >>> 0,
    seat: word(RECORD_SEAT),
    expected: words.getBigUint64(RECORD_VALUE * 4, true),
    delta: words.getFloat64(RECORD_VALUE * 4, true),
    name: nameOf(whole.subarray(HEAD_BYTES, HEAD_BYTES + word(RECORD_FIRST))),
    bytes: whole.subarray(HEAD_BYTES, end),
    whole,
  };
}

/** The record with the seat that asks in it, for the seat that sees to it. */
export function routed(whole: Uint8Array, seat: number): Uint8Array {
  const copy = whole.slice();
  new DataView(copy.buffer).setInt32(RECORD_SEAT * 4, seat, true);
  return copy;
}

/** A record with no bytes that says nothing but its operation and who asks. */
export function bareRecord(op: number, seat: number): Uint8Array {
  const whole = new Uint8Array(HEAD_BYTES);
  new DataView(whole.buffer).setInt32(RECORD_OP * 4, op, true);
  return routed(whole, seat);
}
