// Upstream: one that the operator has named: where its connections go next, and how they have fared. It is given
// resolver and clock, and opens nothing.

import { isIP } from 'node:net';
import { type Address, showAddress } from '../listen/address.ts';
import { ipText } from '../listen/peer/ip.ts';
import type { DialFailure, Endpoint, Resolved, Unshaken } from './contract.ts';
import type { GuestNames } from './names/guest-names.ts';
import type { TargetNames } from './names/target-names.ts';
import { match, type Named } from './pattern.ts';
import { allowsOwn, isAllowed } from './reach.ts';
import { Rotation } from './rotation.ts';
import type { UpstreamSpec } from './spec/spec.ts';
import { hostNamed } from './spec/tls.ts';

/** What upstreams are told by the system. */
export interface Ground {
  /** Names of the operator, and those that guests add. */
  readonly targets: TargetNames;
  readonly added: GuestNames;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** This machine's addresses, as `parseNetworks` has them. */
  readonly own: () => Uint8Array;
}

export interface Report {
  /** A target begins to fail, or it works again (null). */
  target(upstream: string, target: string, failure: DialFailure | null, why: string): void;
  /** A handshake has failed, and no rest tells of it. */
  handshake(upstream: string, target: string, failure: DialFailure, why: string): void;
}

export type Outcome = DialFailure | 'connected' | 'cancelled';

/** How one target is doing. */
export interface TargetStatus {
  readonly address: string;
  /** It has failed, and is tried only if no other is left. */
  readonly resting: boolean;
}

interface Target {
  /** No other one of the upstream ever has it. */
  readonly number: number;
  readonly address: Address;
}

export class Upstream {
  /** Since the start. */
  readonly outcomes = new Map<Outcome, number>();
  /** Requests that are neither answered nor cancelled. */
  connecting = 0;
  /** The operator has taken it away: its connections go on, and no more are made. */
  isGone = false;
  #spec: UpstreamSpec;
  readonly #ground: Ground;
  readonly #report: Report;
  #targets: readonly Target[] = [];
  #rotation: Rotation;
  #numbers = 0;

  constructor(spec: UpstreamSpec, ground: Ground, report: Report) {
    this.#spec = spec;
    this.#report = report;
    this.#ground = ground;
    this.#rotation = new Rotation(0, ground.now, ground.random);
    this.spec = spec;
  }

  get spec(): UpstreamSpec {
    return this.#spec;
  }

  /** What the operator says of it from now on. Targets that stay rest as they did. */
  set spec(spec: UpstreamSpec) {
    const { now, random } = this.#ground;
    const [before, rotation] = [this.#targets, this.#rotation];
    const known = new Map(before.map((target, at) => [showAddress(target.address), at] as const));
    const places = spec.targets.map((address) => known.get(showAddress(address)) ?? -1);
    this.#targets = spec.targets.map((address, at) => {
      const kept = before[places[at]!];
      if (kept !== undefined) return kept;
      this.#numbers += 1;
      return { number: this.#numbers, address };
    });
    this.#rotation = new Rotation(spec.targets.length, now, random, { rotation, places });
    this.#spec = spec;
  }

  /** @param client in whose name it is, for targets that hear of that; '' otherwise */
  resolve(added: string, asker: string, client: string): Resolved | Promise<Resolved> {
    const { patterns } = this.spec;
    if (this.isGone) return 'denied';
    if (patterns.length === 0) return added === '' ? this.#resolveTargets(client) : 'denied';
    const named = match(patterns, added);
    return named === null ? 'denied' : this.#resolveNamed(named, asker);
  }

  #resolveNamed({ host, port }: Named, asker: string): Resolved | Promise<Resolved> {
    const { added, now } = this.#ground;
    const found = host.kind === 'address' ? [host.bytes] : added.kept(host.name);
    if (found !== undefined) return this.#allowed(found, port);
    const { connectTimeoutMs } = this.spec;
    return added
      .resolve(host.name, asker, now() + connectTimeoutMs)
      .then((addresses) => (addresses === null ? 'resources' : this.#allowed(addresses, port)));
  }

  #allowed(addresses: readonly Uint8Array[], port: number): Resolved {
    const { spec } = this;
    const own = this.#ground.own();
    const allowed = addresses.filter((bytes) => isAllowed(bytes, spec, own));
    if (allowed.length === 0) return addresses.length === 0 ? 'unresolved' : 'denied';
    return allowed.map((bytes) => {
      const isElsewhere = !allowsOwn(bytes, spec);
      return { target: 0, address: ipText(bytes), port, isElsewhere };
    });
  }

