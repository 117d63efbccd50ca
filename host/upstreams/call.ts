// Call: one connection that is being made: the addresses that are tried, one after the other and then side by side
// (RFC 8305), and the time that there is for all of it. It knows no seat.

import type { Native } from '../kernel/native.ts';
import { beginConnecting, connectFailure } from '../kernel/stream-options.ts';
import type { DialFailure, DialRequest, Endpoint, Resolved, Upstreams } from './contract.ts';
import { greet, leadsHere } from './preamble.ts';
import { HANDSHAKE_DELAY_MS, Shaking } from './shaking.ts';

/** So long an attempt is alone before the next begins beside it; RFC 8305, 5. */
const ATTEMPT_DELAY_MS = 250;
/** Side by side. Each takes a descriptor; one that gives way to a third has had twice the time above. */
const MOST_ATTEMPTS = 2;
/** A queue that is full has room as soon as its server gets a turn; it is looked at again later and later. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/** What calls are made with. */
export interface Calls {
  readonly native: Native;
  readonly upstreams: Upstreams;
  readonly keepaliveMs: number;
  /** Attempts that are beside another of the same call. */
  beside: number;
  /** Whether there is room for so many descriptors more, those of calls not counted. */
  readonly hasRoom: (more: number) => boolean;
  /** Has `told` called when it is known what became of an attempt. @returns −errno if it cannot */
  readonly watch: (fd: number, call: Call) => number;
  /** What it is to be called for from here on: when there is room for output, or else when there is input. */
  readonly expect: (fd: number, output: boolean) => void;
  readonly unwatch: (fd: number) => void;
}

export class Call {
  readonly #calls: Calls;
  readonly #seat: number;
  readonly #request: DialRequest;
  readonly #answer: (fd: number, session: number) => void;
  readonly #shaking: Shaking;
  /** Those that were not tried yet, in order. */
  #endpoints: Endpoint[] = [];
  /** Those whose queues are full. */
  #full: Endpoint[] = [];
  #pauseMs = FIRST_PAUSE_MS;
  /** What is on its way, by its descriptor; the oldest is the first. */
  readonly #attempts = new Map<number, Endpoint>();
  #failure: DialFailure = 'unreachable';
  #over = false;
  /** In a moment it will be over. */
  #settled = false;
  #deadline: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;

  /**
   * @param seat tells seats from one another
   * @param answer is called once, unless it is cancelled, and later than `start`
   */
  constructor(
    calls: Calls,
    seat: number,
    request: DialRequest,
    answer: (fd: number, session: number) => void,
  ) {
    this.#calls = calls;
    this.#seat = seat;
    this.#request = request;
    this.#shaking = new Shaking(calls, request);
    this.#answer = answer;
  }

  start(): void {
    const { upstreams, hasRoom, beside } = this.#calls;
    const { upstream, added, parent } = this.#request;
    upstreams.dialing(upstream);
    if (!hasRoom(beside)) {
      queueMicrotask(() => this.#finish(-1, 'resources'));
      return;
    }
    const resolved = upstreams.resolve(upstream, added, `${this.#seat}/${parent}`, this.#request);
    if (resolved instanceof Promise) void resolved.then((found) => this.#resolved(found));
    else this.#resolved(resolved);
    if (!this.#settled) this.#arm();
  }

  #arm(): void {
    const ms = this.#calls.upstreams.connectTimeoutMs(this.#request.upstream);
    this.#deadline ??= setTimeout(() => this.#finish(-1, 'timeout'), ms);
  }

  #resolved(found: Resolved): void {
    if (this.#over) return;
    if (typeof found === 'string') {
      queueMicrotask(() => this.#finish(-1, found));
      return;
    }
    this.#endpoints = [...found];
    this.#tryNext();
  }

  #tryNext(): void {
    clearTimeout(this.#next);
    if (this.#endpoints.length === 0) {
      this.#tryFull();
      return;
    }
    const isFull = this.#attempts.size > 0 && !this.#calls.hasRoom(this.#calls.beside + 1);
    const waitMs = isFull ? ATTEMPT_DELAY_MS : this.#placeInMs;
    if (waitMs > 0) this.#later(waitMs);
    else this.#try(this.#endpoints.shift()!);
  }

  // In how many milliseconds there is a place for one more.
  get #placeInMs(): number {
    return this.#attempts.size < MOST_ATTEMPTS ? 0 : this.#shaking.leftMs(this.#attempts);
  }

  #tryFull(): void {
    if (this.#full.length > 0) {
      const ms = this.#pauseMs;
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * ms);
      this.#next = setTimeout(() => {
        this.#endpoints = this.#full.splice(0);
        this.#tryNext();
      }, ms);
    } else if (this.#attempts.size === 0) {
      queueMicrotask(() => this.#finish(-1, this.#failure));
    }
  }

