// Driver: has this thread's event loop call the reactor — when its epoll is readable, when its next
// deadline comes, and again at once while work is left. A guest of the thread, it costs a round of the
// loop for each wake; loop.ts costs none, and owns the thread. It decides nothing about connections.

import type { Watcher } from '../kernel/contract.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import type { Reactor } from '../reactor/reactor.ts';

// What setTimeout takes; a later deadline is looked at again then.
const LONGEST_MS = 2 ** 31 - 1;

/** What makes a reactor's turns. */
export interface Drive {
  /** Arranges for what the reactor has to do next; to be called after each of its commands. */
  schedule(): void;
  /** To be called in a turn that has left something to the event loop, such as a promise. */
  yield(): void;
  /** No turn is made any more. Idempotent. */
  close(): void;
}

/** @param turned is called after each turn */
export type DriveClass = new (native: Native, reactor: Reactor, turned: () => void) => Drive;

export class Driver implements Drive {
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
      Math.min(LONGEST_MS, delay),
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
