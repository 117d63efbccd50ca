// Facts: what is known of a connection besides its bytes: addresses, and by which listener it came. It
// asks the kernel when a guest asks, and keeps nothing.

import type { Kernel, Result, TlsSeat } from '../kernel/contract.ts';
import type { Connections } from '../memory/connections.ts';
import { COLUMNS, FD, FLAGS, LISTENER, TLS } from '../memory/layout.ts';

export class Facts {
  readonly #kernel: Kernel;
  readonly #table: Int32Array;
  readonly #listeners: readonly string[];
  readonly #tls: TlsSeat | null;

  /** @param listeners as the operator has written them, by their numbers in the table */
  constructor(
    kernel: Kernel,
    { table }: Connections,
    listeners: readonly string[],
    tls: TlsSeat | null,
  ) {
    this.#kernel = kernel;
    this.#table = table;
    this.#listeners = listeners;
    this.#tls = tls;
  }

  /** The peer's address as text, or '' when it is gone. */
  peerAddress(slot: number): string {
    return textOf(this.#kernel.peerAddress(this.#table[slot * COLUMNS + FD]!)) ?? '';
  }

  /** Null when there is no such fact. */
  property(slot: number, key: string): string | null {
    const base = slot * COLUMNS;
    if (key.startsWith('tls.')) return this.#tlsFact(slot, key);
    if (key === 'listener') return this.#listeners[this.#table[base + LISTENER]!] ?? null;
    if (key !== 'local' && key !== 'transport') return null;
    const local = textOf(this.#kernel.localAddress(this.#table[base + FD]!));
    if (local === null || key === 'local') return local;
    return local.startsWith('unix:') ? 'unix' : 'tcp';
  }

  #tlsFact(slot: number, key: string): string | null {
    if (this.#tls === null || (this.#table[slot * COLUMNS + FLAGS]! & TLS) === 0) return null;
    return this.#tls.fact(slot, key) ?? null;
  }
}

const textOf = (address: string | Result): string | null =>
  typeof address === 'string' ? address : null;