  #try(endpoint: Endpoint): void {
    const { native, keepaliveMs } = this.#calls;
    const fd = beginConnecting(native, endpoint, keepaliveMs);
    if (fd === -native.constants.EAGAIN) {
      this.#full.push(endpoint);
      this.#tryNext();
      return;
    }
    if (fd < 0) {
      this.#failed(endpoint, this.#failureOf(fd));
      return;
    }
    // Not before: for a queue that is full nobody gives way.
    if (this.#attempts.size >= MOST_ATTEMPTS) this.#hangUp(this.#shaking.giveWay(this.#attempts));
    this.#note(() => this.#attempts.set(fd, endpoint));
    // On this machine, and over a fast network, it is there at once: that costs one look, and watching costs four.
    if (native.connected(fd) === 0) {
      this.#settled = true;
      queueMicrotask(() => this.#there(fd));
      return;
    }
    if (this.#endpoints.length + this.#full.length > 0) this.#later(ATTEMPT_DELAY_MS);
    const watched = this.#calls.watch(fd, this);
    if (watched < 0) this.#drop(fd, this.#failureOf(watched));
  }

  // Attempts change.
  #note(change: () => unknown): void {
    const before = Math.max(0, this.#attempts.size - 1);
    change();
    this.#calls.beside += Math.max(0, this.#attempts.size - 1) - before;
  }

  /** It is known what became of the attempt with this descriptor. */
  told(fd: number): void {
    if (this.#shaking.has(fd)) {
      this.#shake(fd);
      return;
    }
    const { native } = this.#calls;
    const error = native.getOption(fd, native.constants.SOL_SOCKET, native.constants.SO_ERROR);
    if (error !== 0) this.#drop(fd, this.#failureOf(-Math.abs(error)));
    else if (this.#connected(fd)) this.#shake(fd);
  }

  // Nobody watches it yet.
  #there(fd: number): void {
    if (this.#over || !this.#connected(fd)) return;
    // There is room for output: the dialer's turn takes the first step, and bounds how long steps take.
    const watched = this.#calls.watch(fd, this);
    if (watched < 0) this.#drop(fd, this.#failureOf(watched));
  }

  // @returns whether a handshake begins
  #connected(fd: number): boolean {
    const endpoint = this.#attempts.get(fd)!;
    const [{ native, upstreams }, { upstream }] = [this.#calls, this.#request];
    const denied = leadsHere(native, endpoint, fd);
    const header = denied ? null : upstreams.header(upstream, this.#request, endpoint);
    const result = greet(native, fd, header);
    if (!denied && result >= 0 && !this.#shaking.begin(fd, endpoint)) {
      this.#finish(fd, 'connected');
      return false;
    }
    this.#arm();
    clearTimeout(this.#next);
    if (denied || result < 0) this.#drop(fd, denied ? 'denied' : this.#failureOf(result));
    else if (this.#endpoints.length + this.#full.length > 0) this.#later(HANDSHAKE_DELAY_MS);
    return !denied && result >= 0;
  }

  #later(ms: number): void {
    this.#next = setTimeout(() => this.#tryNext(), ms);
  }

  // Whoever cannot be trusted is as good as not there: the next one is tried.
  #shake(fd: number): void {
    const state = this.#shaking.step(fd);
    if (state === 'done') this.#finish(fd, 'connected');
    else if (state === 'failed') this.#drop(fd, 'tls');
  }

  #drop(fd: number, failure: DialFailure): void {
    const endpoint = this.#attempts.get(fd)!;
    const unshaken = this.#shaking.failed(fd);
    this.#hangUp(fd);
    this.#failed(endpoint, failure, unshaken);
  }

  #hangUp(fd: number): void {
    this.#note(() => this.#attempts.delete(fd));
    this.#shaking.drop(fd);
    this.#calls.unwatch(fd);
    this.#calls.native.reset(fd);
  }

  #failed(
    endpoint: Endpoint,
    failure: DialFailure,
    unshaken: ReturnType<Shaking['failed']> = null,
  ): void {
    this.#failure = failure;
    this.#calls.upstreams.tried(this.#request.upstream, endpoint, failure, unshaken);
    this.#tryNext();
  }

  #failureOf(result: number): DialFailure {
    return connectFailure(this.#calls.native, result);
  }

  #finish(fd: number, outcome: DialFailure | 'connected'): void {
    if (this.#over) return;
    const [{ upstreams }, { upstream }] = [this.#calls, this.#request];
    const won = this.#attempts.get(fd);
    // Those that had their time, and said nothing.
    if (outcome === 'timeout') {
      for (const [fd, endpoint] of this.#attempts) {
        if (this.#shaking.has(fd)) this.#shaking.late(fd);
        else upstreams.tried(upstream, endpoint, 'timeout');
      }
      for (const endpoint of this.#full) upstreams.tried(upstream, endpoint, 'timeout');
    }
    const session = this.#shaking.won(fd);
    if (won !== undefined) {
      this.#note(() => this.#attempts.delete(fd));
      this.#calls.unwatch(fd);
      upstreams.tried(upstream, won, null);
    }
    this.#end();
    upstreams.dialed(upstream, outcome);
    this.#answer(fd, session);
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#calls.upstreams.dialed(this.#request.upstream, 'cancelled');
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#next);
    for (const fd of [...this.#attempts.keys()]) this.#hangUp(fd);
  }
}
