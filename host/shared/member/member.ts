// Member: a program's own side of shared state, as one more seat: it subscribes, publishes, sends to one
// connection, and asks the store. It decides what a turn takes; who calls `turn`, and when, it does not know.

import { STATUS_LIMIT } from '../../../assembly/abi.ts';
import { WasmpollError } from '../../errors.ts';
import type { Shared, SharedSeat } from '../contract.ts';
import {
  COMMITTED_OWN,
  COMMITTED_REFUSED,
  FLAG_INBOUND,
  FLAG_PATTERN,
  FLAG_RETAIN,
  OP_DIRECT,
  OP_GAP,
  OP_JOIN,
  OP_PUBLISH,
} from '../records.ts';
import { OWN_SEAT, type Receiver } from '../seats.ts';
import { toBytes, toFilter, toTopic, toTtl } from './arguments.ts';
import { type Draft, recordBytes, writeRecord } from './drafts.ts';
import { Intake, type Router } from './intake.ts';
import { Requests, type StoreBounds } from './requests.ts';
import {
  type MessageHandler,
  REQUESTS_HANDLE,
  type SubscriptionObserver,
  Subscriptions,
} from './subscriptions.ts';

export type { Store } from './requests.ts';
export type { MessageHandler, SubscriptionObserver } from './subscriptions.ts';

export interface MemberBounds extends StoreBounds {
  readonly maxTopicBytes: number;
  readonly maxMessageBytes: number;
}

/** Whether a message is kept for those who join later, and for how long. */
export interface Retention {
  retain?: boolean;
  ttlMs?: number;
}

export interface MemberObserver extends SubscriptionObserver {
  /** Something waits: `turn` is to be called. */
  wake(): void;
}

export class Member {
  readonly store: Requests;
  readonly #shared: Shared;
  readonly #seat: SharedSeat;
  readonly #bounds: MemberBounds;
  readonly #observer: MemberObserver;
  readonly #now: () => number;
  readonly #log: Uint8Array;
  readonly #subscriptions: Subscriptions;
  readonly #intake: Intake;
  #closed = false;

