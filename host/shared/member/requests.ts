// Requests: the store as promises. Each request is a record with a tag of its own, and settles with the reply
// that has the tag. It knows no seat: its owner performs the records and hands the replies in.

import {
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../../assembly/abi.ts';
import { type Code, StoreError, WasmpollError } from '../../errors.ts';
import { VERSION_BYTES } from '../../policy.ts';
import { FLAG_EXPECTED, OP_ADD, OP_DELETE, OP_GET, OP_PUT } from '../records.ts';
import { toBytes, toDelta, toKey, toTtl, toVersion } from './arguments.ts';
import type { Draft } from './drafts.ts';

const LARGEST_TAG = 0x7fff_ffff;

export interface StoreBounds {
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  readonly maxPending: number;
}

/** A value, with the version that names this very write of it. */
export interface StoredValue {
  /** 8 bytes, to be compared and handed back only. */
  readonly version: Uint8Array;
  readonly value: Uint8Array;
}

export interface Expectation {
  /** Only if this is the key's version; null: only if there is no such key. Whatever is there by default. */
  expected?: Uint8Array | null;
}

export interface TimeToLive {
  /** Milliseconds after which the key is gone; 0, the default, is never. */
  ttlMs?: number;
}

/**
 * The keys that guests use too. Text is stored as UTF-8. All methods reject with ERR_OPTION for what they
 * do not take, ERR_CLOSED when the server is closed, and a StoreError: ERR_LIMIT when too much waits,
 * ERR_UNAVAILABLE when nothing has happened since the store is out of reach, ERR_UNKNOWN when it may
 * have happened.
 */
export interface Store {
  /** What the key has; null when there is no such key. */
  get(key: string | Uint8Array): Promise<StoredValue | null>;
  /**
   * Sets the key. Also rejects with ERR_CONFLICT when it is not as expected, ERR_LIMIT when there is no room.
   * @returns the new version
   */
  put(
    key: string | Uint8Array,
    value: string | Uint8Array,
    options?: Expectation & TimeToLive,
  ): Promise<Uint8Array>;
  /**
   * Also rejects with ERR_CONFLICT when the key is not as expected.
   * @returns whether there was such a key
   */
  delete(key: string | Uint8Array, options?: Expectation): Promise<boolean>;
  /**
   * Adds to a number, which is 0 when there is no such key; only then does the time to live start. Also
   * rejects with ERR_CONFLICT when the value is no number, ERR_LIMIT when the sum is beyond ±(2^53 − 1).
   * @returns the sum
   */
  add(key: string | Uint8Array, delta: number, options?: TimeToLive): Promise<number>;
}

type Method = 'get' | 'put' | 'delete' | 'add';

interface Pending {
  readonly method: Method;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What is to be said of a status that is none of success. */
const refusals: ReadonlyMap<number, readonly [Code, string]> = new Map([
  [STATUS_CONFLICT, ['ERR_CONFLICT', 'the key is not what was expected']],
  [STATUS_LIMIT, ['ERR_LIMIT', 'there is no room, or the number is out of range']],
  [STATUS_UNAVAILABLE, ['ERR_UNAVAILABLE', 'the store is out of reach; nothing has happened']],
  [STATUS_UNKNOWN, ['ERR_UNKNOWN', 'no answer came; it may have happened']],
]);

const ascii = new TextDecoder();

export class Requests implements Store {
  readonly #bounds: StoreBounds;
  readonly #perform: (record: Draft) => boolean;
  readonly #pending = new Map<number, Pending>();
  #tag = 0;
  #closed = false;

  /** @param perform has the record performed; false when there is no room for it to wait */
  constructor(bounds: StoreBounds, perform: (record: Draft) => boolean) {
    this.#bounds = bounds;
    this.#perform = perform;
  }

  async get(key: string | Uint8Array): Promise<StoredValue | null> {
    const first = this.#key('get', key);
    return this.#ask('get', { op: OP_GET, first }) as Promise<StoredValue | null>;
  }

  async put(
    key: string | Uint8Array,
    value: string | Uint8Array,
    options: Expectation & TimeToLive = {},
  ): Promise<Uint8Array> {
    const first = this.#key('put', key);
    const { maxValueBytes } = this.#bounds;
    const second = toBytes('store.put', 'the value', value, maxValueBytes, 'maxValueBytes');
    const ttlMs = toTtl('store.put', options.ttlMs);
    const record = { op: OP_PUT, first, second, ttlMs, ...expectation('store.put', options) };
    return this.#ask('put', record) as Promise<Uint8Array>;
  }

  async delete(key: string | Uint8Array, options: Expectation = {}): Promise<boolean> {
    const first = this.#key('delete', key);
    const record = { op: OP_DELETE, first, ...expectation('store.delete', options) };
    return this.#ask('delete', record) as Promise<boolean>;
  }

  async add(key: string | Uint8Array, delta: number, options: TimeToLive = {}): Promise<number> {
    const first = this.#key('add', key);
    const ttlMs = toTtl('store.add', options.ttlMs);
    const record = { op: OP_ADD, first, ttlMs, delta: toDelta('store.add', delta) };
    return this.#ask('add', record) as Promise<number>;
  }

  #key(method: Method, key: string | Uint8Array): Uint8Array {
    return toKey(`store.${method}`, key, this.#bounds.maxKeyBytes);
  }

  #ask(method: Method, record: Draft): Promise<unknown> {
    if (this.#closed)
      throw new WasmpollError('ERR_CLOSED', `store.${method}: the server is closed`);
    const { maxPending } = this.#bounds;
    const tag = this.#nextTag();
    return new Promise((resolve, reject) => {
      const crowded = this.#pending.size >= maxPending;
      if (!crowded) this.#pending.set(tag, { method, resolve, reject });
      if (!crowded && this.#perform({ ...record, tag })) return;
      this.#pending.delete(tag);
      const why = crowded ? `${maxPending} requests wait (maxPending)` : 'too much waits';
      reject(new StoreError('ERR_LIMIT', `store.${method}: ${why}`));
    });
  }

  // After two thousand million requests they start anew, beside the few that still wait.
  #nextTag(): number {
    do this.#tag = this.#tag === LARGEST_TAG ? 1 : this.#tag + 1;
    while (this.#pending.has(this.#tag));
    return this.#tag;
  }

  /** A reply has come. @param bytes stay the caller's */
  settle(tag: number, status: number, bytes: Uint8Array): void {
    const pending = this.#pending.get(tag);
    if (pending === undefined) return;
    this.#pending.delete(tag);
    if (status === STATUS_OK) pending.resolve(answer(pending.method, bytes));
    else if (status === STATUS_ABSENT) pending.resolve(pending.method === 'get' ? null : false);
    else pending.reject(refusal(pending.method, status, bytes));
  }

  /** No reply comes any more. */
  close(): void {
    this.#closed = true;
    for (const { method, reject } of this.#pending.values()) {
      const why = 'the server was closed before an answer came; it may have happened';
      reject(new WasmpollError('ERR_CLOSED', `store.${method}: ${why}`));
    }
    this.#pending.clear();
  }
}

function expectation(method: string, options: Expectation): Pick<Draft, 'flags' | 'expected'> {
  const expected = toVersion(method, options.expected);
  return expected === undefined ? {} : { flags: FLAG_EXPECTED, expected };
}

function answer(method: Method, bytes: Uint8Array): unknown {
  if (method === 'delete') return true;
  if (method === 'put') return bytes.slice(0, VERSION_BYTES);
  if (method === 'add') return Number(ascii.decode(bytes.subarray(VERSION_BYTES)));
  return { version: bytes.slice(0, VERSION_BYTES), value: bytes.slice(VERSION_BYTES) };
}

function refusal(method: Method, status: number, bytes: Uint8Array): StoreError {
  const [code, why] = refusals.get(status) ?? ['ERR_UNAVAILABLE', `status ${status}`];
  const version = status === STATUS_UNKNOWN && bytes.length >= VERSION_BYTES;
  return new StoreError(
    code,
    `store.${method}: ${why}`,
    version ? bytes.slice(0, VERSION_BYTES) : null,
  );
}
