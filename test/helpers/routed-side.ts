// A process as far as engines are concerned: topics and keys of the twin, one worker's seat, the program's own
// seat, and a router that it gives all records to.

import type { ExecutionContext } from 'ava';
import type { BusEngine, StoreEngine } from '../../host/engines/contract.ts';
import { Router } from '../../host/engines/router.ts';
import { OWN_SEAT } from '../../host/shared/seats.ts';
import { OwnSide } from './own-side.ts';
import type { Asking, Event, Reply } from './shared-seats.ts';

export interface RoutedOptions {
  readonly store?: StoreEngine;
  readonly bus?: BusEngine;
  readonly requestTimeoutMs?: number;
  readonly queueBytes?: number;
  readonly maxPending?: number;
}

export class RoutedSide {
  readonly side = new OwnSide();
  readonly router: Router;
  /** What was taken for the worker so far, in order. */
  readonly taken: Event[] = [];

  constructor(t: ExecutionContext, options: RoutedOptions) {
    const { store, bus, requestTimeoutMs = 60_000, queueBytes = 1 << 24 } = options;
    const { maxPending = 1000 } = options;
    const { twin, member } = this.side;
    this.router = new Router(
      store === undefined ? null : { name: 'store', engine: store },
      bus === undefined ? null : { name: 'bus', engine: bus },
      (...reply) => twin.reply(...reply),
      member,
      { requestTimeoutMs, queueBytes, maxPending },
    );
    member.route((record) => this.router.record(record));
    if (store !== undefined) twin.routeStore(OWN_SEAT);
    if (bus !== undefined) twin.routePublishes(OWN_SEAT);
    t.teardown(() => this.router.close());
  }

  /** What a guest's callback asks for. */
  commit(...askings: Asking[]): void {
    this.side.worker.commit(askings);
    this.side.settle();
  }

  take(): Event[] {
    this.taken.push(...this.side.worker.takeAll());
    return this.taken;
  }

  /** Turns the event loop until what was taken is as the test wants it. */
  async until(enough: (taken: Event[]) => boolean): Promise<void> {
    while (!enough(this.take())) await new Promise((resolve) => setImmediate(resolve));
  }

  async replies(count: number): Promise<Reply[]> {
    const all = (): Reply[] =>
      this.taken.flatMap((event) => (event.kind === 'replies' ? event.replies : []));
    await this.until(() => all().length >= count);
    return all();
  }
}
