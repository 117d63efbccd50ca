// Handshake: one with the server of an upstream, over a descriptor that is connected. It is taken step by step by whoever
// waits for the descriptor; it does not know who that is.

import type { Tls } from '../kernel/tls/addon-tls.ts';
import {
  TLS_DIAL_DONE,
  TLS_DIAL_WRITES,
  TLS_FAILED,
  TLS_TRUNCATED,
} from '../kernel/tls/tls-rows.ts';
import { CAUSES } from './counts.ts';

/** What it waits for: `reads` for input, `writes` for room; or how it has ended. */
export type HandshakeState = 'reads' | 'writes' | 'done' | 'failed';

// What a server shows and offers is the same for all of its clients, and so are alerts that speak of that. Another alert,
// an end or another protocol may be for one of them.
const OF_ALL: readonly (typeof CAUSES)[number][] = [
  ...(['version', 'cipher', 'alpn', 'serverCertificate'] as const),
];

export class Handshake {
  /** Of its session, by which a seat takes that. */
  readonly session: number;
  readonly #tls: Tls;
  #result = 0;

  /** Use `TlsContexts.dial()`. @param session 0 when it could not begin */
  constructor(tls: Tls, session: number) {
    this.#tls = tls;
    this.session = session;
  }

  /** Receives and sends what it can. */
  step(): HandshakeState {
    this.#result = this.session === 0 ? TLS_FAILED : this.#tls.step(this.session);
    if (this.#result === TLS_DIAL_DONE) return 'done';
    if (this.#result < 0) return 'failed';
    return this.#result === TLS_DIAL_WRITES ? 'writes' : 'reads';
  }

  /** Why it has failed, in words. */
  get why(): string {
    if (this.session === 0) return 'out of memory';
    if (this.#result === TLS_TRUNCATED) return 'the server has ended the connection';
    if (this.#result !== TLS_FAILED) return 'the server has reset the connection';
    return this.#tls.why(this.session);
  }

  /** After it has failed: it would have with any client. */
  get failsAll(): boolean {
    if (this.session === 0 || this.#result !== TLS_FAILED) return false;
    return OF_ALL.includes(CAUSES[this.#tls.cause(this.session)]!);
  }

  /** Nobody wants it any more. */
  drop(): void {
    if (this.session !== 0) this.#tls.drop(this.session);
  }
}
