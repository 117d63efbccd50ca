// Local: one reactor in the thread of the server itself, `workers: 0`. A guest that does not return
// stops that thread; nobody is there to notice.

import { REASON_SHUTDOWN } from '../assembly/abi.ts';
import { Driver } from './driver.ts';
import type { Engine, EngineObserver, Interests, ServerStats } from './engine.ts';
import { WasmpollError } from './errors.ts';
import type { GuestModule } from './module.ts';
import { monotonicMs } from './monotonic.ts';
import type { Native } from './native.ts';
import type { Policy } from './policy.ts';
import { type Observer, Reactor } from './reactor.ts';

export class Local implements Engine {
  readonly #reactor: Reactor;
  readonly #driver: Driver;
  readonly #engineObserver: EngineObserver;
  readonly #observer: Observer;
  #ending = false;

  /** @throws WasmpollError ERR_GUEST when the guest does not start */
  constructor(native: Native, module: GuestModule, policy: Policy, observer: EngineObserver) {
    this.#engineObserver = observer;
    this.#observer = {
      open: null,
      close: null,
      data: null,
      restart: (why) => observer.restart(why),
      failure: (error) => observer.failure(error),
      log: (level, text) => observer.log(level, text),
    };
    this.#reactor = new Reactor({
      kernel: native,
      module,
      policy,
      observer: this.#observer,
      now: monotonicMs,
      buffer: SharedArrayBuffer,
    });
    try {
      this.#driver = new Driver(native, this.#reactor, () => this.#turned());
    } catch (error) {
      this.#reactor.close();
      throw error;
    }
  }

  #turned(): void {
    if (!this.#ending || this.#reactor.connections > 0) return;
    this.#ending = false;
    this.#engineObserver.quiet();
  }

  accept(fd: number): void {
    this.#reactor.open(fd);
    this.#driver.schedule();
  }

  observe(interests: Interests): void {
    const engine = this.#engineObserver;
    this.#observer.open = interests.open ? (id, address) => engine.open(id, address) : null;
    this.#observer.close = interests.close ? (id, reason) => engine.close(id, reason) : null;
    this.#observer.data = interests.data ? (id, bytes) => engine.data(id, bytes) : null;
  }

  snapshot(): ServerStats {
    return { ...this.#reactor.snapshot(), workers: { total: 0, ready: 0, restarts: 0 } };
  }

  async swap(module: GuestModule, drain: boolean): Promise<void> {
    if (drain) {
      throw new WasmpollError(
        'ERR_OPTION',
        'swap: drain needs workers, and workers is 0: one thread cannot hold two guests',
      );
    }
    this.#reactor.swap(module);
    this.#driver.schedule();
  }

  drain(): void {
    this.#ending = true;
    this.#reactor.drain();
    this.#driver.schedule();
  }

  abort(): void {
    this.#ending = true;
    this.#reactor.abort(REASON_SHUTDOWN);
    this.#driver.schedule();
  }

  async close(): Promise<void> {
    this.#driver.close();
    this.#reactor.close();
  }
}
