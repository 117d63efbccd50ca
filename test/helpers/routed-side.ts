// A process as far as engines are concerned: topics and keys of the twin, one worker's seat, the program's own
// seat, and a router that it gives all records to.

import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import type { BusEngine, Performer, StoreEngine } from '../../host/engines/contract.ts';
import { PROCESS_BYTES } from '../../host/engines/frame.ts';
import { Operations } from '../../host/engines/operations.ts';
import { Router } from '../../host/engines/router.ts';
import { loopTimers } from '../../host/engines/timers.ts';
import { OwnSide } from './own-side.ts';
import type { Asking, Event, Reply } from './shared-seats.ts';

export interface RoutedOptions {
  readonly store?: StoreEngine;
  /** In place of `store`. */
  readonly performer?: Performer;
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
    const {
      store,
      performer = store && new Operations(store),
      bus,
      requestTimeoutMs = 60_000,
      queueBytes = 1 << 24,
    } = options;
    const { maxPending = 1000 } = options;
    const { twin, member } = this.side;
    this.router = new Router({
      store: performer === undefined ? null : { name: 'store', engine: performer },
      bus: bus === undefined ? null : { name: 'bus', engine: bus },
      shared: twin,
      own: member,
      bounds: { requestTimeoutMs, queueBytes, maxPending },
      process: randomBytes(PROCESS_BYTES),
      timers: loopTimers,
    });
    t.teardown(async () => void (await this.router.close(60_000)));
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
