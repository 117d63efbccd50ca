// Acceptor: takes connections from the listeners and hands their descriptors on. It knows which
// errors of accept4(2) pass, which want a pause, and which are the listener's end.

import type { Epoll, Watcher } from '../kernel/contract.ts';
import type { Native, SystemError } from '../kernel/native.ts';
import { EVENT } from '../kernel/rows.ts';
import { PEER_BYTES } from './guard.ts';
import type { Listener } from './listener.ts';

// Descriptors or memory have run out: asyncio waits a second before it tries again. Those that wait
// in the queue are better served sooner, and four tries a second cost nothing.
const PAUSE_MS = 250;

// As many as policy lets a listener's queue hold; those who come while it closes are too late.
const LONGEST_QUEUE = 65_536;

// More wait in the kernel, which reports them again.
const EVENTS = 64;

/** Says who may come in, of those whose address is known. */
export interface Gate {
  admits(fd: number, peer: Uint8Array): boolean;
}

interface Entry {
  readonly listener: Listener;
  /** Null when everybody may come in: then nobody's address is looked at. */
  readonly gate: Gate | null;
}

export class Acceptor {
  readonly #native: Native;
  /** By their numbers. */
  readonly #entries = new Map<number, Entry>();
  readonly #peer = new Uint8Array(PEER_BYTES);
  readonly #acceptsPerTurn: number;
  readonly #accepted: (fd: number, listener: number) => void;
  readonly #failed: (error: SystemError) => void;
  readonly #epoll: Epoll;
  readonly #watcher: Watcher;
  readonly #events = new Uint32Array(EVENTS * EVENT);
  readonly #passing: ReadonlySet<number>;
  readonly #pausing: ReadonlySet<number>;
  readonly #pauses = new Map<number, NodeJS.Timeout>();
  /** Listeners that neither pause nor have failed. */
  readonly #accepting = new Set<number>();
  #closed = false;
  #resting = false;
  /** Listeners that have not accepted anything since they had to pause. */
  readonly #starved = new Set<number>();

  /**
   * @param accepted takes over each descriptor, and is told the number of the listener that it came by
   * @param failed is told why a listener pauses, once until it accepts again, or for ever stops
   */
  constructor(parts: {
    native: Native;
    acceptsPerTurn: number;
    accepted: (fd: number, listener: number) => void;
    failed: (error: SystemError) => void;
  }) {
    this.#native = parts.native;
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
    this.#epoll = parts.native.epoll();
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
   * Accepts from this listener as well, which is closed with the others.
   * @param number tells it apart, also from those that were removed a moment ago
   */
  add(number: number, listener: Listener, gate: Gate | null = null): void {
    this.#entries.set(number, { listener, gate });
    this.#watch(number);
  }

  /** A listener has other rules from here on, and another number for those who come. */
  renumber(before: number, number: number, gate: Gate | null): void {
    const entry = this.#entries.get(before);
    if (entry === undefined) return;
    const accepting = this.#accepting.delete(before);
    if (accepting && !this.#resting) this.#epoll.remove(entry.listener.fd);
    clearTimeout(this.#pauses.get(before));
    this.#pauses.delete(before);
    this.#entries.delete(before);
    this.#starved.delete(before);
    this.add(number, entry.listener, gate);
  }

  /** Accepts what is in the listener's queue, so that none of it is reset, and closes it. */
  remove(number: number): void {
    const entry = this.#entries.get(number);
    if (entry === undefined) return;
    if (this.#accepting.delete(number) && !this.#resting) this.#epoll.remove(entry.listener.fd);
    clearTimeout(this.#pauses.get(number));
    this.#pauses.delete(number);
    this.#end(number, entry);
    this.#entries.delete(number);
    this.#starved.delete(number);
  }

  /**
   * Accepts nothing for now: those who come wait in the queue.
   * @param resting false to go on
   */
  rest(resting: boolean): void {
    if (this.#closed || this.#resting === resting) return;
    this.#resting = resting;
    for (const [index, { listener }] of this.#entries) {
      if (!this.#accepting.has(index)) continue;
      if (resting) this.#epoll.remove(listener.fd);
      else this.#add(index);
    }
  }

  #watch(index: number): void {
    this.#accepting.add(index);
    if (!this.#resting) this.#add(index);
  }

  #add(index: number): void {
    const { fd } = this.#entries.get(index)!.listener;
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
    // What was removed in this turn is not there any more.
    const entry = this.#entries.get(index);
    if (entry === undefined) return;
    for (let tries = 0; tries < most; tries += 1) {
      const result = this.#take(index, entry);
      if (result >= 0) {
        if (this.#starved.size > 0) this.#starved.delete(index);
      } else if (result === -this.#native.constants.EAGAIN) return;
      else if (!this.#passing.has(-result)) {
        this.#stop(index, -result);
        return;
      }
    }
  }

  /** @returns the descriptor, which is in somebody else's hands by then, or −errno */
  #take(index: number, { listener, gate }: Entry): number {
    const peer = this.#peer;
    const { fd } = listener;
    const result = gate === null ? this.#native.accept(fd) : this.#native.acceptFrom(fd, peer);
    if (result < 0) return result;
    if (gate === null || gate.admits(result, peer)) this.#accepted(result, index);
    else this.#native.close(result);
    return result;
  }

  #stop(index: number, errno: number): void {
    const { fd, address } = this.#entries.get(index)!.listener;
    const again = this.#starved.has(index);
    this.#accepting.delete(index);
    this.#epoll.remove(fd);
    if (this.#pausing.has(errno)) {
      this.#starved.add(index);
      const pause = setTimeout(() => {
        this.#pauses.delete(index);
        this.#watch(index);
      }, PAUSE_MS);
      this.#pauses.set(index, pause);
    }
    if (!again) this.#failed(this.#native.systemError('accept', errno, address));
  }

  /** Accepts what is in the queues, so that none of it is reset, and stops listening. */
  close(): void {
    this.#closed = true;
    for (const pause of this.#pauses.values()) clearTimeout(pause);
    this.#watcher.close();
    this.#epoll.close();
    for (const [index, entry] of this.#entries) this.#end(index, entry);
  }

  #end(index: number, entry: Entry): void {
    const { listener } = entry;
    // Of a socket that others listen on as well, they get the rest: the next start of a unit, most likely.
    if (!listener.shared) this.#drainQueue(index, entry);
    try {
      listener.close();
    } catch (error) {
      // The socket is closed all the same; only its file is left behind.
      this.#failed(error as SystemError);
    }
  }

  #drainQueue(index: number, entry: Entry): void {
    for (let tries = 0; tries < LONGEST_QUEUE; tries += 1) {
      const result = this.#take(index, entry);
      if (result < 0 && !this.#passing.has(-result)) return;
    }
  }
}