  #resolveTargets(client: string): Resolved | Promise<Resolved> {
    const order = this.#rotation.order(client).map((at) => this.#targets[at]!);
    const ready = this.#ready(order);
    return ready.length > 0 ? ready : this.#wait(order);
  }

  /** Those whose addresses are known. The others are looked up for the next time. */
  #ready(order: readonly Target[]): Endpoint[] {
    return order.flatMap((target) => {
      const endpoints = this.#endpoints(target);
      if (endpoints === null) void this.#look(target);
      return endpoints ?? [];
    });
  }

  /** As soon as one has addresses. */
  async #wait(order: readonly Target[]): Promise<Resolved> {
    const found = order.map(async (target) => {
      const endpoints = await this.#look(target);
      if (endpoints.length > 0) return endpoints;
      throw new Error('it has no addresses');
    });
    try {
      await Promise.any(found);
      return this.#ready(order);
    } catch {
      return 'unresolved';
    }
  }

  async #look(target: Target): Promise<readonly Endpoint[]> {
    const { address } = target;
    if (address.kind === 'tcp') {
      const { length } = await this.#ground.targets.resolve(address.host);
      if (length === 0) this.#told(target, 'unresolved');
    }
    return this.#endpoints(target) ?? [];
  }

  /** Null if they have to be looked up. */
  #endpoints({ number, address }: Target): readonly Endpoint[] | null {
    if (address.kind === 'unix') return [{ target: number, path: address.path }];
    const { host, port } = address;
    // As the operator has written it: a link-local one names its interface.
    if (isIP(host) !== 0) return [{ target: number, address: host, port }];
    const kept = this.#ground.targets.kept(host);
    return kept?.map((bytes) => ({ target: number, address: ipText(bytes), port })) ?? null;
  }

  #target({ target }: Endpoint): Target | undefined {
    return this.#targets.find(({ number }) => number === target);
  }

  /** Whether it still leads there: the operator may have changed it while a connection was made. */
  leadsTo(endpoint: Endpoint, added: string): boolean {
    if (this.isGone) return false;
    const { patterns } = this.spec;
    if (patterns.length === 0) return this.#target(endpoint) !== undefined;
    return 'port' in endpoint && match(patterns, added)?.port === endpoint.port;
  }

  /** Whom the certificate must be for at the other end; null if the upstream does not lead there any more. */
  hostOf(endpoint: Endpoint, added: string): string | null {
    const { patterns, tls } = this.spec;
    if (tls === null || tls.host !== '') return tls?.host ?? '';
    if (patterns.length > 0) return match(patterns, added)?.host.name ?? null;
    const address = this.#target(endpoint)?.address;
    if (address === undefined) return null;
    return address.kind === 'tcp' ? (hostNamed(address.host) ?? address.host) : '';
  }

  /**
   * What came of an attempt.
   * @param client in whose name its handshake has failed, if that may be why; '' otherwise
   */
  tried(
    endpoint: Endpoint,
    failure: DialFailure | null,
    unshaken: Unshaken | null,
    client: string,
  ): void {
    // A shortage here says nothing of the other side.
    if (this.isGone || failure === 'resources') return;
    const target = this.#target(endpoint);
    if (failure !== null && unshaken !== null && this.#restsNobody(target, client)) {
      this.#complain(target, failure, unshaken);
    } else if (target !== undefined) this.#told(target, failure, unshaken?.why);
  }

  // Hosts that guests add do not rest. A target does not for a client that it does not like.
  #restsNobody(target: Target | undefined, client: string): boolean {
    if (target === undefined) return true;
    return client !== '' && !this.#rotation.failedClient(this.#targets.indexOf(target), client);
  }

  #complain(target: Target | undefined, failure: DialFailure, { why, request }: Unshaken): void {
    const { name, patterns } = this.spec;
    const named = match(patterns, request.added);
    const address = target?.address ?? (named && tcp(named));
    if (address !== null) this.#report.handshake(name, showAddress(address), failure, why);
  }

  #told(target: Target, failure: DialFailure | null, why = ''): void {
    const at = this.#targets.indexOf(target);
    if (at < 0) return;
    const failing = this.#rotation.isFailing(at);
    if (failure === null) this.#rotation.succeeded(at);
    else this.#rotation.failed(at);
    if (failing === this.#rotation.isFailing(at)) return;
    this.#report.target(this.spec.name, showAddress(target.address), failure, why);
  }

  dialed(outcome: Outcome): void {
    this.connecting -= 1;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  get targets(): TargetStatus[] {
    return this.#targets.map(({ address }, at) => ({
      address: showAddress(address),
      resting: this.#rotation.rests(at),
    }));
  }
}

const tcp = ({ host, port }: Named): Address => ({ kind: 'tcp', host: host.name, port });
