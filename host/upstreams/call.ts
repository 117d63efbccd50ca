// Call: one connection that is being made: the addresses that are tried, one after the other and then side by side
// (RFC 8305), and the time that there is for all of it. It knows no seat.

import type { Native } from '../kernel/native.ts';
import { setStreamOptions } from '../kernel/stream-options.ts';
import type { DialFailure, DialRequest, Endpoint, Resolved, Upstreams } from './contract.ts';
import { Shaking } from './shaking.ts';

/** So long an attempt is alone before the next begins beside it; RFC 8305, 5. */
const ATTEMPT_DELAY_MS = 250;
/** And so long once it is connected: a handshake takes two or three times as long as that did. */
const HANDSHAKE_DELAY_MS = 1000;

/** What a call is made with. */
export interface Calls {
  readonly native: Native;
  readonly upstreams: Upstreams;
  readonly keepaliveMs: number;
  /** Tells seats from one another. */
  readonly seat: number;
  readonly hasRoom: () => boolean;
  /** Has `told` called when it is known what became of an attempt. @returns −errno if it cannot */
  readonly watch: (fd: number, call: Call) => number;
  /** What it is to be called for from here on: when there is room for output, or else when there is input. */
  readonly expect: (fd: number, output: boolean) => void;
  readonly unwatch: (fd: number) => void;
}

export class Call {
  readonly #calls: Calls;
  readonly #request: DialRequest;
  readonly #answer: (fd: number, session: number) => void;
  readonly #shaking: Shaking;
  /** Those that were not tried yet, in order. */
  #endpoints: readonly Endpoint[] = [];
  /** What is on its way, by its descriptor. */
  readonly #attempts = new Map<number, Endpoint>();
  #failure: DialFailure = 'unreachable';
  #over = false;
  #deadline: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;

  /** @param answer is called once, unless it is cancelled, and later than `start` */
  constructor(calls: Calls, request: DialRequest, answer: (fd: number, session: number) => void) {
    this.#calls = calls;
    this.#request = request;
    this.#shaking = new Shaking(calls, request);
    this.#answer = answer;
  }

  start(): void {
    const { upstreams, hasRoom, seat } = this.#calls;
    const { upstream, added, parent } = this.#request;
    upstreams.dialing(upstream);
    this.#deadline = setTimeout(
      () => this.#finish(-1, 'timeout'),
      upstreams.connectTimeoutMs(upstream),
    );
    if (!hasRoom()) {
      queueMicrotask(() => this.#finish(-1, 'resources'));
      return;
    }
    const resolved = upstreams.resolve(upstream, added, `${seat}/${parent}`);
    if (resolved instanceof Promise) void resolved.then((found) => this.#resolved(found));
    else this.#resolved(resolved);
  }

  #resolved(found: Resolved): void {
    if (this.#over) return;
    if (typeof found === 'string') {
      queueMicrotask(() => this.#finish(-1, found));
      return;
    }
    this.#endpoints = found;
    this.#tryNext();
  }

  #tryNext(): void {
    clearTimeout(this.#next);
    const [endpoint, ...rest] = this.#endpoints;
    this.#endpoints = rest;
    if (endpoint === undefined) {
      if (this.#attempts.size === 0) queueMicrotask(() => this.#finish(-1, this.#failure));
      return;
    }
    const fd = this.#connect(endpoint);
    if (fd < 0) {
      this.#failed(endpoint, this.#failureOf(fd));
      return;
    }
    this.#attempts.set(fd, endpoint);
    if (rest.length > 0) this.#later(ATTEMPT_DELAY_MS);
    const watched = this.#calls.watch(fd, this);
    if (watched < 0) this.#drop(fd, this.#failureOf(watched));
  }

  #connect(endpoint: Endpoint): number {
    const { native, keepaliveMs } = this.#calls;
    if ('path' in endpoint) return native.connectUnix(endpoint.path);
    let fd: number;
    try {
      fd = native.connectTcp(endpoint.address, endpoint.port);
    } catch {
      // The interface that the address names is not there.
      return -native.constants.EINVAL;
    }
    if (fd < 0) return fd;
    const result = setStreamOptions(native, fd, keepaliveMs);
    if (result < 0) native.close(fd);
    return result < 0 ? result : fd;
  }

  /** It is known what became of the attempt with this descriptor. */
  told(fd: number): void {
    if (this.#shaking.has(fd)) {
      this.#shake(fd);
      return;
    }
    const { native } = this.#calls;
    const error = native.getOption(fd, native.constants.SOL_SOCKET, native.constants.SO_ERROR);
    const result = error === 0 ? this.#greet(fd) : -Math.abs(error);
    if (result < 0) this.#drop(fd, this.#failureOf(result));
    else if (!this.#shaking.begin(fd, this.#attempts.get(fd)!)) this.#finish(fd, 'connected');
    else {
      clearTimeout(this.#next);
      if (this.#endpoints.length > 0) this.#later(HANDSHAKE_DELAY_MS);
      this.#shake(fd);
    }
  }

  #later(ms: number): void {
    this.#next = setTimeout(() => this.#tryNext(), ms);
  }

  // Whoever cannot be trusted is as good as not there: the next one is tried.
  #shake(fd: number): void {
    const state = this.#shaking.step(fd);
    if (state === 'done') this.#finish(fd, 'connected');
    else if (state === 'failed') this.#drop(fd, 'tls', this.#shaking.why(fd));
  }

  // The PROXY header goes first; a socket that is new has room for it.
  #greet(fd: number): number {
    const { native, upstreams } = this.#calls;
    const header = upstreams.header(this.#request.upstream, this.#request);
    if (header === null) return 0;
    const sent = native.send(fd, header, 0, header.length);
    return sent >= 0 && sent < header.length ? -native.constants.ENOBUFS : sent;
  }

  #drop(fd: number, failure: DialFailure, why = ''): void {
    const endpoint = this.#attempts.get(fd)!;
    this.#hangUp(fd);
    this.#failed(endpoint, failure, why);
  }

  #hangUp(fd: number): void {
    this.#attempts.delete(fd);
    this.#shaking.drop(fd);
    this.#calls.unwatch(fd);
    this.#calls.native.reset(fd);
  }

  #failed(endpoint: Endpoint, failure: DialFailure, why = ''): void {
    this.#failure = failure;
    this.#calls.upstreams.tried(this.#request.upstream, endpoint, failure, why);
    this.#tryNext();
  }

  #failureOf(result: number): DialFailure {
    const { constants } = this.#calls.native;
    const { ECONNREFUSED, ENOENT, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL } = constants;
    const error = -result;
    if (error === ECONNREFUSED || error === ENOENT) return 'refused';
    if (error === constants.ETIMEDOUT) return 'timeout';
    const lacking = [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].includes(error);
    return lacking ? 'resources' : 'unreachable';
  }

  #finish(fd: number, outcome: DialFailure | 'connected'): void {
    if (this.#over) return;
    const { upstreams } = this.#calls;
    const { upstream } = this.#request;
    const won = this.#attempts.get(fd);
    // Those that had their time, and said nothing.
    if (outcome === 'timeout') {
      for (const [fd, endpoint] of this.#attempts) {
        const why = this.#shaking.has(fd) ? 'in its TLS handshake' : '';
        upstreams.tried(upstream, endpoint, 'timeout', why);
      }
    }
    const session = this.#shaking.take(fd);
    if (won !== undefined) {
      this.#attempts.delete(fd);
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
