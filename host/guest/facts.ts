// Facts: what is known of a connection besides its bytes: addresses, by which listener it came, and what its
// PROXY header says. It looks when a guest asks, and keeps nothing.

import type { Kernel, Result, TlsSeat } from '../kernel/contract.ts';
import type { ListenerTable } from '../listen/peer/listener-table.ts';
import { INCOMPLETE, type ProxyHeader, parseProxyHeader } from '../listen/peer/proxy-header.ts';
import type { Connections } from '../memory/connections.ts';
import { Headers } from '../memory/headers.ts';
import {
  AWAITING,
  COLUMNS,
  FD,
  FLAGS,
  HEADER_BYTES,
  LISTENER,
  OUTBOUND,
  TLS,
} from '../memory/layout.ts';
import type { Policy } from '../policy.ts';
import type { SharedSeat } from '../shared/contract.ts';
import type { Directory } from '../upstreams/directory.ts';

/** Where it looks. */
interface Sources {
  readonly listeners: ListenerTable;
  readonly headers: Headers;
  /** Null where there are no upstreams. */
  readonly directory?: Directory | null;
  /** Where topics are shared. */
  readonly seat?: SharedSeat | undefined;
}

export class Facts {
  readonly #kernel: Kernel;
  readonly #table: Int32Array;
  readonly #listeners: ListenerTable;
  readonly #headers: Headers;
  readonly #directory: Directory | null;
  readonly #seat: SharedSeat | undefined;
  readonly #tls: TlsSeat | null;

  constructor(
    kernel: Kernel,
    { table }: Pick<Connections, 'table'>,
    { listeners, headers, directory = null, seat }: Sources,
    tls: TlsSeat | null = null,
  ) {
    this.#kernel = kernel;
    this.#table = table;
    this.#listeners = listeners;
    this.#headers = headers;
    this.#directory = directory;
    this.#seat = seat;
    this.#tls = tls;
  }

  /** The client's address as text, by its PROXY header if that says so, or '' when the peer is gone. */
  peerAddress(slot: number): string {
    return this.#headerOf(slot)?.source ?? this.#socketPeer(slot) ?? '';
  }

  /** The operator's name for the listener that it came by; of one that leads to an upstream, `upstream NAME`. */
  listener(slot: number): string {
    const upstream = this.upstream(slot);
    if (upstream !== null) return `upstream ${upstream}`;
    return this.#listeners.name(this.#table[slot * COLUMNS + LISTENER]!) ?? '';
  }

  /** The name of the upstream that it leads to; null for one that came by a listener. */
  upstream(slot: number): string | null {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & OUTBOUND) === 0) return null;
    return this.#directory?.name(this.#table[base + LISTENER]!) ?? '';
  }

  #socketPeer(slot: number): string | null {
    const fd = this.#table[slot * COLUMNS + FD]!;
    // Another thread may look here while the connection is closed.
    return fd < 0 ? null : textOf(this.#kernel.peerAddress(fd));
  }

  // One that was read before: it is whole.
  #headerOf(slot: number): ProxyHeader | null {
    const base = slot * COLUMNS;
    const bytes = this.#table[base + HEADER_BYTES]!;
    if (bytes === 0 || (this.#table[base + FLAGS]! & (AWAITING | OUTBOUND)) !== 0) return null;
    const header = parseProxyHeader(this.#headers.of(slot, bytes), this.#headers.stride);
    return header === INCOMPLETE ? null : header;
  }

  /** Text, or bytes as a balancer has given them; null when there is no such fact. */
  property(slot: number, key: string): string | Uint8Array | null {
    const base = slot * COLUMNS;
    if (key.startsWith('proxy.')) return this.#proxyProperty(slot, key);
    if (key.startsWith('tls.')) return this.#tlsFact(slot, key);
    if (key === 'upstream') return this.upstream(slot);
    if (key === 'listener') return this.#cameBy(slot);
    if (key === 'topics.retained') return this.#seat?.retained().toString() ?? null;
    if (key !== 'local' && key !== 'transport') return null;
    const fd = this.#table[base + FD]!;
    const local = fd < 0 ? null : textOf(this.#kernel.localAddress(fd));
    if (local === null || key === 'local') return local;
    return local.startsWith('unix:') ? 'unix' : 'tcp';
  }

  #cameBy(slot: number): string | null {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & OUTBOUND) !== 0) return null;
    return this.#listeners.name(this.#table[base + LISTENER]!);
  }

  #tlsFact(slot: number, key: string): string | null {
    if (this.#tls === null || (this.#table[slot * COLUMNS + FLAGS]! & TLS) === 0) return null;
    return this.#tls.fact(slot, key) ?? null;
  }

  #proxyProperty(slot: number, key: string): string | Uint8Array | null {
    const header = this.#headerOf(slot);
    if (header === null) return null;
    if (key === 'proxy.peer') return this.#socketPeer(slot);
    if (key === 'proxy.source') return header.source;
    if (key === 'proxy.destination') return header.destination;
    return header.facts.get(key) ?? null;
  }
}

/** Facts of connections whose thread is gone. @param headers the buffer in which it had them */
export const factsOf = (
  kernel: Kernel,
  connections: Pick<Connections, 'table'>,
  listeners: ListenerTable,
  headers: ArrayBufferLike,
  policy: Policy,
): Facts => new Facts(kernel, connections, { listeners, headers: new Headers(headers, policy) });

const textOf = (address: string | Result): string | null =>
  typeof address === 'string' ? address : null;
