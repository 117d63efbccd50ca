// Dialer: makes the connections that seats have asked for, in the server's thread, and hands their descriptors over. It
// knows when to wait and when to try the next address; where an upstream leads the operator's side knows.

import type { Epoll, Watcher } from '../kernel/contract.ts';
import { drainEventFd, makeEventFd } from '../kernel/event-fd.ts';
import type { Native } from '../kernel/native.ts';
import { EVENT } from '../kernel/rows.ts';
import type { Call, Calls } from './call.ts';
import type { Upstreams } from './contract.ts';
import { UpstreamCounts } from './counts.ts';
import { Directory } from './directory.ts';
import { SeatCalls, type SeatSide } from './seat-calls.ts';

export type { SeatCalls } from './seat-calls.ts';

// More wait in the kernel, which reports them again.
const MOST_EVENTS = 64;
/** So soon it is tried again to hand over what a seat has no room for. */
const AGAIN_MS = 1;
/** So long handshakes may take in one turn: each has steps of 0.3 ms, and others wait for the thread. */
const TURN_MS = 2;

interface Delivery {
  readonly seat: SeatCalls;
  readonly side: SeatSide;
  readonly handle: number;
  readonly fd: number;
  readonly session: number;
}

export class Dialer {
  /** Whether there is room for so many more, of clients and upstreams together. */
  hasRoom: (more: number) => boolean = () => true;
  /** What the upstreams are called. */
  readonly directory: Directory;
  readonly #native: Native;
  readonly #upstreams: Upstreams;
  readonly #ground: Calls;
  /** An eventfd: a seat rings it when it has asked for something without a message. −1 as long as there is no epoll. */
  bell = -1;
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
  #closed = false;

  /** @throws a SystemError when there is no descriptor left */
  constructor(native: Native, upstreams: Upstreams, keepaliveMs: number) {
    this.#native = native;
    this.#upstreams = upstreams;
    this.directory = new Directory(upstreams.share);
    this.#ground = {
      native,
      upstreams,
      keepaliveMs,
      beside: 0,
      hasRoom: (more) => this.hasRoom(more),
      watch: (fd, call) => this.#watch(fd, call),
      expect: (fd, output) => this.#expect(fd, output),
      unwatch: (fd) => this.#unwatch(fd),
    };
    if (upstreams.share.upstreams.length > 0) this.open();
  }

  /** There are upstreams, or will be in a moment. Idempotent. @throws a SystemError when there is no descriptor left */
  open(): void {
    if (this.#watcher !== null) return;
    const native = this.#native;
    const bell = makeEventFd(native);
    let epoll: Epoll | null = null;
    try {
      epoll = native.epoll();
      const added = epoll.add(bell, native.constants.EPOLLIN, bell, 0);
      if (added < 0) throw native.systemError('epoll_ctl', added);
      this.#watcher = new native.Watcher(epoll.fd, () => this.#turn());
    } catch (error) {
      epoll?.close();
      native.close(bell);
      throw error;
    }
    this.#epoll = epoll;
    this.bell = bell;
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

  /** A seat's own way to it. Its `give` is called later, never by `dial` itself. */
  seat(side: SeatSide): SeatCalls {
    this.#seatsEver += 1;
    const seat: SeatCalls = new SeatCalls(
      this.#ground,
      this.#seatsEver,
      side,
      (handle, fd, session) => this.#deliver({ seat, side, handle, fd, session }),
      () => this.#forget(seat),
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
      if (fd === this.bell) this.#rung();
      return [fd, this.#calls.get(fd)] as const;
    });
    const until = performance.now() + TURN_MS;
    for (const [fd, call] of ready) {
      if (call !== undefined && this.#calls.get(fd) === call) call.told(fd);
      // The kernel reports the rest again.
      if (performance.now() > until) return;
    }
  }

  #rung(): void {
    drainEventFd(this.#native, this.bell);
    for (const seat of this.#seats) seat.look();
  }

  #deliver(delivery: Delivery): void {
    const { seat, side, handle, fd, session } = delivery;
    if (side.give(handle, fd, session)) {
      seat.answered(handle);
      return;
    }
    this.#undelivered.push(delivery);
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      const waiting = this.#undelivered;
      this.#undelivered = [];
      for (const each of waiting) this.#deliver(each);
    }, AGAIN_MS);
  }

  #forget(seat: SeatCalls): void {
    this.#seats.delete(seat);
    const left = this.#undelivered.filter((delivery) => delivery.seat === seat);
    for (const { fd, session } of left) {
      this.drop(session);
      if (fd >= 0) this.#native.reset(fd);
    }
    this.#undelivered = this.#undelivered.filter((delivery) => delivery.seat !== seat);
  }

  /** A session of TLS that was handed over, and that its seat has not taken; 0 for none. */
  drop(session: number): void {
    if (session !== 0) this.#upstreams.drop(session);
  }

  /** Nothing is on its way any more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const seat of this.#seats) seat.close();
    clearTimeout(this.#again);
    if (this.#watcher === null) return;
    this.#watcher.close();
    this.#epoll.close();
    this.#native.close(this.bell);
  }
}
