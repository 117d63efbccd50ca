// The types of the addon's TLS: what a server's listeners show, and how its connections to upstreams are protected.
// Nothing here runs.

/** A certificate with its chain and its key, as PEM texts; `name` is empty in the first of a listener's. */
export interface TlsPair {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

/** What a listener shows, and what it asks of clients. */
export interface TlsTexts {
  readonly pairs: readonly TlsPair[];
  /** By which clients are judged, as PEM texts. */
  readonly ca: string;
  /** 0: a client is not asked for a certificate; 1: it may have none; 2: it must have one. */
  readonly clients: number;
  /** Names of protocols, each behind a character that is its length; the best first. */
  readonly alpn: string;
  /** 0: no session is ever resumed. */
  readonly tickets: number;
  /** The oldest version, as it stands in records: 0x303 is TLS 1.2. */
  readonly oldest: number;
}

/** By what the servers of an upstream are judged, and what they are shown. */
export interface TlsOutwardTexts {
  /** The certificate must be for this one, unless a session says another. */
  readonly host: string;
  /** Of authorities, as PEM texts. */
  readonly ca: string;
  /** '' for none, as `key` is then. */
  readonly cert: string;
  readonly key: string;
  /** As in TlsTexts. */
  readonly alpn: string;
  readonly tickets: number;
  readonly oldest: number;
  /** 0: any certificate will do. */
  readonly verifies: number;
}

/** What is wrong: with which pair, −1 for none, and with which of its texts. */
export interface TlsFault {
  readonly pair: number;
  readonly part: string;
  readonly why: string;
}

/** What a server's listeners show. All threads of the process find it by its id. */
export interface Tls {
  readonly id: number;
  /** Reads the texts and keeps what they say aside. @returns what is wrong with them, if anything is */
  prepare(listener: number, texts: TlsTexts): TlsFault | undefined;
  /** The same for connections to an upstream. */
  prepareUpstream(upstream: number, texts: TlsOutwardTexts): TlsFault | undefined;
  /** All that was prepared holds for whoever connects from now on. */
  commit(): void;
  discard(): void;
  /**
   * Begins a handshake over a connected descriptor. `host`: as in TlsSeat.dial; `peer` says who is at the other end, for
   * sessions that go on. @returns the session's number; 0 when it cannot begin
   */
  dial(upstream: number, host: string, peer: string, fd: number): number;
  /** Receives, goes on, and sends. @returns one of TLS_DIAL_…, −errno, TLS_FAILED or TLS_TRUNCATED */
  step(session: number): number;
  /** Why it has failed, as OpenSSL says it. */
  why(session: number): string;
  /** And as a number below TLS_CAUSES. */
  cause(session: number): number;
  /** Ends one that no seat has taken. */
  drop(session: number): void;
  /** Writes TLS_COUNTS columns: what the sessions of all seats have counted. */
  count(columns: Float64Array): void;
  /** No thread finds it any more. */
  release(): void;
}
