// Shared loop: has this thread's event loop call the reactor: when its epoll is readable, when its next
// deadline comes, and again at once while work is left. It costs a round of the event loop for each wake;
// own-loop.ts costs none, but needs the thread for itself. It decides nothing about connections.

import type { Watcher } from '../kernel/contract.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { LONGEST_WAIT_MS, type LoopDriver } from './loop-driver.ts';

export class SharedLoop implements LoopDriver {
  readonly #reactor: Reactor;
  readonly #turned: () => void;
  readonly #watcher: Watcher;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #immediate: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(native: Native, reactor: Reactor, turned: () => void) {
    this.#reactor = reactor;
    this.#turned = turned;
    this.#watcher = new native.Watcher(reactor.epoll.fd, () => this.#turn());
  }

  #turn(): void {
    this.#reactor.turn();
    this.schedule();
  }

  schedule(): void {
    this.#turned();
    if (this.#closed) return;
    if (this.#reactor.ready) {
      this.#immediate ??= setImmediate(() => {
        this.#immediate = undefined;
        this.#turn();
      });
    }
    const { deadline } = this.#reactor;
    // A timer that is early costs one turn; moving it for each message would cost more.
    if (deadline < this.#timerAt) this.#setTimer(deadline);
  }

  #setTimer(deadline: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    const delay = Math.max(1, Math.ceil(deadline - monotonicMs()));
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Infinity;
        this.#turn();
      },
      Math.min(LONGEST_WAIT_MS, delay),
    );
  }

  /** The event loop has its turn after each of the reactor's anyway. */
  yield(): void {}

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#watcher.close();
  }
}
