// Requests: hands what connections ask of the store to an engine, and answers each once, in the order in
// which its connection asked. It knows no engine in particular.

import { randomFillSync } from 'node:crypto';
import {
  STATUS_ABSENT,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../assembly/abi.ts';
import { VERSION_BYTES } from '../policy.ts';
import type { SharedRecord } from '../shared/member/drafts.ts';
import { FLAG_EXPECTED, OP_ADD, OP_DELETE, OP_GET, OP_PUT } from '../shared/records.ts';
import { EngineError, type StoreEngine } from './contract.ts';
import { InFlight } from './in-flight.ts';

/** As `Shared.reply`. */
export type Reply = (
  seat: number,
  handle: number,
  tag: number,
  status: number,
  bytes: Uint8Array,
) => void;

/** Values of the policy rows of the same names. */
export interface RequestBounds {
  readonly requestTimeoutMs: number;
  /** Keys and values on their way; beyond that the answer is LIMIT, at once. */
  readonly queueBytes: number;
  /** Connections keep to it when they ask; what nobody waits for is dropped beyond it. */
  readonly maxPending: number;
}

const NO_BYTES = new Uint8Array();
const RANDOM_BYTES = 4096;
/** An engine settles in the time it was given. This one is for an engine that does not. */
const GRACE_MS = 500;

interface Pending {
  readonly record: SharedRecord;
  readonly version: Uint8Array;
  readonly bytes: number;
  status: number | null;
  reply: Uint8Array;
}

export class Requests {
  readonly #engine: StoreEngine;
  readonly #reply: Reply;
  readonly #mostBytes: number;
  readonly #mostPending: number;
  /** What each connection has asked for, oldest first. */
  readonly #queues = new Map<number, Pending[]>();
  readonly #all: InFlight<Pending>;
  readonly #random = new Uint8Array(RANDOM_BYTES);
  #randomAt = RANDOM_BYTES;
  #pending = 0;
  #bytes = 0;
  #unknown = 0;
  #unavailable = 0;
  #whenIdle: (() => void) | null = null;

  constructor(engine: StoreEngine, reply: Reply, bounds: RequestBounds) {
    this.#engine = engine;
    this.#reply = reply;
    this.#mostBytes = bounds.queueBytes;
    this.#mostPending = bounds.maxPending;
    this.#all = new InFlight(bounds.requestTimeoutMs + GRACE_MS, () => this.#expire());
  }

  /** Those that are not answered; and since the start, how many were answered so. */
  get counts(): { pending: number; unknown: number; unavailable: number } {
    return { pending: this.#pending, unknown: this.#unknown, unavailable: this.#unavailable };
  }

  /** Resolves when all are answered. */
  idle(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  ask(record: SharedRecord): void {
    if (record.handle === 0 && this.#pending >= this.#mostPending) return;
    const bytes = record.first.length + record.second.length;
    const version = this.#version();
    const pending: Pending = { record, version, bytes, status: null, reply: NO_BYTES };
    this.#pending += 1;
    this.#bytes += bytes;
    this.#all.add(pending);
    this.#enqueue(pending);
    if (this.#bytes > this.#mostBytes && this.#pending > 1) {
      this.#settle(pending, STATUS_LIMIT, NO_BYTES);
      return;
    }
    this.#perform(record, version).then(
      (reply) =>
        this.#settle(pending, reply === null ? STATUS_ABSENT : STATUS_OK, reply ?? NO_BYTES),
      (error: unknown) => this.#fail(pending, error),
    );
  }

  /** @returns the bytes of the reply, or null for ABSENT */
  async #perform(record: SharedRecord, version: Uint8Array): Promise<Uint8Array | null> {
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

  // Whoever asked can look: with this version it has happened.
  #fail(pending: Pending, error: unknown): void {
    const status = error instanceof EngineError ? error.status : STATUS_UNKNOWN;
    const { op } = pending.record;
    const told = status === STATUS_UNKNOWN && (op === OP_PUT || op === OP_ADD);
    this.#settle(pending, status, told ? pending.version : NO_BYTES);
  }

  #expire(): void {
    for (let late = this.#all.overdue(); late !== undefined; late = this.#all.overdue()) {
      const status = late.record.op === OP_GET ? STATUS_UNAVAILABLE : STATUS_UNKNOWN;
      this.#fail(late, new EngineError(status, 'the engine does not answer'));
    }
  }

  #settle(pending: Pending, status: number, reply: Uint8Array): void {
    if (pending.status !== null) return;
    pending.status = status;
    pending.reply = reply;
    if (status === STATUS_UNKNOWN) this.#unknown += 1;
    if (status === STATUS_UNAVAILABLE) this.#unavailable += 1;
    this.#pending -= 1;
    this.#bytes -= pending.bytes;
    this.#answer(pending);
    while (this.#all.oldest !== undefined && this.#all.oldest.status !== null) this.#all.shift();
    if (this.#pending > 0 || this.#whenIdle === null) return;
    this.#whenIdle();
    this.#whenIdle = null;
  }

  // Nobody waits for what handle 0 asks.
  #enqueue(pending: Pending): void {
    if (pending.record.handle === 0) return;
    const name = connectionOf(pending.record);
    const queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, [pending]);
    else queue.push(pending);
  }

  #answer({ record }: Pending): void {
    const name = connectionOf(record);
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    let answered = 0;
    for (const { record: next, status, reply } of queue) {
      if (status === null) break;
      this.#reply(next.seat, next.handle, next.tag, status, reply);
      answered += 1;
    }
    if (answered === queue.length) this.#queues.delete(name);
    else queue.splice(0, answered);
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

const connectionOf = ({ seat, handle }: SharedRecord): number => seat * 2 ** 32 + (handle >>> 0);

function joined(version: Uint8Array, value: Uint8Array): Uint8Array {
  const whole = new Uint8Array(VERSION_BYTES + value.length);
  whole.set(version);
  whole.set(value, VERSION_BYTES);
  return whole;
}
