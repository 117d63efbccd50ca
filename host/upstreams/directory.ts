// Directory: which upstream a guest means by a name. It knows texts and numbers, and where nothing leads.

import type { UpstreamFacts, UpstreamShare } from './contract.ts';
import { match } from './pattern.ts';

/** What a guest has named. */
export interface NamedUpstream {
  readonly number: number;
  readonly facts: UpstreamFacts;
  /** The host that it has added, with a port if the pattern wants one; '' for none. */
  readonly added: string;
}

export class Directory {
  #upstreams: readonly UpstreamFacts[] = [];
  #numbers: ReadonlyMap<string, number> = new Map();

  constructor(share: UpstreamShare) {
    this.update(share);
  }

  /** The upstreams are others from now on. */
  update({ upstreams }: UpstreamShare): void {
    const there = upstreams.flatMap(({ name, isGone = false }, number) =>
      isGone ? [] : [[name, number] as const],
    );
    this.#upstreams = upstreams;
    this.#numbers = new Map(there);
  }

  /**
   * @param text `NAME`, or `NAME:HOST` where the operator has given patterns
   * @returns null if there is none, or the host is not one of those
   */
  find(text: string): NamedUpstream | null {
    const colon = text.indexOf(':');
    const name = colon < 0 ? text : text.slice(0, colon);
    const number = this.#numbers.get(name);
    if (number === undefined) return null;
    const facts = this.#upstreams[number]!;
    const added = colon < 0 ? '' : text.slice(colon + 1);
    if (facts.patterns.length === 0) return colon < 0 ? { number, facts, added } : null;
    return match(facts.patterns, added) === null ? null : { number, facts, added };
  }

  /** The host that a guest has added for the upstream of this number, as certificates have it; '' for none. */
  host(number: number, added: string): string {
    return match(this.#upstreams[number]?.patterns ?? [], added)?.host.name ?? '';
  }

  /** Whether somebody wants to know for whom a connection to it is. */
  isProxied(number: number): boolean {
    return this.#upstreams[number]?.proxied === true;
  }

  /** '' when there is none of this number. */
  name(number: number): string {
    return this.#upstreams[number]?.name ?? '';
  }
}
