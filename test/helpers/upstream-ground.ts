// Ground for upstreams that a test controls: names and their addresses, the clock, and chance.

import { parseNetworks } from '../../host/listen/peer/networks.ts';
import type { DialFailure, Endpoint } from '../../host/upstreams/contract.ts';
import { Operator } from '../../host/upstreams/operator.ts';
import { Resolver } from '../../host/upstreams/resolver.ts';
import { parseUpstreams } from '../../host/upstreams/spec/read.ts';
import type { Upstreams } from '../../host/upstreams/spec/spec.ts';

export type Names = Record<string, readonly string[] | (() => readonly string[])>;

/** @param names what a look-up finds; a name that is not there has no address */
export function operating(upstreams: Upstreams, names: Names = {}) {
  const clock = { now: 0 };
  const asked: string[] = [];
  const reports: [upstream: string, target: string, failure: DialFailure | null][] = [];
  const lookUp = async (name: string): Promise<readonly string[]> => {
    asked.push(name);
    const found = names[name];
    if (found === undefined) throw new Error(`getaddrinfo ENOTFOUND ${name}`);
    return typeof found === 'function' ? found() : found;
  };
  const now = () => clock.now;
  const own = parseNetworks(['198.61.0.7'], 'own');
  const operator = new Operator(
    parseUpstreams(upstreams, 'upstreams'),
    {
      targets: new Resolver(lookUp, now),
      added: new Resolver(lookUp, now),
      ...{ now, random: () => 0, own: () => own },
    },
    (upstream, target, failure) => reports.push([upstream, target, failure]),
  );
  return { operator, clock, asked, reports };
}

export const showEndpoint = (endpoint: Endpoint): string =>
  'path' in endpoint ? `unix:${endpoint.path}` : `${endpoint.address} ${endpoint.port}`;
