// Loop: drives a reactor in a thread that is there for it. One epoll_wait, on the reactor's set, stands
// for the reactor's and the event loop's own; a message costs no round of the loop then. In a thread
// that has other work as well driver.ts does it. It decides nothing about connections.

import type { Drive } from './driver.ts';
import type { Backend } from './kernel.ts';
import { monotonicMs } from './monotonic.ts';
import type { Native } from './native.ts';
import { LOOP, type Reactor } from './reactor.ts';

// What epoll_wait takes; a later deadline is looked at again then.
const LONGEST_MS = 2 ** 31 - 1;

export class Loop implements Drive {
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

  // The event loop would wait now. It goes on when it has something to do.
  #serve(): void {
    this.#due = false;
    while (!this.#due && !this.#closed) {
      const ms = this.#patience();
      if (this.#reactor.serve(ms) || ms === 0) this.#due = true;
      this.#turned();
    }
  }

  #patience(): number {
    const reactor = this.#reactor;
    const timeout = this.#backend.timeout();
    if (timeout === 0 || reactor.ready) return 0;
    const { deadline } = reactor;
    if (deadline === Infinity) return timeout;
    const ms = Math.min(LONGEST_MS, Math.max(1, Math.ceil(deadline - monotonicMs())));
    return timeout < 0 ? ms : Math.min(timeout, ms);
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
