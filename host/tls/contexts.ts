// TLS contexts: what the listeners of a server show, in the addon's memory, where all threads find it. All of
// it is replaced at once or not at all. It knows no connection.

import { WasmpollError } from '../errors.ts';
import type { Tls } from '../kernel/addon.ts';
import type { Native } from '../kernel/native.ts';
import {
  TLS_AT_ONCE,
  TLS_LATER,
  TLS_LENIENT,
  TLS_LISTENERS,
  type TlsShare,
} from '../kernel/tls-access.ts';
import type { Policy } from '../policy.ts';
import { type TlsCounts, tlsCounts } from './counts.ts';
import type { TlsOptions } from './options.ts';
import { readTls } from './texts.ts';
import { doubtOf } from './validity.ts';

/** A listener that has TLS. */
export interface TlsListener {
  readonly number: number;
  /** Stands in front of messages. */
  readonly name: string;
  readonly options: TlsOptions;
}

// What a receive of TLS has to leave free of the window, and a little more that it can use.
const WINDOW_SPARE_BYTES = 18 * 1024;

/** A policy with a receive window that has room for a record beside a frame that is held. */
export const securePolicy = (policy: Policy): Policy => ({
  ...policy,
  receiveWindowBytes: Math.max(
    policy.receiveWindowBytes,
    policy.maxFrameBytes + WINDOW_SPARE_BYTES,
  ),
});

export class TlsContexts {
  readonly share: TlsShare;
  readonly #tls: Tls;
  readonly #modes: Int32Array;
  readonly #warn: (message: string) => void;
  /** By their numbers. */
  readonly #listeners = new Map<number, TlsListener>();
  /** Settles with the last change that was asked for: they come one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  /**
   * @param warn is told of certificates that have expired or soon will
   * @throws WasmpollError ERR_TLS when this Node has no TLS for us
   */
  constructor(native: Native, policy: Policy, warn: (message: string) => void) {
    const refusal = native.tlsRefusal(process.versions.openssl ?? 'none');
    if (refusal !== '') throw new WasmpollError('ERR_TLS', `tls: ${refusal}`);
    this.#tls = new native.Tls(policy.ticketLifetimeMs);
    this.#warn = warn;
    const modes = new SharedArrayBuffer(TLS_LISTENERS * Int32Array.BYTES_PER_ELEMENT);
    this.#modes = new Int32Array(modes);
    this.share = { id: this.#tls.id, modes };
  }

  /**
   * Reads what these listeners are to show, and has it hold for whoever connects from now on. Other listeners
   * go on as they are.
   * @throws WasmpollError ERR_TLS, naming the file and what is wrong; nothing has changed then
   */
  configure(listeners: readonly TlsListener[]): Promise<void> {
    return this.#inTurn(() => this.#configure(listeners));
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #configure(listeners: readonly TlsListener[]): Promise<void> {
    await this.#prepare(listeners, false);
    for (const listener of listeners) {
      const { end, starttls = false } = listener.options;
      const mode = (starttls ? TLS_LATER : TLS_AT_ONCE) | (end === 'lenient' ? TLS_LENIENT : 0);
      this.#listeners.set(listener.number, listener);
      Atomics.store(this.#modes, listener.number, mode);
    }
  }

  /**
   * Reads the files of all listeners again.
   * @throws WasmpollError ERR_TLS as above, and for a certificate that has expired while the one before has
   *   not; nothing has changed then
   */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#prepare([...this.#listeners.values()], true));
  }

  async #prepare(listeners: readonly TlsListener[], again: boolean): Promise<void> {
    const warnings: string[] = [];
    try {
      for (const listener of listeners) await this.#read(listener, again, warnings);
    } catch (error) {
      this.#tls.discard();
      throw error;
    }
    this.#tls.commit();
    for (const warning of warnings) this.#warn(warning);
  }

  async #read({ number, name, options }: TlsListener, again: boolean, warnings: string[]) {
    const { texts, label } = readTls(options, name);
    const fault = this.#tls.prepare(number, texts);
    if (fault !== undefined) {
      const { pair, part, why } = fault;
      const what = part === '' ? '' : `${label(pair, part)} `;
      throw new WasmpollError('ERR_TLS', `${name}: tls: ${what}${why}`);
    }
    for (const [index, { cert }] of texts.pairs.entries()) {
      const doubt = await doubtOf(cert, Date.now());
      if (doubt === null) continue;
      const message = `${name}: tls: ${label(index, 'cert')} ${doubt.why}`;
      if (again && doubt.expired) throw new WasmpollError('ERR_TLS', message);
      warnings.push(message);
    }
  }

  /** The listener is closed; its number may be another's. */
  remove(number: number): void {
    this.#listeners.delete(number);
    Atomics.store(this.#modes, number, 0);
  }

  get counts(): TlsCounts {
    return tlsCounts(this.#tls);
  }

  /** No connection may be left. */
  close(): void {
    this.#tls.release();
  }
}
