// Upstreams, as both sides see them: those who ask for connections (guests, through their reactor), the dialer that
// makes them, and the operator's side, which knows where they lead. Types only.

import type { CountBuffers } from './counts.ts';

/** Which hosts a guest may add: `*.example.com:443`. */
export interface PatternFacts {
  /** What the host ends in, with its dot; empty for any host. */
  readonly suffix: string;
  /** Null: the guest adds it. */
  readonly port: number | null;
}

/** What every thread knows of an upstream. */
export interface UpstreamFacts {
  readonly name: string;
  /** The operator has taken it away: its connections go on, and no more are made. */
  readonly isGone?: boolean;
  /** Empty: the guest adds nothing. Otherwise it says `name:HOST`, or `name:HOST:PORT`. */
  readonly patterns: readonly PatternFacts[];
  /** Connections at a time, over all workers. */
  readonly max: number;
  /** Somebody wants to know who the parent's peer is. */
  readonly proxied: boolean;
}

/** What threads are given; it can be cloned. An upstream's number is its place in the list, for as long as a server lives. */
export interface UpstreamShare {
  readonly upstreams: readonly UpstreamFacts[];
  /** For an UpstreamCounts: who has how many. */
  readonly counts: CountBuffers;
}

/** A connection that a guest has asked for, and whose callback has returned. */
export interface DialRequest {
  /** Of the connection, in its seat. */
  readonly handle: number;
  /** The upstream's number. */
  readonly upstream: number;
  /** What the guest has added to the name, as it was written; '' for nothing. It fits a pattern. */
  readonly added: string;
  /** The connection in whose favour it is, of the same seat; 0 for none. */
  readonly parent: number;
  /** If it is `proxied`: the parent's peer and this end of it, `127.0.0.1:80`, `[::1]:80`, `unix:…`; '' for none. */
  readonly peer: string;
  readonly local: string;
}

/** Of a request: in whose name it is. */
export type ClientEnds = Pick<DialRequest, 'peer' | 'local'>;

/** Whoever makes connections for one seat. Each request is answered once, unless nobody waits for it. */
export interface SeatDialer {
  /** So many more requests can be made now. */
  readonly room: number;
  /** One for the same handle that is not answered yet is the same request. */
  dial(request: DialRequest): void;
  /** The answer is not wanted any more; it may come all the same. */
  cancel(handle: number): void;
}

/** What a reactor is given where there are upstreams. */
export interface UpstreamAccess extends SeatDialer {
  /** As it is at the start. */
  readonly share: UpstreamShare;
  /** The seat's number in the counts. */
  readonly seat: number;
}

/** Why no connection came about. */
export type DialFailure =
  /** The peer's system said no. */
  | 'refused'
  /** Nobody answered within connectTimeout, resolving included. */
  | 'timeout'
  /** No way leads there, or it is reset while it begins. */
  | 'unreachable'
  /** The name has no address. */
  | 'unresolved'
  /** It has only addresses that the rules forbid. */
  | 'denied'
  /** It is there, but a handshake of TLS with it came to nothing. */
  | 'tls'
  /** This machine has no descriptor, port or memory left, or too many names wait to be looked up. */
  | 'resources';

/** Where one attempt goes. The address is numeric, was checked, and is connected to as it stands here. */
export type Endpoint =
  | {
      readonly target: number;
      readonly address: string;
      readonly port: number;
      /** It must not be this machine. The kernel knows more addresses of its own than it tells. */
      readonly isElsewhere?: boolean;
    }
  | { readonly target: number; readonly path: string };

/** What protects a connection before a seat gets it: the steps of its handshake. */
export interface Handshake {
  /** The number of its session, by which a seat takes that. */
  readonly session: number;
  /** Receives and sends what it can. @returns whether it waits for input or for room, or how it has ended */
  step(): 'reads' | 'writes' | 'done' | 'failed';
  /** Why it has failed, in words; '' where the operator does not want it any more. */
  readonly why: string;
  /** After it has failed: it would have with any client. */
  readonly failsAll: boolean;
  /** Nobody wants it any more. */
  drop(): void;
}

/** What is known of a handshake that came to nothing. */
export interface Unshaken {
  /** In words. */
  readonly why: string;
  /** It would have with any client, whoever it is that a PROXY header has named. */
  readonly failsAll: boolean;
  readonly request: DialRequest;
}

export type Resolved = readonly Endpoint[] | DialFailure;

/** The operator's side, in the server's thread. Nothing here throws or rejects. */
export interface Upstreams {
  /** As it is now. */
  readonly share: UpstreamShare;
  /** How long one connection may take from the request on, resolving included. */
  connectTimeoutMs(upstream: number): number;
  /**
   * Endpoints in the order in which they are tried: the next begins when one has failed, or after 250 ms
   * (RFC 8305). At once where nothing has to be looked up.
   * @param asker for whom it is: names are looked up for one asker after the other
   * @param ends targets that have failed this client lately come last
   */
  resolve(
    upstream: number,
    added: string,
    asker: string,
    ends?: ClientEnds,
  ): Resolved | Promise<Resolved>;
  /**
   * The PROXY header that goes first, of 536 bytes at most; null for none, and where the upstream does not lead there any
   * more: `secure` is asked next.
   */
  header(upstream: number, request: DialRequest, endpoint: Endpoint): Uint8Array | null;
  /** Begins the handshake with an endpoint that is connected; null where the connection is in clear. */
  secure(upstream: number, added: string, endpoint: Endpoint, fd: number): Handshake | null;
  /** A session whose handshake is done, and that no seat has taken. */
  drop(session: number): void;
  /**
   * An attempt has worked, or not: for rests and log lines. One that another overtook is not told, unless that began a
   * second later.
   * @param unshaken where it was in its handshake
   */
  tried(
    upstream: number,
    endpoint: Endpoint,
    failure: DialFailure | null,
    unshaken?: Unshaken | null,
  ): void;
  /** A request begins, and it was answered or cancelled: for counts. */
  dialing(upstream: number): void;
  dialed(upstream: number, outcome: DialFailure | 'connected' | 'cancelled'): void;
}
