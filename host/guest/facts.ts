// Facts: what is known of a connection besides its bytes: addresses, and by which listener it came. It
// asks the kernel when a guest asks, and keeps nothing.

import type { Kernel, Result } from '../kernel/contract.ts';
import type { Connections } from '../memory/connections.ts';
import { COLUMNS, FD, LISTENER } from '../memory/layout.ts';

export class Facts {
  readonly #kernel: Kernel;
  readonly #table: Int32Array;
  readonly #listeners: readonly string[];

  /** @param listeners as the operator has written them, by their numbers in the table */
  constructor(kernel: Kernel, { table }: Connections, listeners: readonly string[]) {
    this.#kernel = kernel;
    this.#table = table;
    this.#listeners = listeners;
  }

  /** The peer's address as text, or '' when it is gone. */
  peerAddress(slot: number): string {
    const fd = this.#table[slot * COLUMNS + FD]!;
    return fd < 0 ? '' : (textOf(this.#kernel.peerAddress(fd)) ?? '');
  }

  /** The operator's name for the listener that it came by. */
  listener(slot: number): string {
    return this.#listeners[this.#table[slot * COLUMNS + LISTENER]!] ?? '';
  }

  /** Null when there is no such fact. */
  property(slot: number, key: string): string | null {
    const base = slot * COLUMNS;
    if (key === 'listener') return this.#listeners[this.#table[base + LISTENER]!] ?? null;
    if (key !== 'local' && key !== 'transport') return null;
    const local = textOf(this.#kernel.localAddress(this.#table[base + FD]!));
    if (local === null || key === 'local') return local;
    return local.startsWith('unix:') ? 'unix' : 'tcp';
  }
}

const textOf = (address: string | Result): string | null =>
  typeof address === 'string' ? address : null;
