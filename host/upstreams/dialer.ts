// Dialer: makes the connections that seats have asked for, in the server's thread, and hands their descriptors over. It
// knows when to wait and when to try the next address; where an upstream leads the operator's side knows.

import type { Epoll, Watcher } from '../kernel/contract.ts';
import type { Native } from '../kernel/native.ts';
import { EVENT } from '../kernel/rows.ts';
import { Call, type Calls } from './call.ts';
import type { DialRequest, SeatDialer, Upstreams } from './contract.ts';
import { UpstreamCounts } from './counts.ts';
import { Directory } from './directory.ts';

// More wait in the kernel, which reports them again.
const MOST_EVENTS = 64;
/** So soon it is tried again to hand over what a seat has no room for. */
const AGAIN_MS = 1;
/** So long handshakes may take in one turn: each has steps of 0.3 ms, and others wait for the thread. */
const TURN_MS = 2;

/**
 * Hands a connection to a seat, −1 for none, with the session of TLS that it has, 0 for none.
 * @returns false when the seat has no room for more now
 */
type Give = (handle: number, fd: number, session: number) => boolean;

interface Delivery {
  readonly give: Give;
  readonly handle: number;
  readonly fd: number;
  readonly session: number;
}

export class Dialer {
  /** Whether there is room for one more, of clients and upstreams together. */
  hasRoom: () => boolean = () => true;
  /** What the upstreams are called. */
  readonly directory: Directory;
  readonly #native: Native;
  readonly #upstreams: Upstreams;
  readonly #keepaliveMs: number;
  #epoll!: Epoll;
  /** Null as long as nothing can be asked for; there is no epoll then, either. */
  #watcher: Watcher | null = null;
  readonly #events = new Uint32Array(MOST_EVENTS * EVENT);
  /** By the descriptors of their attempts. */
  readonly #calls = new Map<number, Call>();
  readonly #seats = new Set<SeatCalls>();
  #seatsEver = 0;
  #undelivered: Delivery[] = [];
  #again: NodeJS.Timeout | undefined;

  /** @throws a SystemError when there is no descriptor left */
  constructor(native: Native, upstreams: Upstreams, keepaliveMs: number) {
    this.#native = native;
    this.#upstreams = upstreams;
    this.directory = new Directory(upstreams.share);
    this.#keepaliveMs = keepaliveMs;
    if (upstreams.share.upstreams.length > 0) this.open();
  }

  /** There are upstreams, or will be in a moment. Idempotent. @throws a SystemError when there is no descriptor left */
  open(): void {
    if (this.#watcher !== null) return;
    this.#epoll = this.#native.epoll();
    try {
      this.#watcher = new this.#native.Watcher(this.#epoll.fd, () => this.#turn());
    } catch (error) {
      this.#epoll.close();
      throw error;
    }
    // What keeps a server's process alive is that it listens.
    this.#watcher.unref();
  }

  /** A seat of this number is gone, with all that it had. */
  left(seat: number): void {
    new UpstreamCounts(this.share.counts).recount(seat);
  }

  /** What threads are given, as it is now. */
  get share(): Upstreams['share'] {
    return this.#upstreams.share;
  }

  /** A seat's own way to it. @param give is called later, never by `dial` itself */
  seat(give: Give): SeatCalls {
    this.#seatsEver += 1;
    const calls: Calls = {
      seat: this.#seatsEver,
      native: this.#native,
      upstreams: this.#upstreams,
      keepaliveMs: this.#keepaliveMs,
      hasRoom: () => this.hasRoom(),
      watch: (fd, call) => this.#watch(fd, call),
      expect: (fd, output) => this.#expect(fd, output),
      unwatch: (fd) => this.#unwatch(fd),
    };
    const seat = new SeatCalls(
      calls,
      (handle, fd, session) => this.#deliver({ give, handle, fd, session }),
      () => this.#forget(seat, give),
    );
    this.#seats.add(seat);
    return seat;
  }

  #watch(fd: number, call: Call): number {
    this.#calls.set(fd, call);
    return this.#epoll.add(fd, this.#native.constants.EPOLLOUT, fd, 0);
  }

  #expect(fd: number, output: boolean): void {
    const { EPOLLIN, EPOLLOUT } = this.#native.constants;
    this.#epoll.modify(fd, output ? EPOLLOUT : EPOLLIN, fd, 0);
  }

  #unwatch(fd: number): void {
    if (this.#calls.delete(fd)) this.#epoll.remove(fd);
  }

  #turn(): void {
    const count = this.#epoll.wait(this.#events, 0);
    // Those that are told of later may be over by what comes before them, and their numbers others'.
    const ready = Array.from({ length: Math.max(0, count) }, (_, index) => {
      const fd = this.#events[index * EVENT]!;
      return [fd, this.#calls.get(fd)] as const;
    });
    const until = performance.now() + TURN_MS;
    for (const [fd, call] of ready) {
      if (call !== undefined && this.#calls.get(fd) === call) call.told(fd);
      // The kernel reports the rest again.
      if (performance.now() > until) return;
    }
  }

  #deliver(delivery: Delivery): void {
    if (delivery.give(delivery.handle, delivery.fd, delivery.session)) return;
    this.#undelivered.push(delivery);
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      const waiting = this.#undelivered;
      this.#undelivered = [];
      for (const each of waiting) this.#deliver(each);
    }, AGAIN_MS);
  }

  #forget(seat: SeatCalls, give: Give): void {
    this.#seats.delete(seat);
    const left = this.#undelivered.filter((delivery) => delivery.give === give);
    for (const { fd, session } of left) {
      this.drop(session);
      if (fd >= 0) this.#native.reset(fd);
    }
    this.#undelivered = this.#undelivered.filter((delivery) => delivery.give !== give);
  }

  /** A session of TLS that was handed over, and that its seat has not taken; 0 for none. */
  drop(session: number): void {
    if (session !== 0) this.#upstreams.drop(session);
  }

  /** Nothing is on its way any more. Idempotent. */
  close(): void {
    for (const seat of this.#seats) seat.close();
    clearTimeout(this.#again);
    if (this.#watcher === null) return;
    this.#watcher.close();
    this.#epoll.close();
  }
}

/** What one seat has asked for. */
export class SeatCalls implements SeatDialer {
  readonly #calls: Calls;
  readonly #answer: (handle: number, fd: number, session: number) => void;
  readonly #forget: () => void;
  /** By their handles. */
  readonly #open = new Map<number, Call>();

  constructor(
    calls: Calls,
    answer: (handle: number, fd: number, session: number) => void,
    forget: () => void,
  ) {
    this.#calls = calls;
    this.#answer = answer;
    this.#forget = forget;
  }

  dial(request: DialRequest): void {
    const { handle } = request;
    if (this.#open.has(handle)) return;
    const call = new Call(this.#calls, request, (fd, session) => {
      this.#open.delete(handle);
      this.#answer(handle, fd, session);
    });
    this.#open.set(handle, call);
    call.start();
  }

  cancel(handle: number): void {
    this.#open.get(handle)?.cancel();
    this.#open.delete(handle);
  }

  /** The seat is gone: nothing is answered any more. Idempotent. */
  close(): void {
    for (const handle of [...this.#open.keys()]) this.cancel(handle);
    this.#forget();
  }
}
