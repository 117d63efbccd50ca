// TLS contexts: what the listeners of a server show, and how its connections to upstreams are protected, in the addon's
// memory, where all threads find it. All of it is replaced at once or not at all. It knows no connection.

import { WasmpollError } from '../errors.ts';
import type { Native } from '../kernel/native.ts';
import type { Tls, TlsFault } from '../kernel/tls/addon-tls.ts';
import {
  modeIndex,
  TLS_AT_ONCE,
  TLS_LATER,
  TLS_LENIENT,
  TLS_MODES,
  type TlsShare,
} from '../kernel/tls/tls-access.ts';
import type { Policy } from '../policy.ts';
import { type TlsCounts, tlsCounts } from './counts.ts';
import { Handshake } from './handshake.ts';
import type { TlsOptions } from './options.ts';
import type { UpstreamTls } from './outward.ts';
import { readTls, readUpstreamTls } from './texts.ts';
import { doubtOf } from './validity.ts';

/** A listener that has TLS. */
export interface TlsListener {
  /** Stands in front of messages. */
  readonly name: string;
  readonly options: TlsOptions;
}

/** An upstream with TLS. */
export interface TlsUpstream {
  readonly number: number;
  readonly name: string;
  readonly tls: UpstreamTls;
}

// What a receive of TLS has to leave free of the window, and a little more that it can use.
const WINDOW_SPARE_BYTES = 18 * 1024;

/** A policy with a receive window that has room for a record of TLS beside a frame that is held. */
export const securePolicy = (policy: Policy): Policy => ({
  ...policy,
  receiveWindowBytes: Math.max(
    policy.receiveWindowBytes,
    policy.maxFrameBytes + WINDOW_SPARE_BYTES,
  ),
});

export class TlsContexts {
  /** Null when this Node has no TLS for us: then whoever asks for it is told why. */
  readonly #tls: Tls | null;
  readonly #refusal: string;
  readonly #modes = new Int32Array(new SharedArrayBuffer(TLS_MODES * Int32Array.BYTES_PER_ELEMENT));
  readonly #warn: (message: string) => void;
  /** By their numbers. */
  readonly #listeners = new Map<number, TlsListener>();
  #upstreams: readonly TlsUpstream[] = [];
  /** Null for one that is to have none. */
  readonly #prepared = new Map<number, TlsListener | null>();
  readonly #warnings = new Set<string>();
  /** A listener or an upstream has TLS, or had it. */
  #used = false;

  /** @param warn is told of certificates that have expired or soon will */
  constructor(native: Native, policy: Policy, warn: (message: string) => void) {
    this.#refusal = native.tlsRefusal(process.versions.openssl ?? 'none');
    this.#tls = this.#refusal === '' ? new native.Tls(policy.ticketLifetimeMs) : null;
    this.#warn = warn;
  }

