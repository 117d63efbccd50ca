// Own loop: drives a reactor in a thread that is there for it. One epoll_wait, on the reactor's set, stands
// for the reactor's and the event loop's own; a message then costs no round of the event loop. In a thread
// that has other work, shared-loop.ts does it. It decides nothing about connections.

import type { Backend } from '../kernel/contract.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { LOOP } from '../reactor/turn.ts';
import type { LoopDriver } from './loop-driver.ts';
import * as LoopDrivers from './loop-driver.ts';

// V8 inlines a module's own constants, but reloads imported ones at each use.
const { LONGEST_WAIT_MS } = LoopDrivers;

export class OwnLoop implements LoopDriver {
  readonly #reactor: Reactor;
  readonly #turned: () => void;
  readonly #backend: Backend;
  #closed = false;
  #due = false;

  constructor(native: Native, reactor: Reactor, turned: () => void) {
    this.#reactor = reactor;
    this.#turned = turned;
    this.#backend = new native.Backend(() => this.#serve());
    const { EPOLLIN } = native.constants;
    const result = reactor.epoll.add(this.#backend.fd, EPOLLIN, LOOP, 0);
    if (result >= 0) return;
    this.#backend.close();
    throw native.systemError('epoll_ctl', result);
  }

  // The event loop would wait now. What it waits for does not change in here: whoever gives it
  // something to do has to yield.
  #serve(): void {
    const timeout = this.#backend.timeout();
    const until = timeout < 0 ? Infinity : monotonicMs() + timeout;
    this.#due = timeout === 0;
    do {
      const ms = this.#patience(until);
      if (this.#reactor.serve(ms) || ms === 0) this.#due = true;
      this.#turned();
    } while (!this.#due && !this.#closed);
  }

  // Once `until` has come it is the event loop's turn, and once a deadline has come the reactor's.
  #patience(until: number): number {
    const reactor = this.#reactor;
    if (reactor.ready || this.#due) return 0;
    const end = Math.min(until, reactor.deadline);
    if (end === Infinity) return -1;
    return Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(end - monotonicMs())));
  }

  schedule(): void {
    this.#turned();
  }

  yield(): void {
    this.#due = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.epoll.remove(this.#backend.fd);
    this.#backend.close();
  }
}
