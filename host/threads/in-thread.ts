// In-thread: one reactor in the thread of the server itself, `workers: 0`. A guest that does not return
// stops that thread; nothing can stop the guest.

import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { WasmpollError } from '../errors.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import { type Observer, Reactor } from '../reactor/reactor.ts';
import type { Engine, EngineObserver, Interests, ServerStats } from './engine.ts';
import type { LoopDriver, LoopDriverClass } from './loop-driver.ts';

const LOOK_EACH_MS = 1;

export class InThread implements Engine {
  readonly #native: Native;
  readonly #reactor: Reactor;
  readonly #driver: LoopDriver | undefined;
  readonly #engineObserver: EngineObserver;
  readonly #observer: Observer;
  #ending = false;
  #most = Infinity;
  #lookedAt = -Infinity;
  #refused = 0;

  /** @throws WasmpollError ERR_GUEST when the guest does not start */
  constructor(
    native: Native,
    module: GuestModule,
    policy: Policy,
    listeners: readonly string[],
    observer: EngineObserver,
    Driver: LoopDriverClass,
  ) {
    this.#native = native;
    this.#engineObserver = observer;
    this.#observer = {
      open: null,
      close: null,
      data: null,
      restart: this.#told((why) => observer.restart(why)),
      failure: this.#told((error) => observer.failure(error)),
      overlong: this.#told((id) => observer.overlong(id)),
      log: this.#told((level, text) => observer.log(level, text)),
    };
    this.#reactor = new Reactor({
      kernel: native,
      module,
      policy,
      listeners,
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
    // What the guest does by the clock needs no connection.
    this.#driver.schedule();
  }

  // Whoever is told may have promises to keep.
  #told<Values extends unknown[], Answer>(
    tell: (...values: Values) => Answer,
  ): (...values: Values) => Answer {
    return (...values) => {
      this.#driver?.yield();
      return tell(...values);
    };
  }

  #turned(): void {
    if (!this.#ending || this.#load > 0) return;
    this.#ending = false;
    this.#driver?.yield();
    this.#engineObserver.quiet();
  }

  get #load(): number {
    return this.#reactor.connections + this.#reactor.waiting;
  }

  admit(most: number): void {
    this.#most = most;
  }

  // Clients that have gone may not have been seen yet. Once a moment: this may be a flood.
  #look(): void {
    const now = monotonicMs();
    if (now - this.#lookedAt < LOOK_EACH_MS) return;
    this.#lookedAt = now;
    this.#reactor.turn();
    this.#driver!.schedule();
  }

  accept(fd: number, listener: number): void {
    if (this.#load >= this.#most) this.#look();
    if (this.#load >= this.#most) {
      this.#native.close(fd);
      this.#refused += 1;
      return;
    }
    this.#reactor.admit(fd, listener);
    this.#driver!.schedule();
  }

  observe(interests: Interests): void {
    const engine = this.#engineObserver;
    const { open, close, data } = interests;
    this.#observer.open = open ? this.#told((id, address) => engine.open(id, address)) : null;
    this.#observer.close = close ? this.#told((id, reason) => engine.close(id, reason)) : null;
    this.#observer.data = data ? this.#told((id, bytes) => engine.data(id, bytes)) : null;
  }

  snapshot(): ServerStats {
    const snapshot = this.#reactor.snapshot();
    snapshot.connections.refused += this.#refused;
    return { ...snapshot, workers: { total: 0, ready: 0, restarts: 0 } };
  }

  async swap(module: GuestModule, drain: boolean): Promise<void> {
    if (drain) {
      throw new WasmpollError(
        'ERR_OPTION',
        'swap: drain needs workers, and workers is 0: one thread cannot hold two guests',
      );
    }
    this.#reactor.swap(module);
    this.#driver!.schedule();
  }

  drain(): void {
    this.#ending = true;
    this.#reactor.drain();
    this.#driver!.schedule();
  }

  abort(): void {
    this.#ending = true;
    this.#reactor.abort(REASON_SHUTDOWN);
    this.#driver!.schedule();
  }

  async close(): Promise<void> {
    this.#driver!.close();
    this.#reactor.close();
  }
}
