// System: upstreams on this machine: what it knows of names, of its own addresses, of time and chance; and what a log
// says. It judges no address.

import { networkInterfaces } from 'node:os';
import { monotonicMs } from '../kernel/monotonic.ts';
import { parseIp } from '../listen/peer/ip.ts';
import { NETWORK_BYTES } from '../listen/peer/networks.ts';
import { GUESTS_PLACES, guestNames, targetNames } from './names/system-names.ts';
import { Operator, type Secures } from './operator.ts';
import { parseUpstreams } from './spec/read.ts';
import { type SecuredUpstream, securedOf } from './spec/secured.ts';
import type { Upstreams } from './spec/spec.ts';
import type { Ground, Report } from './upstream.ts';

export type { Operator, UpstreamsStats } from './operator.ts';

export interface UpstreamLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Where it is also said whether one more of the lines may be written that others can bring about. */
export interface LimitedLog extends UpstreamLog {
  admit(): boolean;
}

const reasonOf = (reason: string, why: string): object => ({ reason, ...(why !== '' && { why }) });

/** What keeps the certificates of a server. */
export interface Contexts extends Secures {
  /** @throws WasmpollError ERR_TLS, with the file that is wrong */
  setUpstreams(upstreams: readonly SecuredUpstream[]): void;
}

/** They change when a lease does; asking the kernel takes 0.1 ms. */
const OWN_KEPT_MS = 5000;
const WHOLE = 128;

/** Of a server whose guests may connect nowhere yet. */
export function openOperator(contexts: Contexts, log: LimitedLog): Operator {
  // A logger may throw: what has to be done for the connection is done first.
  const report: Report = {
    target: (upstream, target, reason, why) =>
      queueMicrotask(() => {
        const fields = { upstream, target };
        if (reason === null) log.info(fields, 'upstream: the target works again');
        else
          log.warn(
            { ...fields, ...reasonOf(reason, why) },
            'upstream: the target has failed, and rests',
          );
      }),
    handshake: (upstream, target, reason, why) =>
      queueMicrotask(() => {
        if (!log.admit()) return;
        log.warn(
          { upstream, target, ...reasonOf(reason, why) },
          'upstream: a TLS handshake has failed',
        );
      }),
  };
  return new Operator([], systemGround(monotonicMs), report, contexts);
}

/**
 * These are the upstreams from now on.
 * @param called how messages begin
 * @throws WasmpollError ERR_OPTION, or ERR_TLS with the file that is wrong; nothing has changed then
 */
export function setUpstreams(
  operator: Operator,
  upstreams: Upstreams,
  called: string,
  contexts: Contexts,
  log: UpstreamLog,
): void {
  const specs = operator.numbered(parseUpstreams(upstreams, called));
  contexts.setUpstreams(securedOf(specs));
  operator.setUpstreams(specs);
  if (GUESTS_PLACES === 0 && specs.some((spec) => (spec?.patterns.length ?? 0) > 0)) {
    const why = 'names that guests choose are not looked up: set UV_THREADPOOL_SIZE to 3 or more';
    log.warn({}, `upstreams: ${why}`);
  }
}

/** @param now monotonic milliseconds */
function systemGround(now: () => number): Ground {
  let [own, until] = [new Uint8Array(0), Number.NEGATIVE_INFINITY];
  return {
    targets: targetNames(),
    added: guestNames(),
    now,
    random: Math.random,
    own: () => {
      if (now() >= until) [own, until] = [ownAddresses(), now() + OWN_KEPT_MS];
      return own;
    },
  };
}

function ownAddresses(): Uint8Array<ArrayBuffer> {
  const addresses = Object.values(networkInterfaces())
    .flatMap((found = []) => found)
    .flatMap(({ address }) => parseIp(address) ?? []);
  const list = new Uint8Array(addresses.length * NETWORK_BYTES);
  for (const [index, address] of addresses.entries()) {
    list.set([WHOLE, ...address], index * NETWORK_BYTES);
  }
  return list;
}
