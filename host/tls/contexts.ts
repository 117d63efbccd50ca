// TLS contexts: what the listeners of a server show, in the addon's memory, where all threads find it. All of
// it is replaced at once or not at all. It knows no connection.

import { WasmpollError } from '../errors.ts';
import type { Tls } from '../kernel/addon.ts';
import type { Native } from '../kernel/native.ts';
import { TLS_AT_ONCE, TLS_LATER, TLS_LENIENT, TLS_LISTENERS } from '../kernel/tls-modes.ts';
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

/** What a thread needs to serve TLS. */
export interface TlsShare {
  readonly id: number;
  /** An Int32Array: for each listener, bits of tls-modes.ts. */
  readonly modes: SharedArrayBuffer;
}

export class TlsContexts {
  readonly share: TlsShare;
  readonly #tls: Tls;
  readonly #modes: Int32Array;
  readonly #warn: (message: string) => void;
  /** By their numbers. */
  readonly #listeners = new Map<number, TlsListener>();

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
  async configure(listeners: readonly TlsListener[]): Promise<void> {
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
  async reload(): Promise<void> {
    await this.#prepare([...this.#listeners.values()], true);
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
