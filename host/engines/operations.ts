// Operations: what each record asks of a store's engine, and what it is answered. It knows no connection, and not
// in which order the answers are given.

import { randomFillSync } from 'node:crypto';
import { STATUS_ABSENT, STATUS_OK, STATUS_UNKNOWN } from '../../assembly/abi.ts';
import { VERSION_BYTES } from '../policy.ts';
import type { SharedRecord } from '../shared/member/drafts.ts';
import { FLAG_EXPECTED, OP_ADD, OP_DELETE, OP_GET, OP_PUT } from '../shared/records.ts';
import {
  type Answered,
  EngineError,
  NO_BYTES,
  type Performer,
  type StoreEngine,
} from './contract.ts';

const RANDOM_BYTES = 4096;

export class Operations implements Performer {
  readonly #engine: StoreEngine;
  readonly #random = new Uint8Array(RANDOM_BYTES);
  #randomAt = RANDOM_BYTES;

  constructor(engine: StoreEngine) {
    this.#engine = engine;
  }

  get state(): StoreEngine['state'] {
    return this.#engine.state;
  }

  start(): Promise<void> {
    return this.#engine.start();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  perform(record: SharedRecord, answered: Answered): Uint8Array {
    const version = this.#version();
    this.#ask(record, version).then(
      (reply) => answered(reply === null ? STATUS_ABSENT : STATUS_OK, reply ?? NO_BYTES),
      (error: unknown) =>
        answered(error instanceof EngineError ? error.status : STATUS_UNKNOWN, NO_BYTES),
    );
    return version;
  }

  /** @returns the bytes of the reply, or null for ABSENT */
  async #ask(record: SharedRecord, version: Uint8Array): Promise<Uint8Array | null> {
    const { op, first: key, second: value, flags, ttlMs } = record;
    const expected = (flags & FLAG_EXPECTED) === 0 ? null : record.expected;
    switch (op) {
      case OP_GET: {
        const found = await this.#engine.get(key);
        return found === null ? null : joined(found.version, found.value);
      }
      case OP_PUT:
        await this.#engine.put(key, value, version, expected, ttlMs);
        return version;
      case OP_DELETE:
        await this.#engine.delete(key, expected);
        return NO_BYTES;
      case OP_ADD: {
        const sum = await this.#engine.add(key, record.delta, version, ttlMs);
        return joined(version, Buffer.from(String(sum)));
      }
      default:
        throw new RangeError(`${op} is no operation of a store`);
    }
  }

  /** 8 random bytes: that an older version which somebody expects comes again has odds of 2^-63 a value. */
  #version(): Uint8Array {
    if (this.#randomAt === RANDOM_BYTES) {
      randomFillSync(this.#random);
      this.#randomAt = 0;
    }
    const version = this.#random.slice(this.#randomAt, this.#randomAt + VERSION_BYTES);
    this.#randomAt += VERSION_BYTES;
    // Eight zeros mean that there is none.
    version[0]! |= 1;
    return version;
  }
}

function joined(version: Uint8Array, value: Uint8Array): Uint8Array {
  const whole = new Uint8Array(VERSION_BYTES + value.length);
  whole.set(version);
  whole.set(value, VERSION_BYTES);
  return whole;
}
