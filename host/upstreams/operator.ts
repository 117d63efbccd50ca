// Operator: READ THIS FIRST. The operator's side of outbound connections, in the server's thread: where upstreams lead,
// and what is known of them. Dialers ask it; it opens nothing.

import type {
  DialFailure,
  DialRequest,
  Endpoint,
  Handshake,
  Resolved,
  UpstreamShare,
  Upstreams,
} from './contract.ts';
import { UNBOUNDED, UpstreamCounts } from './counts.ts';
import { preamble } from './preamble.ts';
import type { UpstreamSpec } from './spec/spec.ts';
import { type Ground, type Outcome, type Report, type TargetStatus, Upstream } from './upstream.ts';

/** What `stats()` has of an upstream. */
export interface UpstreamStats {
  /** Connections, those included that are being made. */
  readonly open: number;
  readonly connecting: number;
  /** Since the start. */
  readonly connected: number;
  readonly cancelled: number;
  readonly failed: Readonly<Partial<Record<DialFailure, number>>>;
  /** Of connections that are over. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly targets: readonly TargetStatus[];
}

/** By the upstreams' names. */
export type UpstreamsStats = Readonly<Record<string, UpstreamStats>>;

/** Who makes the handshakes of a server. */
export interface Secures {
  /** @param peer says who is at the other end: sessions with it may go on */
  dial(upstream: number, host: string, peer: string, fd: number): Handshake;
  drop(session: number): void;
}

const IN_CLEAR: Secures = {
  dial: () => {
    throw new Error('upstreams: nobody makes handshakes');
  },
  drop: () => undefined,
};

const peerOf = (endpoint: Endpoint): string =>
  'path' in endpoint ? endpoint.path : `${endpoint.address} ${endpoint.port}`;

export class Operator implements Upstreams {
  readonly share: UpstreamShare;
  readonly #upstreams: readonly Upstream[];
  readonly #counts: UpstreamCounts;
  readonly #secures: Secures;

  constructor(
    specs: readonly UpstreamSpec[],
    ground: Ground,
    report: Report,
    secures: Secures = IN_CLEAR,
  ) {
    this.#secures = secures;
    const counts = new SharedArrayBuffer(UpstreamCounts.bytesFor(specs.length));
    this.#counts = new UpstreamCounts(counts, specs.length);
    this.#upstreams = specs.map((spec) => new Upstream(spec, ground, report));
    const upstreams = specs.map(({ name, patterns, max, proxy }) => ({
      ...{ name, patterns, max: max ?? UNBOUNDED },
      proxied: proxy !== null,
    }));
    this.share = { upstreams, counts };
  }

  connectTimeoutMs(upstream: number): number {
    return this.#at(upstream).spec.connectTimeoutMs;
  }

  resolve(upstream: number, added: string, asker: string): Resolved | Promise<Resolved> {
    return this.#at(upstream).resolve(added, asker);
  }

  header(upstream: number, { peer, local }: DialRequest): Uint8Array | null {
    const { proxy } = this.#at(upstream).spec;
    return proxy === null ? null : preamble(proxy, peer, local);
  }

  secure(upstream: number, added: string, endpoint: Endpoint, fd: number): Handshake | null {
    const { tls } = this.#at(upstream).spec;
    if (tls === null || tls.starttls === true) return null;
    const host = this.#at(upstream).hostOf(endpoint, added);
    return this.#secures.dial(upstream, host, peerOf(endpoint), fd);
  }

  drop(session: number): void {
    this.#secures.drop(session);
  }

  tried(upstream: number, endpoint: Endpoint, failure: DialFailure | null, why = ''): void {
    this.#at(upstream).tried(endpoint, failure, why);
  }

  dialing(upstream: number): void {
    this.#at(upstream).connecting += 1;
  }

  dialed(upstream: number, outcome: Outcome): void {
    this.#at(upstream).dialed(outcome);
  }

  get stats(): UpstreamsStats {
    const entries = this.#upstreams.map(
      (one, upstream) => [one.spec.name, this.#statsOf(one, upstream)] as const,
    );
    return Object.fromEntries(entries);
  }

  #statsOf({ outcomes, connecting, targets }: Upstream, upstream: number): UpstreamStats {
    const counted: Partial<Record<Outcome, number>> = Object.fromEntries(outcomes);
    const { connected = 0, cancelled = 0, ...failed } = counted;
    const open = this.#counts.open(upstream);
    const moved = this.#counts.moved(upstream);
    return { open, connecting, connected, cancelled, failed, ...moved, targets };
  }

  #at(upstream: number): Upstream {
    return this.#upstreams[upstream]!;
  }
}
