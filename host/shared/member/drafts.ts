// Drafts: records as objects, for a program's own side and for engines, which write and read them one at a
// time. What guests ask for is written elsewhere, without an object. It knows the form, and no meaning.

import { VERSION_BYTES } from '../../policy.ts';
import { aligned, HEAD_BYTES, WORD } from '../form.ts';
import {
  RECORD_FIRST,
  RECORD_FLAGS,
  RECORD_HANDLE,
  RECORD_OP,
  RECORD_SEAT,
  RECORD_SECOND,
  RECORD_TAG,
  RECORD_TTL,
  RECORD_VALUE,
} from '../records.ts';

const NOTHING = new Uint8Array(0);

export interface SharedRecord {
  /** One of OP_…. */
  readonly op: number;
  /** Who asks, or 0 for nobody; in a DIRECT one, who gets it. */
  readonly handle: number;
  readonly tag: number;
  /** FLAG_…, by the operation. */
  readonly flags: number;
  /** A topic or a key. */
  readonly first: Uint8Array;
  /** A message or a value. */
  readonly second: Uint8Array;
  /** 0 is for ever. */
  readonly ttlMs: number;
  /** Of the handle. */
  readonly seat: number;
  /** 8 bytes, the version that is expected; zeros for "absent". */
  readonly expected: Uint8Array;
  /** The number that is added; it lies where `expected` does. */
  readonly delta: number;
}

/** What a record says that is not 0 or empty. */
export type Draft = Pick<SharedRecord, 'op'> & Partial<SharedRecord>;

/** Bytes of a record whose first and second bytes are so many. */
export const recordBytes = (first: number, second: number): number =>
  aligned(HEAD_BYTES + first + second);

/**
 * Writes a record at the front of `log`, which has room for it.
 * @returns its length
 */
export function writeRecord(log: Uint8Array, draft: Draft): number {
  const { first = NOTHING, second = NOTHING, expected, delta } = draft;
  const length = recordBytes(first.length, second.length);
  log.fill(0, 0, length);
  const view = new DataView(log.buffer, log.byteOffset, length);
  const word = (index: number, value = 0): void => view.setInt32(index * WORD, value, true);
  word(RECORD_OP, draft.op);
  word(RECORD_HANDLE, draft.handle);
  word(RECORD_TAG, draft.tag);
  word(RECORD_FLAGS, draft.flags);
  word(RECORD_FIRST, first.length);
  word(RECORD_SECOND, second.length);
  word(RECORD_TTL, draft.ttlMs);
  word(RECORD_SEAT, draft.seat);
  if (delta !== undefined) view.setFloat64(RECORD_VALUE * WORD, delta, true);
  else if (expected !== undefined) log.set(expected, RECORD_VALUE * WORD);
  log.set(first, HEAD_BYTES);
  log.set(second, HEAD_BYTES + first.length);
  return length;
}

/** Reads the record at `at`; what it returns has bytes of its own. */
export function readRecord(log: Uint8Array, at: number): SharedRecord {
  const view = new DataView(log.buffer, log.byteOffset + at, HEAD_BYTES);
  const word = (index: number): number => view.getInt32(index * WORD, true);
  const first = at + HEAD_BYTES;
  const second = first + word(RECORD_FIRST);
  const value = at + RECORD_VALUE * WORD;
  return {
    op: word(RECORD_OP),
    handle: word(RECORD_HANDLE),
    tag: word(RECORD_TAG),
    flags: word(RECORD_FLAGS),
    first: log.slice(first, second),
    second: log.slice(second, second + word(RECORD_SECOND)),
    ttlMs: word(RECORD_TTL) >>> 0,
    seat: word(RECORD_SEAT),
    expected: log.slice(value, value + VERSION_BYTES),
    delta: view.getFloat64(RECORD_VALUE * WORD, true),
  };
}