  /** What threads need; null when there is no TLS for us. */
  get share(): TlsShare | null {
    if (this.#tls === null) return null;
    return { id: this.#tls.id, modes: this.#modes.buffer };
  }

  /** @throws WasmpollError ERR_TLS, naming the file and what is wrong with it */
  check(listeners: readonly TlsListener[]): void {
    try {
      for (const listener of listeners) this.#read(0, listener, false);
    } finally {
      this.discard();
    }
  }

  /**
   * Reads what a listener is to show, which holds when it is committed for whoever connects from then on.
   * @param options null for a listener without TLS
   * @throws WasmpollError ERR_TLS, naming the file and what is wrong with it, or when this Node has no TLS for us
   */
  prepare(number: number, name: string, options: TlsOptions | null): void {
    const listener = options === null ? null : { name, options };
    if (listener !== null) this.#read(number, listener, false);
    this.#prepared.set(number, listener);
  }

  #read(number: number, { name, options }: TlsListener, again: boolean): void {
    const what = `listen '${name}'`;
    const { texts, label } = readTls(options, what);
    refuse(this.#native.prepare(number, texts), what, label);
    for (const [index, { cert }] of texts.pairs.entries()) {
      this.#doubt(cert, `${what}: tls: ${label(index, 'cert')}`, again);
    }
  }

  #readUpstream({ number, name, tls }: TlsUpstream, again: boolean): void {
    const what = `upstream '${name}'`;
    const { texts, label } = readUpstreamTls(tls, what);
    refuse(this.#native.prepareUpstream(number, texts), what, (_, part) => label(part));
    if (texts.cert !== '') this.#doubt(texts.cert, `${what}: tls: ${label('cert')}`, again);
    if (tls.verify !== false) return;
    this.#warnings.add(`${what}: tls: with verify = false anybody can pretend to be the server`);
  }

  get #native(): Tls {
    if (this.#tls === null) throw new WasmpollError('ERR_TLS', `tls: ${this.#refusal}`);
    return this.#tls;
  }

  #doubt(cert: string, what: string, again: boolean): void {
    const doubt = doubtOf(cert, Date.now());
    if (doubt === null) return;
    const message = `${what} ${doubt.why}`;
    if (again && doubt.expired) throw new WasmpollError('ERR_TLS', message);
    this.#warnings.add(message);
  }

  /** @throws WasmpollError ERR_TLS, naming the file and what is wrong with it */
  checkUpstreams(upstreams: readonly TlsUpstream[]): void {
    try {
      for (const upstream of upstreams) this.#readUpstream(upstream, false);
    } finally {
      this.discard();
    }
  }

  /**
   * These are the upstreams that have TLS, from now on.
   * @throws WasmpollError ERR_TLS as above; nothing has changed then
   */
  setUpstreams(upstreams: readonly TlsUpstream[]): void {
    try {
      for (const upstream of upstreams) this.#readUpstream(upstream, false);
    } catch (error) {
      this.discard();
      throw error;
    }
    this.commit();
    const now = new Set(upstreams.map(({ number }) => number));
    for (const { number } of this.#upstreams) {
      // Connections that are open end as they would have.
      if (!now.has(number)) this.#modes[modeIndex(number, true)]! &= TLS_LENIENT;
    }
    this.#upstreams = upstreams;
    this.#used ||= upstreams.length > 0;
    for (const { number, tls } of upstreams) this.#modes[modeIndex(number, true)] = modeOf(tls);
  }

  /** Begins a handshake with the server of an upstream; tls/handshake.ts. */
  dial(upstream: number, host: string, peer: string, fd: number): Handshake {
    return new Handshake(this.#native, this.#native.dial(upstream, host, peer, fd));
  }

  /** A session that was handed over, and that nobody has taken. */
  drop(session: number): void {
    this.#tls?.drop(session);
  }

  /** All that was prepared takes effect. */
  commit(): void {
    this.#tls?.commit();
    for (const [number, listener] of this.#prepared) {
      this.#used ||= listener !== null;
      if (listener === null) this.#listeners.delete(number);
      else this.#listeners.set(number, listener);
      Atomics.store(this.#modes, number, listener === null ? 0 : modeOf(listener.options));
    }
    for (const warning of this.#warnings) this.#warn(warning);
    this.#forgetPrepared();
  }

  discard(): void {
    this.#tls?.discard();
    this.#forgetPrepared();
  }

  #forgetPrepared(): void {
    this.#prepared.clear();
    this.#warnings.clear();
  }

  /**
   * Reads the files of all listeners and upstreams again.
   * @throws WasmpollError ERR_TLS as above, and for a certificate that has expired; nothing has changed then
   */
  reload(): void {
    try {
      for (const [number, listener] of this.#listeners) this.#read(number, listener, true);
      for (const upstream of this.#upstreams) this.#readUpstream(upstream, true);
    } catch (error) {
      this.discard();
      throw error;
    }
    this.commit();
  }

  /** The listener is closed. Those who came by it go on as they are. */
  forget(number: number): void {
    this.#listeners.delete(number);
  }

  /** Null when no listener and no upstream has had TLS so far. */
  get counts(): TlsCounts | null {
    return this.#tls !== null && this.#used ? tlsCounts(this.#tls) : null;
  }

  /** No connection may be left. */
  close(): void {
    this.#tls?.release();
  }
}

/** @throws WasmpollError ERR_TLS if anything is wrong */
function refuse(
  fault: TlsFault | undefined,
  what: string,
  label: (pair: number, part: string) => string,
): void {
  if (fault === undefined) return;
  const { pair, part, why } = fault;
  throw new WasmpollError(
    'ERR_TLS',
    `${what}: tls: ${part === '' ? '' : `${label(pair, part)} `}${why}`,
  );
}

const modeOf = ({ starttls = false, end = 'strict' }: TlsOptions | UpstreamTls): number =>
  (starttls ? TLS_LATER : TLS_AT_ONCE) | (end === 'lenient' ? TLS_LENIENT : 0);
