// Own seat: the server's own side of topics and keys, made when it is first used. It decides when the event loop
// turns for it; what the program asks for is checked in shared/member.

import { WasmpollError } from '../errors.ts';
import { drainEventFd, makeEventFd } from '../kernel/event-fd.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Policy } from '../policy.ts';
import { countsOf, type SharedCounts } from '../shared/counts.ts';
import { Member, type Store, type SubscriptionObserver } from '../shared/member/member.ts';
import { OWN_SEAT } from '../shared/seats.ts';
import type { Common, ConnectionTable } from '../threads/engine.ts';
import type { EnginesStats, Outside, UpstreamsStats } from './outside.ts';
import { LiveUpstreams } from './status/live-upstreams.ts';

export type { SharedCounts } from '../shared/counts.ts';
export type { MessageHandler, Store } from '../shared/member/member.ts';
export type { EnginesStats, UpstreamsStats } from './outside.ts';

/** An eventfd, and the duplicate that the event loop watches. */
export const OWN_SEAT_DESCRIPTORS = 2;

/** Turns that may follow one another before the event loop has its own: a program may await in a loop. */
const TURNS = 256;

const closed = (): Error => new WasmpollError('ERR_CLOSED', 'the server is closed');
const refuse = (): Promise<never> => Promise.reject(closed());
/** The store of a server that was closed before anybody asked. */
const nothing: Store = { get: refuse, put: refuse, delete: refuse, add: refuse };

export class OwnSeat {
  readonly #native: Common['native'];
  readonly #shared: Common['shared'];
  readonly #policy: Policy;
  readonly #observer: SubscriptionObserver;
  readonly #outside: Outside;
  readonly #live = new LiveUpstreams();
  #member: Member | null = null;
  #watcher: InstanceType<Common['native']['Watcher']> | null = null;
  #next: NodeJS.Immediate | undefined;
  /** Something waits that no descriptor tells of. */
  #due = false;
  #left = TURNS;
  #closed = false;

  constructor(
    { native, shared }: Common,
    policy: Policy,
    observer: SubscriptionObserver,
    outside: Outside,
  ) {
    this.#native = native;
    this.#shared = shared;
    this.#policy = policy;
    this.#observer = observer;
    this.#outside = outside;
  }

  get counts(): SharedCounts {
    return countsOf(this.#shared);
  }

  /** Its methods reject when the server is closed. @throws a SystemError when there is no descriptor left */
  get store(): Store {
    return this.#closed && this.#member === null ? nothing : this.member.store;
  }

  /** See `Server.send`. @param find who has the id */
  send(
    id: number,
    find: (id: number) => Parameters<Member['send']>[0],
    topic: string,
    data: string | Uint8Array,
  ): boolean {
    if (!Number.isSafeInteger(id) || id < 0) {
      const why = `the connection must be an id from an 'open' event, got ${String(id)}`;
      throw new WasmpollError('ERR_OPTION', `send: ${why}`);
    }
    return this.member.send(find(id), topic, data);
  }

  get engines(): EnginesStats {
    return this.#outside.stats;
  }

  /** @param tables those of the connections that are open */
  upstreams(tables: () => readonly ConnectionTable[]): UpstreamsStats {
    return this.#live.add(this.#outside.upstreams, tables);
  }

  /** See `Outside.setUpstreams`. @throws WasmpollError ERR_CLOSED as well */
  setUpstreams(upstreams: Parameters<Outside['setUpstreams']>[0]) {
    if (this.#closed) throw closed();
    return this.#outside.setUpstreams(upstreams);
  }

  /** See `Outside.start`. */
  start(): Promise<void> {
    return this.#outside.start(this.#shared, () => this.member);
  }

  /** @throws WasmpollError ERR_CLOSED; a SystemError when there is no descriptor left */
  get member(): Member {
    if (this.#member !== null) return this.#member;
    if (this.#closed) throw closed();
    const fd = makeEventFd(this.#native);
    try {
      this.#watcher = new this.#native.Watcher(fd, () => this.#signalled(fd));
    } catch (error) {
      this.#native.close(fd);
      throw error;
    }
    // What keeps a server's process alive is that it listens.
    this.#watcher.unref();
    this.#shared.open(OWN_SEAT, fd);
    const observer = {
      missed: this.#observer.missed.bind(this.#observer),
      failed: this.#observer.failed.bind(this.#observer),
      wake: () => this.#wake(),
    };
    this.#member = new Member(this.#shared, this.#policy, observer, monotonicMs);
    return this.#member;
  }

  #signalled(fd: number): void {
    drainEventFd(this.#native, fd);
    if (this.#due) return;
    this.#due = true;
    this.#turn();
  }

  // What the program itself has asked for it may have in this turn of the event loop.
  #wake(): void {
    if (this.#due) return;
    this.#due = true;
    this.#arrange();
    this.#left -= 1;
    if (this.#left >= 0) queueMicrotask(() => this.#turn());
  }

  #turn(): void {
    if (!this.#due || this.#closed) return;
    // A logger may throw. The rest still waits, and no descriptor will tell of it.
    let more = true;
    try {
      more = this.#member!.turn();
    } finally {
      this.#due = more;
      if (more) this.#left = 0;
      if (more) this.#arrange();
    }
  }

  #arrange(): void {
    this.#next ??= setImmediate(() => {
      this.#next = undefined;
      this.#left = TURNS;
      this.#turn();
    });
  }

  /**
   * No handler is called any more, and what waits for an answer is rejected. Before that, what guests have
   * asked of an engine is answered. Idempotent.
   */
  async close(): Promise<void> {
    if (this.#outside.stats.store !== null) this.#takeAll();
    await this.#outside.close();
    // Answers to what the program itself has asked.
    if (this.#outside.stats.store !== null) this.#takeAll();
    this.#end();
  }

  /** As if the event loop had turned often enough. */
  #takeAll(): void {
    for (let turns = 0; turns < TURNS && this.#member?.turn() === true; turns += 1);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#next);
    this.#watcher?.close();
    this.#member?.close();
    this.#shared.release();
  }
}
