// Requests: hands what connections ask of the store to an engine, and answers each once, in the order in
// which its connection asked. It knows no engine in particular.

import { STATUS_LIMIT, STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../../assembly/abi.ts';
import type { SharedRecord } from '../shared/member/drafts.ts';
import { OP_ADD, OP_GET, OP_PUT } from '../shared/records.ts';
import { NO_BYTES, type Performer } from './contract.ts';
import { Fifo } from './fifo.ts';
import { InFlight } from './in-flight.ts';
import { SLICE } from './slices.ts';
import type { Timers } from './timers.ts';

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

/** An engine settles in the time it was given. This one is for an engine that does not. */
const GRACE_MS = 500;

interface Pending {
  readonly record: SharedRecord;
  version: Uint8Array;
  readonly bytes: number;
  status: number | null;
  reply: Uint8Array;
}

export class Requests {
  readonly #store: Performer;
  readonly #reply: Reply;
  readonly #mostBytes: number;
  readonly #mostPending: number;
  /** What each connection has asked for, oldest first. */
  readonly #queues = new Map<number, Fifo<Pending>>();
  readonly #all: InFlight<Pending>;
  #pending = 0;
  #bytes = 0;
  #unknown = 0;
  #unavailable = 0;
  #whenIdle: (() => void)[] = [];

  constructor(store: Performer, reply: Reply, bounds: RequestBounds, timers: Timers) {
    this.#store = store;
    this.#reply = reply;
    this.#mostBytes = bounds.queueBytes;
    this.#mostPending = bounds.maxPending;
    const limitMs = bounds.requestTimeoutMs + GRACE_MS;
    this.#all = new InFlight(limitMs, () => this.#expire(), timers);
  }

  /** Those that are not answered; and since the start, how many were answered so. */
  get counts(): { pending: number; unknown: number; unavailable: number } {
    return { pending: this.#pending, unknown: this.#unknown, unavailable: this.#unavailable };
  }

  /** Resolves when all are answered. */
  idle(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  ask(record: SharedRecord): void {
    if (record.handle === 0 && this.#pending >= this.#mostPending) return;
    const bytes = record.first.length + record.second.length;
    const pending: Pending = { record, version: NO_BYTES, bytes, status: null, reply: NO_BYTES };
    this.#pending += 1;
    this.#bytes += bytes;
    this.#all.add(pending);
    this.#enqueue(pending);
    if (this.#bytes > this.#mostBytes && this.#pending > 1) {
      this.#settle(pending, STATUS_LIMIT, NO_BYTES);
      return;
    }
    pending.version = this.#store.perform(record, (how, bytes) =>
      this.#settle(pending, how, bytes),
    );
  }

  // It is called again for the rest.
  #expire(): void {
    for (let left = SLICE; left > 0; left -= 1) {
      const late = this.#all.overdue();
      if (late === undefined) return;
      const status = late.record.op === OP_GET ? STATUS_UNAVAILABLE : STATUS_UNKNOWN;
      this.#settle(late, status, NO_BYTES);
    }
  }

  #settle(pending: Pending, status: number, reply: Uint8Array): void {
    if (pending.status !== null) return;
    pending.status = status;
    pending.reply = status === STATUS_UNKNOWN ? doubtOf(pending) : reply;
    if (status === STATUS_UNKNOWN) this.#unknown += 1;
    if (status === STATUS_UNAVAILABLE) this.#unavailable += 1;
    this.#pending -= 1;
    this.#bytes -= pending.bytes;
    this.#answer(pending);
    while (this.#all.oldest !== undefined && this.#all.oldest.status !== null) this.#all.shift();
    if (this.#pending > 0) return;
    for (const tell of this.#whenIdle.splice(0)) tell();
  }

  // Nobody waits for what handle 0 asks.
  #enqueue(pending: Pending): void {
    if (pending.record.handle === 0) return;
    const name = connectionOf(pending.record);
    const queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, new Fifo(pending));
    else queue.push(pending);
  }

  #answer({ record }: Pending): void {
    const name = connectionOf(record);
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    for (let oldest = queue.oldest; oldest !== undefined; oldest = queue.oldest) {
      const { record: next, status, reply } = oldest;
      if (status === null) return;
      this.#reply(next.seat, next.handle, next.tag, status, reply);
      queue.shift();
    }
    this.#queues.delete(name);
  }
}

const connectionOf = ({ seat, handle }: SharedRecord): number => seat * 2 ** 32 + (handle >>> 0);

// Whoever asked can look: with this version it has happened.
function doubtOf({ record: { op }, version }: Pending): Uint8Array {
  return op === OP_PUT || op === OP_ADD ? version : NO_BYTES;
}
