// Redis store: keys and values in a Redis server that several processes may share. It knows what each
// operation is in Redis, and nothing of who asks.

import {
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_UNAVAILABLE,
} from '../../../assembly/abi.ts';
import { VERSION_BYTES } from '../../policy.ts';
import type { ServerAddress } from '../address.ts';
import {
  EngineError,
  type EngineState,
  type EngineWatch,
  type Found,
  type StoreEngine,
} from '../contract.ts';
import { Link } from '../link.ts';
import * as Scripts from './scripts.ts';
import { type Argument, type Redis, RedisSession } from './session.ts';

export class RedisStore implements StoreEngine {
  readonly #link: Link<RedisSession>;
  readonly #prefix: Buffer;

  constructor(redis: Redis, address: ServerAddress, limitMs: number, watch: EngineWatch) {
    this.#prefix = Buffer.from(`${address.service}:`);
    const dial = (lost: (why: string) => void) =>
      new RedisSession(redis, address, limitMs, lost, loadScripts);
    this.#link = new Link(dial, limitMs, watch);
  }

  get state(): EngineState {
    return this.#link.state;
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  async get(key: Uint8Array): Promise<Found | null> {
    const name = this.#keyOf(key);
    const reply = await this.#send(['GET', name], name).catch(asRead);
    if (!(reply instanceof Buffer)) return null;
    if (reply.length < VERSION_BYTES) throw new EngineError(STATUS_UNAVAILABLE, FOREIGN);
    return { version: reply.subarray(0, VERSION_BYTES), value: reply.subarray(VERSION_BYTES) };
  }

  async put(
    key: Uint8Array,
    value: Uint8Array,
    version: Uint8Array,
    expected: Uint8Array | null,
    ttlMs: number,
  ): Promise<void> {
    const whole = Buffer.concat([version, value]);
    const name = this.#keyOf(key);
    const ends = ttlMs === 0 ? [] : ['PX', String(ttlMs)];
    if (expected === null) {
      await this.#send(['SET', name, whole, ...ends], name);
    } else if (expected.every((byte) => byte === 0)) {
      const reply = await this.#send(['SET', name, whole, ...ends, 'NX'], name);
      if (reply === null) throw new EngineError(STATUS_CONFLICT, 'there is a value');
    } else {
      const reply = await this.#run(Scripts.PUT, name, [copy(expected), whole, String(ttlMs)]);
      if (reply !== 1) throw new EngineError(STATUS_CONFLICT, OTHER_VERSION);
    }
  }

  async delete(key: Uint8Array, expected: Uint8Array | null): Promise<void> {
    const name = this.#keyOf(key);
    const reply =
      expected === null
        ? await this.#send(['DEL', name], name)
        : await this.#run(Scripts.DELETE, name, [copy(expected)]);
    if (reply === 1) return;
    const absent = expected === null || reply === -1;
    if (absent) throw new EngineError(STATUS_ABSENT, 'there is no such key');
    throw new EngineError(STATUS_CONFLICT, OTHER_VERSION);
  }

  async add(key: Uint8Array, delta: number, version: Uint8Array, ttlMs: number): Promise<number> {
    const values = [String(delta), copy(version), String(ttlMs)];
    const reply = String(await this.#run(Scripts.ADD, this.#keyOf(key), values));
    if (reply === 'conflict') throw new EngineError(STATUS_CONFLICT, 'the value is no number');
    if (reply === 'limit') throw new EngineError(STATUS_LIMIT, 'the sum is out of range');
    return Number(reply);
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  #keyOf(key: Uint8Array): Buffer {
    return Buffer.concat([this.#prefix, key]);
  }

  #send(command: readonly Argument[], key: Buffer): Promise<unknown> {
    return this.#link.session?.send(command, key) ?? offline();
  }

  #run(script: Scripts.Script, key: Buffer, values: readonly Argument[]): Promise<unknown> {
    return this.#link.session?.run(script, key, values) ?? offline();
  }
}

const offline = (): Promise<never> =>
  Promise.reject(new EngineError(STATUS_UNAVAILABLE, 'not connected'));

const FOREIGN = 'the value was not written by this program';
const OTHER_VERSION = 'the value has another version';

const copy = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

// Nothing can have happened.
function asRead(error: unknown): never {
  if (!(error instanceof EngineError)) throw error;
  throw new EngineError(STATUS_UNAVAILABLE, error.message);
}

async function loadScripts(session: RedisSession): Promise<void> {
  const scripts = [Scripts.PUT, Scripts.DELETE, Scripts.ADD];
  await Promise.all(scripts.map(({ text }) => session.send(['SCRIPT', 'LOAD', text])));
}
