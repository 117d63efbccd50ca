// Upstream: one to which the guest of a harness connects, as a test plays it. It knows what is asked of it, and not by
// whom.

import type { Socket } from '../kernel/loopback/loopback-socket.ts';
import { Peer } from './peer.ts';

/** Of a connection's receive buffer, and of the server's. */
export const BUFFER_BYTES = 16 * 1024 * 1024;

/** What an upstream of a harness is like; what it does is told to `Harness.upstream()`. */
export interface UpstreamOptions {
  /** As for `serve()`: the guest names the host. */
  readonly pattern?: string | readonly string[];
  /** Connections at a time. */
  readonly max?: number;
  /** Milliseconds until a connection is given up that nobody answers; 5,000 by default. */
  readonly connectTimeoutMs?: number;
  /** Of its receive buffer, and of the server's; 16 MiB by default. */
  readonly bufferBytes?: number;
  /**
   * By TLS, as it looks from here: bytes are the same, and an end is announced unless it is a `truncate()`. An object is
   * what the guest finds as properties: `{ 'tls.subject': 'CN=db' }`.
   */
  readonly tls?: boolean | Readonly<Record<string, string>>;
  /** The guest may begin TLS by `start_tls`; then the peer's part is `Peer.shake()`. */
  readonly starttls?: boolean;
  /** The version of a PROXY header that comes first, and says for whom the connection is. */
  readonly proxy?: 'v1' | 'v2';
}

/** The upstream's end of a connection. */
export class UpstreamPeer extends Peer {
  /** What the guest has added to the name: `www.example.com`; '' for nothing. */
  readonly added: string;
  /** With `proxy`, the address of the client for whom the connection is; '' for none. */
  readonly proxied: string;
  /** The bytes of the PROXY header, which come first; none without `proxy`. */
  readonly header: Uint8Array;

  /** Use `Upstream.peers`. */
  constructor(
    socket: Socket,
    settle: () => void,
    { added, proxied }: Pick<Request, 'added' | 'proxied'>,
    header: Uint8Array,
  ) {
    super(socket, settle);
    this.added = added;
    this.proxied = proxied;
    this.header = header;
  }
}

/** Called when a peer is there, and each time something has come for it: bytes, or its end. */
export type Serve = (peer: UpstreamPeer) => void;

export type Manner = 'accept' | 'refuse' | 'reset' | 'silence';

/** A connection that the guest has asked for, and that is not answered. */
export interface Request {
  readonly handle: number;
  readonly added: string;
  /** The parent's address, and that of the server's end of it, if a PROXY header is to say so. */
  readonly proxied: string;
  readonly local: string;
  readonly askedAt: number;
}

interface Served {
  readonly peer: UpstreamPeer;
  /** What was there when it was last called for. */
  seen: string;
}

/** It accepts, until a test says something else. What is said holds for connections that wait, too. */
export class Upstream {
  /** Every connection that it has accepted, the first one first. */
  readonly peers: UpstreamPeer[] = [];
  /** What the guest has added to the name for each connection that it has asked for. @internal */
  readonly hosts: string[] = [];
  /** What fits into each of the two buffers of its next connections. @internal */
  bufferBytes: number;
  readonly options: UpstreamOptions;
  readonly #settle: () => void;
  readonly #waiting = new Map<number, Request>();
  #served: Served[] = [];
  #serve: Serve | null = null;
  #manner: Manner = 'accept';
  #delayMs = 0;

  /** Use `Harness.upstream()`. */
  constructor(options: UpstreamOptions, settle: () => void) {
    this.options = options;
    this.bufferBytes = options.bufferBytes ?? BUFFER_BYTES;
    this.#settle = settle;
  }

  /**
   * Accepts.
   * @param serve plays the peers from now on
   */
  accept(serve?: Serve): void {
    this.#serve = serve ?? this.#serve;
    this.#behave('accept');
  }

  /** Accepts so many milliseconds after it was asked. */
  delay(milliseconds: number): void {
    this.#behave('accept', milliseconds);
  }

  /** Refuses, as a system does on which nobody listens. */
  refuse(): void {
    this.#behave('refuse');
  }

  /** Accepts, and resets at once. */
  reset(): void {
    this.#behave('reset');
  }

  /** Does not answer, as if every packet was lost. */
  silence(): void {
    this.#behave('silence');
  }

  #behave(manner: Manner, delayMs = 0): void {
    this.#manner = manner;
    this.#delayMs = delayMs;
    this.#settle();
  }

  /** How many connections were asked for. */
  get asked(): number {
    return this.hosts.length;
  }

  /** Connections that wait to be accepted. */
  get waiting(): number {
    return this.#waiting.size;
  }

  // The rest is for those who put a harness together.

  /** @internal */
  ask(request: Request): void {
    if (this.#waiting.has(request.handle)) return;
    this.hosts.push(request.added);
    this.#waiting.set(request.handle, request);
  }

  /** @internal */
  forget(handle: number): void {
    this.#waiting.delete(handle);
  }

  /** When something becomes of those that wait. @internal */
  get deadline(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const request of this.#waiting.values()) first = Math.min(first, this.#dueAt(request));
    return first;
  }

  #dueAt({ askedAt }: Request): number {
    const { connectTimeoutMs = 5000 } = this.options;
    const ms = this.#manner === 'silence' ? Number.POSITIVE_INFINITY : this.#delayMs;
    return askedAt + Math.min(connectTimeoutMs, ms);
  }

  /** Takes those of which something is known by now. @internal */
  due(now: number): { readonly request: Request; readonly manner: Manner }[] {
    const { connectTimeoutMs = 5000 } = this.options;
    const requests = [...this.#waiting.values()].filter((request) => this.#dueAt(request) <= now);
    return requests.map((request) => {
      const late = this.#manner === 'silence' || this.#delayMs >= connectTimeoutMs;
      return { request, manner: late ? 'refuse' : this.#manner };
    });
  }

  /** @internal */
  connected(peer: UpstreamPeer): void {
    this.peers.push(peer);
    this.#served.push({ peer, seen: '' });
  }

  /** Something has come for peers that are played. @internal */
  get isCalled(): boolean {
    return this.#serve !== null && this.#served.some(hasNews);
  }

  /** Plays those for whom something has come. @returns whether there were any. @internal */
  turn(): boolean {
    const serve = this.#serve;
    if (serve === null) return false;
    const due = this.#served.filter(hasNews);
    for (const served of due) {
      serve(served.peer);
      // What it has left it does not want to be told of again.
      served.seen = seenOf(served.peer);
    }
    this.#served = this.#served.filter(({ peer }) => peer.state !== 'reset');
    return due.length > 0;
  }
}

const hasNews = ({ peer, seen }: Served): boolean => seen !== seenOf(peer);

const seenOf = (peer: UpstreamPeer): string => `${peer.waiting} ${peer.state}`;
