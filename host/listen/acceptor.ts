// Acceptor: takes connections from the listeners and hands their descriptors on. It knows which
// errors of accept4(2) pass, which want a pause, and which are the listener's end.

import type { Epoll, Watcher } from '../kernel/contract.ts';
import type { Native, SystemError } from '../kernel/native.ts';
import { EVENT } from '../kernel/rows.ts';
import type { Listener } from './listener.ts';

// Descriptors or memory have run out: asyncio waits a second before it tries again. Those that wait
// in the queue are better served sooner, and four tries a second cost nothing.
const PAUSE_MS = 250;

// As many as policy lets a listener's queue hold; those who come while it closes are too late.
const LONGEST_QUEUE = 65_536;

export class Acceptor {
  readonly #native: Native;
  readonly #listeners: readonly Listener[];
  readonly #acceptsPerTurn: number;
  readonly #accepted: (fd: number, listener: number) => void;
  readonly #failed: (error: SystemError) => void;
  readonly #epoll: Epoll;
  readonly #watcher: Watcher;
  readonly #events: Uint32Array;
  readonly #passing: ReadonlySet<number>;
  readonly #pausing: ReadonlySet<number>;
  readonly #pauses = new Set<NodeJS.Timeout>();
  /** Listeners that neither pause nor have failed. */
  readonly #accepting = new Set<number>();
  #closed = false;
  #resting = false;
  /** Listeners that have not accepted anything since they had to pause. */
  readonly #starved = new Set<number>();

  /**
   * @param accepted takes over each descriptor, and is told by which of the listeners it came
   * @param failed is told why a listener pauses, once until it accepts again, or for ever stops
   */
  constructor(parts: {
    native: Native;
    listeners: readonly Listener[];
    acceptsPerTurn: number;
    accepted: (fd: number, listener: number) => void;
    failed: (error: SystemError) => void;
  }) {
    this.#native = parts.native;
    this.#listeners = parts.listeners;
    this.#acceptsPerTurn = parts.acceptsPerTurn;
    this.#accepted = parts.accepted;
    this.#failed = parts.failed;
    const { constants } = parts.native;
    // Linux passes on errors that wait on the new connection; accept(2) says to try the next.
    this.#passing = new Set(
      (
        [
          'ECONNABORTED',
          'EPROTO',
          'EPERM',
          'ENETDOWN',
          'ENOPROTOOPT',
          'ENONET',
          'EHOSTDOWN',
          'EHOSTUNREACH',
          'EOPNOTSUPP',
          'ENETUNREACH',
          'ETIMEDOUT',
        ] as const
      ).map((name) => constants[name]),
    );
    this.#pausing = new Set(
      (['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const).map((name) => constants[name]),
    );
    this.#events = new Uint32Array(Math.max(1, parts.listeners.length) * EVENT);
    this.#epoll = parts.native.epoll();
    for (const index of parts.listeners.keys()) this.#watch(index);
    try {
      this.#watcher = new parts.native.Watcher(this.#epoll.fd, () => this.#turn());
    } catch (error) {
      this.#epoll.close();
      throw error;
    }
  }

  /** Whether the listener of this number takes connections: `paused` will again, `closed` never. */
  stateOf(index: number): 'listening' | 'paused' | 'closed' {
    if (this.#closed) return 'closed';
    if (this.#accepting.has(index)) return this.#resting ? 'paused' : 'listening';
    return this.#starved.has(index) ? 'paused' : 'closed';
  }

  /**
   * Accepts nothing for now: those who come wait in the queue.
   * @param resting false to go on
   */
  rest(resting: boolean): void {
    if (this.#closed || this.#resting === resting) return;
    this.#resting = resting;
    for (const [index, { fd }] of this.#listeners.entries()) {
      if (!this.#accepting.has(index)) continue;
      if (resting) this.#epoll.remove(fd);
      else this.#add(index);
    }
  }

  #watch(index: number): void {
    this.#accepting.add(index);
    if (!this.#resting) this.#add(index);
  }

  #add(index: number): void {
    const { fd } = this.#listeners[index]!;
    const result = this.#epoll.add(fd, this.#native.constants.EPOLLIN, index, 0);
    if (result < 0) this.#failed(this.#native.systemError('epoll_ctl', result));
  }

  #turn(): void {
    const count = this.#epoll.wait(this.#events, 0);
    for (let event = 0; event < count; event += 1) {
      this.#accept(this.#events[event * EVENT]!, this.#acceptsPerTurn);
    }
  }

  // Level-triggered: what is left in the queue is reported again.
  #accept(index: number, most: number): void {
    const { fd } = this.#listeners[index]!;
    for (let tries = 0; tries < most; tries += 1) {
      const result = this.#native.accept(fd);
      if (result >= 0) {
        if (this.#starved.size > 0) this.#starved.delete(index);
        this.#accepted(result, index);
      } else if (result === -this.#native.constants.EAGAIN) return;
      else if (!this.#passing.has(-result)) {
        this.#stop(index, -result);
        return;
      }
    }
  }

  #stop(index: number, errno: number): void {
    const { fd, address } = this.#listeners[index]!;
    const again = this.#starved.has(index);
    this.#accepting.delete(index);
    this.#epoll.remove(fd);
    if (this.#pausing.has(errno)) {
      this.#starved.add(index);
      const pause = setTimeout(() => {
        this.#pauses.delete(pause);
        this.#watch(index);
      }, PAUSE_MS);
      this.#pauses.add(pause);
    }
    if (!again) this.#failed(this.#native.systemError('accept', errno, address));
  }

  /** Accepts what is in the queues, so that none of it is reset, and stops listening. */
  close(): void {
    this.#closed = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    this.#watcher.close();
    this.#epoll.close();
    for (const [index, listener] of this.#listeners.entries()) {
      this.#drainQueue(index);
      try {
        listener.close();
      } catch (error) {
        // The socket is closed all the same; only its file is left behind.
        this.#failed(error as SystemError);
      }
    }
  }

  #drainQueue(index: number): void {
    const { fd } = this.#listeners[index]!;
    for (let tries = 0; tries < LONGEST_QUEUE; tries += 1) {
      const result = this.#native.accept(fd);
      if (result >= 0) this.#accepted(result, index);
      else if (!this.#passing.has(-result)) return;
    }
  }
}
