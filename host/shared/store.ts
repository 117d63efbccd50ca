// Store: keys with values, versions and ends, and what they are charged. It knows the time only as it is
// told, and nobody who asks.

import { STATUS_ABSENT, STATUS_CONFLICT, STATUS_LIMIT, STATUS_OK } from '../../assembly/abi.ts';
import { type Asked, dataOf } from './record.ts';
import { CHARGE_KEY, FLAG_EXPECTED, OP_ADD, OP_DELETE, OP_GET, OP_PUT } from './records.ts';

export interface Answer {
  readonly status: number;
  readonly bytes: Uint8Array;
}

interface Value {
  readonly version: bigint;
  readonly bytes: Uint8Array;
  /** When it is over, or Infinity. */
  readonly ends: number;
}

const DECIMAL = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
/** No number that JavaScript writes is longer. */
const DECIMAL_BYTES = 32;

export class Store {
  readonly #most: number;
  readonly #values = new Map<string, Value>();
  #version = 0n;
  /** What the present request gives a value that it sets. */
  #fresh = 0n;
  #bytes = 0;
  /** Nothing ends before this. */
  #next = Number.POSITIVE_INFINITY;

  constructor(storeBytes: number) {
    this.#most = storeBytes;
  }

  get size(): number {
    return this.#values.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param version of the value, if it sets one */
  perform(asked: Asked, now: number, version = this.#version + 1n): Answer {
    this.#sweep(now);
    this.#fresh = version;
    switch (asked.op) {
      case OP_GET:
        return this.#get(asked);
      case OP_PUT:
        return this.#put(asked, now);
      case OP_DELETE:
        return this.#delete(asked);
      case OP_ADD:
        return this.#add(asked, now);
      default:
        throw new RangeError(`${asked.op} is no operation of a store`);
    }
  }

  #get({ name }: Asked): Answer {
    const value = this.#values.get(name);
    if (value === undefined) return bare(STATUS_ABSENT);
    return found(value.version, value.bytes);
  }

  #put(asked: Asked, now: number): Answer {
    if (!this.#asExpected(asked)) return bare(STATUS_CONFLICT);
    const bytes = dataOf(asked).slice();
    if (!this.#fits(asked.name, bytes)) return bare(STATUS_LIMIT);
    return found(this.#set(asked.name, bytes, endOf(asked, now)), NONE);
  }

  #delete(asked: Asked): Answer {
    if (!this.#values.has(asked.name)) return bare(STATUS_ABSENT);
    if (!this.#asExpected(asked)) return bare(STATUS_CONFLICT);
    this.#remove(asked.name);
    return bare(STATUS_OK);
  }

  #add(asked: Asked, now: number): Answer {
    const known = this.#values.get(asked.name);
    const before = known === undefined ? 0 : numberOf(known.bytes);
    if (before === null) return bare(STATUS_CONFLICT);
    const after = before + asked.delta;
    // NaN is in no range.
    if (!(Math.abs(after) <= Number.MAX_SAFE_INTEGER)) return bare(STATUS_LIMIT);
    const bytes = new TextEncoder().encode(String(after));
    if (!this.#fits(asked.name, bytes)) return bare(STATUS_LIMIT);
    return found(this.#set(asked.name, bytes, known?.ends ?? endOf(asked, now)), bytes);
  }

  #asExpected({ name, flags, expected }: Asked): boolean {
    if ((flags & FLAG_EXPECTED) === 0) return true;
    return (this.#values.get(name)?.version ?? 0n) === expected;
  }

  #fits(name: string, bytes: Uint8Array): boolean {
    return this.#bytes - this.#chargeAt(name) + chargeOf(name, bytes) <= this.#most;
  }

  #set(name: string, bytes: Uint8Array, ends: number): bigint {
    this.#remove(name);
    this.#version = this.#fresh;
    this.#values.set(name, { version: this.#version, bytes, ends });
    this.#bytes += chargeOf(name, bytes);
    this.#next = Math.min(this.#next, ends);
    return this.#version;
  }

  #remove(name: string): void {
    this.#bytes -= this.#chargeAt(name);
    this.#values.delete(name);
  }

  #chargeAt(name: string): number {
    const known = this.#values.get(name);
    return known === undefined ? 0 : chargeOf(name, known.bytes);
  }

  /** Removes what has ended. */
  #sweep(now: number): void {
    if (now < this.#next) return;
    for (const [name, { ends }] of this.#values) {
      if (now >= ends) this.#remove(name);
    }
    const ends = [...this.#values.values()].map((value) => value.ends);
    this.#next = ends.reduce((least, end) => Math.min(least, end), Number.POSITIVE_INFINITY);
  }
}

const NONE = new Uint8Array();

const bare = (status: number): Answer => ({ status, bytes: NONE });

function found(version: bigint, value: Uint8Array): Answer {
  const bytes = new Uint8Array(8 + value.length);
  new DataView(bytes.buffer).setBigUint64(0, version, true);
  bytes.set(value, 8);
  return { status: STATUS_OK, bytes };
}

const chargeOf = (name: string, bytes: Uint8Array): number =>
  CHARGE_KEY + name.length + bytes.length;

const endOf = ({ ttl }: Asked, now: number): number =>
  ttl === 0 ? Number.POSITIVE_INFINITY : now + ttl;

function numberOf(bytes: Uint8Array): number | null {
  if (bytes.length > DECIMAL_BYTES) return null;
  const text = String.fromCharCode(...bytes);
  return DECIMAL.test(text) ? Number(text) : null;
}
