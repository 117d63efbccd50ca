// Worker observer: passes on what happens in a worker's reactor to whoever has started the worker, as
// messages. It sends only what somebody listens to.

import { messageOf } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Refused } from '../listen/peer/refusals.ts';
import type { Policy } from '../policy.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Ending, Failure, Observer } from '../reactor/observer.ts';
import { interestsOf } from './engine.ts';
import type { FromWorker } from './messages.ts';

export class WorkerObserver implements Observer {
  open: Observer['open'] = null;
  close: Observer['close'] = null;
  data: Observer['data'] = null;
  readonly #tell: (message: FromWorker) => void;
  readonly #interests: () => number;
  readonly #lines: RateLimit;

  /** @param interests what is listened to, as `bitsOf` has it */
  constructor(tell: (message: FromWorker) => void, policy: Policy, interests: () => number) {
    this.#tell = tell;
    this.#interests = interests;
    this.#lines = new RateLimit(policy.logLinesPerSecond, monotonicMs);
  }

  /** Looks again what is listened to. */
  observe(): void {
    const interests = interestsOf(this.#interests());
    const tell = this.#tell;
    this.open = interests.open ? (id, address) => tell({ kind: 'open', id, address }) : null;
    this.close = interests.close ? (ending) => tell({ kind: 'close', ending }) : null;
    this.data = interests.data ? (id, bytes) => tell({ kind: 'data', id, bytes }) : null;
  }

  fault(ending: Ending): boolean {
    if (!this.#lines.admit()) return false;
    this.#tell({ kind: 'fault', ending });
    return true;
  }

  restart(failure: Failure): void {
    this.#tell({ kind: 'restart', failure });
  }

  failure(error: unknown): void {
    this.#tell({ kind: 'failure', message: messageOf(error) });
  }

  refused(refused: Refused): void {
    this.#tell({ kind: 'keptOut', refused });
  }

  log(level: number, text: string): boolean {
    if (!this.#lines.admit()) return false;
    this.#tell({ kind: 'log', level, text });
    return true;
  }
}
