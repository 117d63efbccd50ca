// Operator: READ THIS FIRST. The operator's side of outbound connections, in the server's thread: where upstreams lead,
// and what is known of them. Dialers ask it; it opens nothing.

import { WasmpollError } from '../errors.ts';
import type {
  ClientEnds,
  DialFailure,
  DialRequest,
  Endpoint,
  Handshake,
  Resolved,
  Unshaken,
  UpstreamFacts,
  UpstreamShare,
  Upstreams,
} from './contract.ts';
import { MOST_UPSTREAMS, UNBOUNDED, UpstreamCounts } from './counts.ts';
import { clientNamed, preamble } from './preamble.ts';
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
  /** Since the start. The operator's side knows those of connections that are over; the server adds the others. */
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

const NO_CLIENT: ClientEnds = { peer: '', local: '' };

const peerOf = (endpoint: Endpoint): string =>
  'path' in endpoint ? endpoint.path : `${endpoint.address} ${endpoint.port}`;

const CHANGED: Handshake = {
  ...{ session: 0, why: '', failsAll: false, step: () => 'failed' },
  drop: () => undefined,
};

export class Operator implements Upstreams {
  /** In place of it there is another one after `setUpstreams`. */
  share: UpstreamShare;
  /** By their numbers, which stay theirs. */
  readonly #upstreams: Upstream[] = [];
  readonly #counts: UpstreamCounts;
  readonly #ground: Ground;
  readonly #report: Report;
  readonly #secures: Secures;

  constructor(
    specs: readonly UpstreamSpec[],
    ground: Ground,
    report: Report,
    secures: Secures = IN_CLEAR,
  ) {
    this.#ground = ground;
    this.#report = report;
    this.#secures = secures;
    this.share = { upstreams: [], counts: UpstreamCounts.make(SharedArrayBuffer, 0) };
    this.#counts = new UpstreamCounts(this.share.counts);
    this.setUpstreams(this.numbered(specs));
  }

  /**
   * The upstreams by the numbers that they will have: one whose name was there before has the same as then, since
   * threads may hear of a change later. Null is in the place of one that is there no more.
   * @throws WasmpollError ERR_OPTION when there were too many names since the start
   */
  numbered(specs: readonly UpstreamSpec[]): (UpstreamSpec | null)[] {
    const names = this.#upstreams.map(({ spec: { name } }) => name);
    const fresh = specs.filter(({ name }) => !names.includes(name));
    if (names.length + fresh.length > MOST_UPSTREAMS) {
      const why = `a server has at most ${MOST_UPSTREAMS}, counting those that it had before`;
      throw new WasmpollError('ERR_OPTION', `upstreams: ${why}; start it anew`);
    }
    const kept = names.map((name) => specs.find((spec) => spec.name === name) ?? null);
    return [...kept, ...fresh];
  }

  /** These are the upstreams from now on. @param specs as `numbered` has them */
  setUpstreams(specs: readonly (UpstreamSpec | null)[]): void {
    for (const [number, spec] of specs.entries()) {
      const known = this.#upstreams[number];
      if (known !== undefined) known.isGone = spec === null;
      if (spec === null) continue;
      if (known === undefined) this.#upstreams.push(new Upstream(spec, this.#ground, this.#report));
      else known.spec = spec;
    }
    const counts = UpstreamCounts.make(SharedArrayBuffer, specs.length, this.share.counts);
    this.#counts.adopt(counts);
    this.share = { upstreams: this.#upstreams.map(factsOf), counts };
    const targets = specs.flatMap((spec) => spec?.targets ?? []);
    const hosts = targets.flatMap((target) => (target.kind === 'tcp' ? target.host : []));
    this.#ground.targets.keepOnly(new Set(hosts));
  }

  connectTimeoutMs(upstream: number): number {
    return this.#at(upstream).spec.connectTimeoutMs;
  }

  resolve(
    upstream: number,
    added: string,
    asker: string,
    ends: ClientEnds = NO_CLIENT,
  ): Resolved | Promise<Resolved> {
    const one = this.#at(upstream);
    return one.resolve(added, asker, clientOf(one, ends));
  }

  header(upstream: number, { added, peer, local }: DialRequest, to: Endpoint): Uint8Array | null {
    const one = this.#at(upstream);
    const { proxy } = one.spec;
    return proxy === null || !one.leadsTo(to, added) ? null : preamble(proxy, peer, local);
  }

  secure(upstream: number, added: string, endpoint: Endpoint, fd: number): Handshake | null {
    const one = this.#at(upstream);
    const { tls } = one.spec;
    // Nothing is said to whom the operator has taken away meanwhile, in clear or not.
    if (!one.leadsTo(endpoint, added)) return CHANGED;
    if (tls === null || tls.starttls === true) return null;
    const host = one.hostOf(endpoint, added);
    if (host === null) return CHANGED;
    return this.#secures.dial(upstream, host, peerOf(endpoint), fd);
  }

  drop(session: number): void {
    this.#secures.drop(session);
  }

  tried(
    upstream: number,
    endpoint: Endpoint,
    failure: DialFailure | null,
    unshaken: Unshaken | null = null,
  ): void {
    const one = this.#at(upstream);
    // What it would do to any client says nothing of the one that it knows by the header.
    const isOne = unshaken !== null && !unshaken.failsAll;
    one.tried(endpoint, failure, unshaken, isOne ? clientOf(one, unshaken.request) : '');
  }

  dialing(upstream: number): void {
    this.#at(upstream).connecting += 1;
  }

  dialed(upstream: number, outcome: Outcome): void {
    this.#at(upstream).dialed(outcome);
  }

  get stats(): UpstreamsStats {
    const entries = this.#upstreams.map(
      (one, upstream) => [one, this.#statsOf(one, upstream)] as const,
    );
    const shown = entries.filter(([{ isGone }, { open }]) => !isGone || open > 0);
    return Object.fromEntries(shown.map(([{ spec }, stats]) => [spec.name, stats]));
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

/** Whom its header names; '' where there is none, or it names nobody. */
const clientOf = ({ spec }: Upstream, { peer, local }: ClientEnds): string =>
  spec.proxy === null ? '' : clientNamed(peer, local);

const factsOf = ({ isGone, spec: { name, patterns, max, proxy } }: Upstream): UpstreamFacts => ({
  ...{ name, isGone, patterns, max: max ?? UNBOUNDED, proxied: proxy !== null },
});
