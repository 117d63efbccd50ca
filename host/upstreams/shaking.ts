// Shaking: the handshakes of one call, by the descriptors of its attempts. It knows when each waits for what, and no other
// way to an upstream.

import type { Calls } from './call.ts';
import type { DialRequest, Endpoint, Handshake } from './contract.ts';

export class Shaking {
  readonly #calls: Calls;
  readonly #request: DialRequest;
  readonly #open = new Map<number, Handshake>();

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
    if (handshake !== null) this.#open.set(fd, handshake);
    return handshake !== null;
  }

  /** Goes on with one, as far as it can now. */
  step(fd: number): 'done' | 'failed' | 'waits' {
    const state = this.#open.get(fd)!.step();
    if (state === 'done' || state === 'failed') return state;
    this.#calls.expect(fd, state === 'writes');
    return 'waits';
  }

  /** Why it has failed, in words. */
  why(fd: number): string {
    return this.#open.get(fd)?.why ?? '';
  }

  /** Its session is somebody else's from here on. @returns the session's number; 0 if there is none */
  take(fd: number): number {
    const session = this.#open.get(fd)?.session ?? 0;
    this.#open.delete(fd);
    return session;
  }

  drop(fd: number): void {
    this.#open.get(fd)?.drop();
    this.#open.delete(fd);
  }
}
