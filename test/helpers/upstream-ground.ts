// Ground for upstreams that a test controls: names and their addresses, the clock, and chance.

import { parseNetworks } from '../../host/listen/peer/networks.ts';
import type { DialFailure, Endpoint } from '../../host/upstreams/contract.ts';
import { GuestNames } from '../../host/upstreams/names/guest-names.ts';
import { TargetNames } from '../../host/upstreams/names/target-names.ts';
import { Turns } from '../../host/upstreams/names/turns.ts';
import { Operator } from '../../host/upstreams/operator.ts';
import { parseUpstreams } from '../../host/upstreams/spec/read.ts';
import type { Upstreams } from '../../host/upstreams/spec/spec.ts';

export type Names = Record<string, readonly string[] | (() => readonly string[])>;

/** @param names what a look-up finds; a name that is not there has no address */
export function operating(upstreams: Upstreams, names: Names = {}) {
  const clock = { now: 0 };
  const asked: string[] = [];
  const reports: [upstream: string, target: string, failure: DialFailure | null][] = [];
  const handshakes: typeof reports = [];
  const lookUp = async (name: string): Promise<readonly string[]> => {
    asked.push(name);
    const found = names[name];
    if (found === undefined) throw absence(name);
    return typeof found === 'function' ? found() : found;
  };
  const now = () => clock.now;
  const own = parseNetworks(['198.61.0.7'], 'own');
  const operator = new Operator(
    parseUpstreams(upstreams, 'upstreams'),
    {
      targets: new TargetNames(lookUp, now, () => new Promise(() => undefined)),
      added: new GuestNames(new Turns(lookUp, 1, now), now),
      ...{ now, random: () => 0, own: () => own },
    },
    {
      target: (upstream, target, failure) => reports.push([upstream, target, failure]),
      handshake: (upstream, target, failure) => handshakes.push([upstream, target, failure]),
    },
  );
  return { operator, clock, asked, reports, handshakes };
}

/** As getaddrinfo(3) says that there is no such name. */
export const absence = (name: string): Error =>
  Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });

export const showEndpoint = (endpoint: Endpoint): string =>
  'path' in endpoint ? `unix:${endpoint.path}` : `${endpoint.address} ${endpoint.port}`;