  /** @param shared in which OWN_SEAT is open */
  constructor(shared: Shared, bounds: MemberBounds, observer: MemberObserver, now: () => number) {
    this.#shared = shared;
    this.#bounds = bounds;
    this.#observer = observer;
    this.#now = now;
    const message = recordBytes(bounds.maxTopicBytes, bounds.maxMessageBytes);
    const longest = Math.max(message, recordBytes(bounds.maxKeyBytes, bounds.maxValueBytes));
    this.#log = new Uint8Array(longest);
    this.store = new Requests(bounds, (record) => this.#ask(record));
    this.#subscriptions = new Subscriptions(observer);
    this.#seat = shared.seat(OWN_SEAT);
    const to = { subscriptions: this.#subscriptions, requests: this.store };
    this.#intake = new Intake(this.#seat, longest, to, now);
    this.#seat.bind(this.#log, this.#intake.block);
  }

  /**
   * Has the handler called with each message that is published to the topic from now on, and with those that
   * are retained.
   * @param options `pattern`: the topic has `+` and `#`
   * @returns stops it; no call comes afterwards
   * @throws WasmpollError ERR_OPTION, ERR_LIMIT when groupBytes leaves no room, ERR_CLOSED
   */
  subscribe(
    topic: string,
    handler: MessageHandler,
    { pattern = false }: { pattern?: boolean } = {},
  ): () => void {
    this.#refuseWhenClosed('subscribe');
    const first = toFilter('subscribe', topic, pattern, this.#bounds.maxTopicBytes);
    if (typeof handler !== 'function') {
      const why = `the handler must be a function, got ${typeof handler}`;
      throw new WasmpollError('ERR_OPTION', `subscribe: ${why}`);
    }
    const handle = this.#subscriptions.nextHandle();
    const length = writeRecord(this.#log, {
      op: OP_JOIN,
      handle,
      flags: pattern ? FLAG_PATTERN : 0,
      first,
    });
    this.#refuseOverBound('subscribe');
    this.#subscriptions.set(handle, { topic, pattern, handler });
    this.#commit(length);
    return () => {
      if (this.#subscriptions.delete(handle) && !this.#closed) this.#seat.leaveAll(handle);
    };
  }

  /**
   * Gives the message to all who have joined the topic, guests' connections and subscriptions alike.
   * @param options `retain`: it is kept, for those who join later; with no data the one that was kept is
   *   deleted. `ttlMs`: milliseconds after which it is no longer kept; 0, the default, is never
   * @throws WasmpollError ERR_OPTION, ERR_LIMIT when groupBytes leaves no room to retain it, ERR_CLOSED
   */
  publish(
    topic: string,
    data: string | Uint8Array,
    { retain = false, ttlMs }: Retention = {},
  ): void {
    this.#refuseWhenClosed('publish');
    const { maxTopicBytes } = this.#bounds;
    const first = toTopic('publish', topic, maxTopicBytes);
    const second = this.#data('publish', data);
    const kept = { flags: retain ? FLAG_RETAIN : 0, ttlMs: toTtl('publish', ttlMs) };
    const length = writeRecord(this.#log, { op: OP_PUBLISH, ...kept, first, second });
    if (retain) this.#refuseOverBound('publish');
    this.#commit(length);
  }

  /**
   * Gives the message to one connection.
   * @param receiver null when it is gone
   * @returns whether it is on its way: false when the connection is gone, or too much waits for its worker
   * @throws WasmpollError ERR_OPTION, ERR_CLOSED
   */
  send(receiver: Receiver | null, topic: string, data: string | Uint8Array): boolean {
    this.#refuseWhenClosed('send');
    const first = toTopic('send', topic, this.#bounds.maxTopicBytes);
    const second = this.#data('send', data);
    if (receiver === null) return false;
    const length = writeRecord(this.#log, { op: OP_DIRECT, ...receiver, first, second });
    return (this.#commit(length) & COMMITTED_REFUSED) === 0;
  }

  /**
   * A message that another process has published, for the members in this one.
   * @param retain it is kept, as for `publish`; when there is no room it is only delivered
   * @param ttlMs for so long; 0 is for ever
   * @returns false when it breaks a bound of this process
   */
  inbound(topic: Uint8Array, data: Uint8Array, retain: boolean, ttlMs: number): boolean {
    const { maxTopicBytes, maxMessageBytes } = this.#bounds;
    if (this.#closed || topic.length > maxTopicBytes || data.length > maxMessageBytes) return false;
    const record = { op: OP_PUBLISH, first: topic, second: data, ttlMs };
    let length = writeRecord(this.#log, { ...record, flags: FLAG_INBOUND | FLAG_RETAIN });
    if (!retain || this.#seat.check(0, 0) === STATUS_LIMIT) {
      length = writeRecord(this.#log, { ...record, flags: FLAG_INBOUND });
    }
    this.#commit(length);
    return true;
  }

  /** Messages from elsewhere may have been lost: all members of all seats are told. */
  gap(): void {
    if (!this.#closed) this.#commit(writeRecord(this.#log, { op: OP_GAP }));
  }

  /** Who is given the records that are routed to OWN_SEAT from now on. */
  route(router: Router): void {
    this.#intake.router = router;
  }

  /** Takes what waits: so much that the event loop need not wait long. @returns true when more may wait */
  turn(): boolean {
    return this.#intake.turn();
  }

  #ask(draft: Draft): boolean {
    const length = writeRecord(this.#log, { ...draft, handle: REQUESTS_HANDLE });
    if (this.#seat.check(0, 0) === STATUS_LIMIT) return false;
    this.#commit(length);
    return true;
  }

  #commit(length: number): number {
    const committed = this.#seat.commit(length, this.#now());
    if ((committed & COMMITTED_OWN) !== 0) this.#observer.wake();
    return committed;
  }

  #data(method: string, data: unknown): Uint8Array {
    return toBytes(method, 'the data', data, this.#bounds.maxMessageBytes, 'maxMessageBytes');
  }

  #refuseWhenClosed(method: string): void {
    if (this.#closed) throw new WasmpollError('ERR_CLOSED', `${method}: the server is closed`);
  }

  #refuseOverBound(method: string): void {
    if (this.#seat.check(0, 0) !== STATUS_LIMIT) return;
    throw new WasmpollError('ERR_LIMIT', `${method}: there is no room left (groupBytes)`);
  }

  /** Leaves: no handler is called any more, and requests that wait are rejected. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#intake.close();
    this.#subscriptions.clear();
    this.store.close();
    this.#shared.close(OWN_SEAT);
  }
}
