// Upstream: one that the operator has named: where its connections go next, and how they have fared. It is given
// resolver and clock, and opens nothing.

import { isIP } from 'node:net';
import { showAddress } from '../listen/address.ts';
import { ipText } from '../listen/peer/ip.ts';
import type { DialFailure, Endpoint, Resolved } from './contract.ts';
import type { GuestNames } from './names/guest-names.ts';
import type { TargetNames } from './names/target-names.ts';
import { match, type Named } from './pattern.ts';
import { isAllowed } from './reach.ts';
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

/** Told when a target begins to fail, and when it works again (null). */
export type Report = (
  upstream: string,
  target: string,
  failure: DialFailure | null,
  why: string,
) => void;

export type Outcome = DialFailure | 'connected' | 'cancelled';

/** How one target is doing. */
export interface TargetStatus {
  readonly address: string;
  /** It has failed, and is tried only if no other is left. */
  readonly resting: boolean;
}

export class Upstream {
  readonly spec: UpstreamSpec;
  /** Since the start. */
  readonly outcomes = new Map<Outcome, number>();
  /** Requests that are neither answered nor cancelled. */
  connecting = 0;
  readonly #ground: Ground;
  readonly #report: Report;
  readonly #rotation: Rotation;

  constructor(spec: UpstreamSpec, ground: Ground, report: Report) {
    this.spec = spec;
    this.#report = report;
    this.#ground = ground;
    this.#rotation = new Rotation(spec.targets.length, ground.now, ground.random);
  }

  resolve(added: string, asker: string): Resolved | Promise<Resolved> {
    const { patterns } = this.spec;
    if (patterns.length === 0) return this.#resolveTargets();
    const named = match(patterns, added);
    return named === null ? 'denied' : this.#resolveNamed(named, asker);
  }

  #resolveNamed({ host, port }: Named, asker: string): Resolved | Promise<Resolved> {
    const { added, now } = this.#ground;
    const found = host.kind === 'address' ? [host.bytes] : added.kept(host.name);
    if (found !== undefined) return this.#allowed(found, port);
    const until = now() + this.spec.connectTimeoutMs;
    return added
      .resolve(host.name, asker, until)
      .then((addresses) => (addresses === null ? 'resources' : this.#allowed(addresses, port)));
  }

  #allowed(addresses: readonly Uint8Array[], port: number): Resolved {
    const { spec } = this;
    const own = this.#ground.own();
    const allowed = addresses.filter((bytes) => isAllowed(bytes, spec, own));
    if (allowed.length === 0) return addresses.length === 0 ? 'unresolved' : 'denied';
    return allowed.map((bytes) => ({ target: 0, address: ipText(bytes), port }));
  }

  #resolveTargets(): Resolved | Promise<Resolved> {
    const order = this.#rotation.order();
    const ready = this.#ready(order);
    return ready.length > 0 ? ready : this.#wait(order);
  }

  /** Those whose addresses are known. The others are looked up for the next time. */
  #ready(order: readonly number[]): Endpoint[] {
    return order.flatMap((target) => {
      const endpoints = this.#endpoints(target);
      if (endpoints === null) void this.#look(target);
      return endpoints ?? [];
    });
  }

  /** As soon as one has addresses. */
  async #wait(order: readonly number[]): Promise<Resolved> {
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

  async #look(target: number): Promise<readonly Endpoint[]> {
    const address = this.spec.targets[target]!;
    if (address.kind === 'tcp') {
      const { length } = await this.#ground.targets.resolve(address.host);
      if (length === 0) this.#told(target, 'unresolved');
    }
    return this.#endpoints(target) ?? [];
  }

  /** Null if they have to be looked up. */
  #endpoints(target: number): readonly Endpoint[] | null {
    const address = this.spec.targets[target]!;
    if (address.kind === 'unix') return [{ target, path: address.path }];
    const { host, port } = address;
    // As the operator has written it: a link-local one names its interface.
    if (isIP(host) !== 0) return [{ target, address: host, port }];
    const kept = this.#ground.targets.kept(host);
    return kept?.map((bytes) => ({ target, address: ipText(bytes), port })) ?? null;
  }

  /** Whom the certificate must be for at the other end of a connection. */
  hostOf({ target }: Endpoint, added: string): string {
    const { patterns, targets, tls } = this.spec;
    if (tls === null || tls.host !== '') return tls?.host ?? '';
    if (patterns.length > 0) return match(patterns, added)?.host.name ?? '';
    const address = targets[target]!;
    return address.kind === 'tcp' ? (hostNamed(address.host) ?? address.host) : '';
  }

  /** What came of an attempt. */
  tried({ target }: Endpoint, failure: DialFailure | null, why: string): void {
    // Hosts that guests add do not rest; and a shortage here says nothing of the other side.
    if (this.spec.targets.length > 0 && failure !== 'resources') this.#told(target, failure, why);
  }

  #told(target: number, failure: DialFailure | null, why = ''): void {
    const failing = this.#rotation.isFailing(target);
    if (failure === null) this.#rotation.succeeded(target);
    else this.#rotation.failed(target);
    if (failing === this.#rotation.isFailing(target)) return;
    this.#report(this.spec.name, showAddress(this.spec.targets[target]!), failure, why);
  }

  dialed(outcome: Outcome): void {
    this.connecting -= 1;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  get targets(): TargetStatus[] {
    return this.spec.targets.map((address, target) => ({
      address: showAddress(address),
      resting: this.#rotation.rests(target),
    }));
  }
}
