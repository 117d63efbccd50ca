// Program: the test's own side of topics and keys, beside the guest's: what a server offers the program that
// embeds it, over the twin. It does not know the guest, nor who has to make a turn.

import type { Policy } from '../policy.ts';
import type { SharedSeat } from '../shared/contract.ts';
import { countsOf, type SharedCounts } from '../shared/counts.ts';
import { Member } from '../shared/member/member.ts';
import type { Store } from '../shared/member/requests.ts';
import { OWN_SEAT } from '../shared/seats.ts';
import { Twin } from '../shared/twin.ts';
import { type Engines, type EnginesStats, Outside } from './outside/outside.ts';
import { VirtualTimers } from './outside/timers.ts';

const GUESTS_SEAT = OWN_SEAT + 1;
// Stands for an eventfd: `wake` is called in its place.
const RUNG = 0;

export type { EnginesStats } from './outside/outside.ts';

export interface ProgramObserver {
  /** Something waits for the guest's seat. */
  wake(): void;
  /** Whatever waits is to be served. */
  settle(): void;
}

export class Program {
  /** Topics of subscriptions that have missed messages. */
  readonly missed: string[] = [];
  readonly store: Store;
  /** The guest's. */
  readonly seat: SharedSeat;
  readonly #shared: Twin;
  readonly #member: Member;
  readonly #observer: ProgramObserver;
  readonly #timers: VirtualTimers;
  readonly #outside: Outside;
  #due = false;
  /** What handlers have thrown in this turn. */
  #thrown: unknown[] = [];

  constructor(
    policy: Policy,
    now: () => number,
    observer: ProgramObserver,
    engines: Engines,
    harness: object,
  ) {
    this.#observer = observer;
    this.#timers = new VirtualTimers(now);
    this.#shared = new Twin(policy, (seat) => {
      if (seat === OWN_SEAT) this.#due = true;
      else observer.wake();
    });
    this.#shared.open(OWN_SEAT, RUNG);
    this.#shared.open(GUESTS_SEAT, RUNG);
    this.seat = this.#shared.seat(GUESTS_SEAT);
    const own = {
      missed: ({ topic }: { topic: string }) => void this.missed.push(topic),
      failed: (error: unknown) => void this.#thrown.push(error),
      wake: () => {
        this.#due = true;
      },
    };
    this.#member = new Member(this.#shared, policy, own, now);
    const ground = { harness, timers: this.#timers, settle: () => observer.settle() };
    this.#outside = new Outside(engines, policy, ground, this.#shared, this.#member);
    const { store } = this.#member;
    this.store = {
      get: (...args) => this.#settled(store.get(...args)),
      put: (...args) => this.#settled(store.put(...args)),
      delete: (...args) => this.#settled(store.delete(...args)),
      add: (...args) => this.#settled(store.add(...args)),
    };
  }

  get engines(): EnginesStats {
    return this.#outside.stats;
  }

  /** Something can be taken at once. */
  get waits(): boolean {
    return this.#due || this.#timers.waits;
  }

  /** When something is due though nothing comes; Infinity if nothing is. */
  get deadline(): number {
    return this.#timers.deadline;
  }

  #settled<Answer>(answer: Answer): Answer {
    this.#observer.settle();
    return answer;
  }

  get counts(): SharedCounts {
    return countsOf(this.#shared);
  }

  subscribe(...args: Parameters<Member['subscribe']>): () => void {
    return this.#settled(this.#member.subscribe(...args));
  }

  publish(...args: Parameters<Member['publish']>): void {
    this.#settled(this.#member.publish(...args));
  }

  /** @param open whether the guest's connection is there */
  send(open: boolean, handle: number, topic: string, data: string | Uint8Array): boolean {
    const place = open ? { seat: GUESTS_SEAT, handle } : null;
    return this.#settled(this.#member.send(place, topic, data));
  }

  /**
   * Takes what waits.
   * @returns true when there was something
   * @throws what a handler has thrown
   */
  turn(): boolean {
    const timed = this.#timers.turn();
    if (!this.#due) return timed;
    this.#due = this.#member.turn();
    const [thrown] = this.#thrown.splice(0);
    if (thrown !== undefined) throw thrown;
    return true;
  }
}
