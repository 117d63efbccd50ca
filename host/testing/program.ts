// Program: the test's own side of topics and keys, beside the guest's: what a server offers the program that
// embeds it, over the twin. It does not know the guest, nor who has to make a turn.

import type { Policy } from '../policy.ts';
import type { SharedSeat } from '../shared/contract.ts';
import { countsOf, type SharedCounts } from '../shared/counts.ts';
import { Member } from '../shared/member/member.ts';
import type { Store } from '../shared/member/requests.ts';
import { OWN_SEAT } from '../shared/seats.ts';
import { Twin } from '../shared/twin.ts';

const GUESTS_SEAT = OWN_SEAT + 1;
// Stands for an eventfd: `wake` is called in its place.
const RUNG = 0;

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
  #due = false;
  /** What handlers have thrown in this turn. */
  #thrown: unknown[] = [];

  constructor(policy: Policy, now: () => number, observer: ProgramObserver) {
    this.#observer = observer;
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
    const { store } = this.#member;
    this.store = {
      get: (...args) => this.#settled(store.get(...args)),
      put: (...args) => this.#settled(store.put(...args)),
      delete: (...args) => this.#settled(store.delete(...args)),
      add: (...args) => this.#settled(store.add(...args)),
    };
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
    if (!this.#due) return false;
    this.#due = this.#member.turn();
    const [thrown] = this.#thrown.splice(0);
    if (thrown !== undefined) throw thrown;
    return true;
  }
}
