// Shaking: the handshakes of one call, by the descriptors of its attempts. It knows when each waits for what, how long it
// may keep its place, and no other way to an upstream.

import { monotonicMs } from '../kernel/monotonic.ts';
import type { Calls } from './call.ts';
import type { DialRequest, Endpoint, Handshake, Unshaken } from './contract.ts';

/** So long one is alone before the next attempt begins: a handshake takes two or three times as long as connecting. */
export const HANDSHAKE_DELAY_MS = 1000;
/** And so long it keeps its place where more addresses wait for one: as if the next had had its time beside it. */
const LONGEST_MS = 2 * HANDSHAKE_DELAY_MS;
/** Timers may be early by what their turn of the event loop took. */
const DELAYED_MS = 0.9 * HANDSHAKE_DELAY_MS;

interface Begun {
  readonly handshake: Handshake;
  readonly endpoint: Endpoint;
  readonly sinceMs: number;
}

/** All of one call, by their descriptors; the oldest is the first. */
type Attempts = ReadonlyMap<number, Endpoint>;

export class Shaking {
  readonly #calls: Calls;
  readonly #request: DialRequest;
  /** The oldest is the first. */
  readonly #open = new Map<number, Begun>();

  constructor(calls: Calls, request: DialRequest) {
    this.#calls = calls;
    this.#request = request;
  }

  has(fd: number): boolean {
    return this.#open.has(fd);
  }

  /** Of a descriptor that is connected. @returns false where there is none to begin */
  begin(fd: number, endpoint: Endpoint): boolean {
    const { upstream, added } = this.#request;
    const handshake = this.#calls.upstreams.secure(upstream, added, endpoint, fd);
    if (handshake === null) return false;
    this.#open.set(fd, { handshake, endpoint, sinceMs: monotonicMs() });
    return true;
  }

  /** Goes on with one, as far as it can now. */
  step(fd: number): 'done' | 'failed' | 'waits' {
    const state = this.#open.get(fd)!.handshake.step();
    if (state === 'done' || state === 'failed') return state;
    this.#calls.expect(fd, state === 'writes');
    return 'waits';
  }

  // The oldest that has not answered.
  #silent(attempts: Attempts): number | undefined {
    return [...attempts.keys()].find((fd) => !this.#open.has(fd));
  }

  /**
   * In how many milliseconds one of these can give way: one that has answered, and is amid its handshake, not before it
   * has had its time.
   */
  leftMs(attempts: Attempts): number {
    if (this.#silent(attempts) !== undefined) return 0;
    const [{ sinceMs }] = [...this.#open.values()] as [Begun];
    return Math.max(0, Math.ceil(sinceMs + LONGEST_MS - monotonicMs()));
  }

  /** @returns the descriptor of the one that does */
  giveWay(attempts: Attempts): number {
    const silent = this.#silent(attempts);
    if (silent !== undefined) return silent;
    const [fd] = [...this.#open.keys()] as [number];
    this.late(fd);
    return fd;
  }

  /** It has failed. @returns what is known of it; null if it was not begun, or the operator has ended it */
  failed(fd: number): Unshaken | null {
    const { why = '', failsAll = false } = this.#open.get(fd)?.handshake ?? {};
    return why === '' ? null : { why, failsAll, request: this.#request };
  }

  /** It gets no more time: its target is told of. */
  late(fd: number): void {
    const { endpoint } = this.#open.get(fd)!;
    const late = { why: 'in its TLS handshake', failsAll: false, request: this.#request };
    this.#calls.upstreams.tried(this.#request.upstream, endpoint, 'timeout', late);
  }

  /**
   * It was the fastest: those of other targets that had their time before it began, and did not end, are late. Its
   * session is somebody else's from here on.
   * @returns the session's number; 0 if there is none
   */
  won(fd: number): number {
    const winner = this.#open.get(fd);
    if (winner === undefined) return 0;
    this.#open.delete(fd);
    const until = winner.sinceMs - DELAYED_MS;
    for (const [other, { endpoint, sinceMs }] of this.#open) {
      if (sinceMs <= until && endpoint.target !== winner.endpoint.target) this.late(other);
    }
    return winner.handshake.session;
  }

  drop(fd: number): void {
    this.#open.get(fd)?.handshake.drop();
    this.#open.delete(fd);
  }
}
