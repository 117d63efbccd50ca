// System: upstreams on this machine: what it knows of names, of its own addresses, of time and chance; and what a log
// says. It judges no address.

import { networkInterfaces } from 'node:os';
import { monotonicMs } from '../kernel/monotonic.ts';
import { parseIp } from '../listen/peer/ip.ts';
import { NETWORK_BYTES } from '../listen/peer/networks.ts';
import { GUESTS_PLACES, guestNames, targetNames } from './names/system-names.ts';
import { Operator } from './operator.ts';
import { parseUpstreams } from './spec/read.ts';
import type { Upstreams } from './spec/spec.ts';
import type { Ground, Report } from './upstream.ts';

export type { Operator, UpstreamsStats } from './operator.ts';

export interface UpstreamLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** They change when a lease does; asking the kernel takes 0.1 ms. */
const OWN_KEPT_MS = 5000;
const WHOLE = 128;

/**
 * @returns null if there are no upstreams: nothing of it is there then
 * @throws WasmpollError ERR_OPTION
 */
export function openOperator(upstreams: Upstreams | undefined, log: UpstreamLog): Operator | null {
  const specs = parseUpstreams(upstreams, 'serve(): upstreams');
  if (specs.length === 0) return null;
  if (GUESTS_PLACES === 0 && specs.some(({ patterns }) => patterns.length > 0)) {
    const why = 'names that guests choose are not looked up: set UV_THREADPOOL_SIZE to 3 or more';
    log.warn({}, `upstreams: ${why}`);
  }
  const tell: Report = (upstream, target, failure) => {
    const fields = { upstream, target };
    if (failure === null) log.info(fields, 'upstream: the target works again');
    else log.warn({ ...fields, reason: failure }, 'upstream: the target has failed, and rests');
  };
  // A logger may throw: what has to be done for the connection is done first.
  return new Operator(specs, systemGround(monotonicMs), (...told) =>
    queueMicrotask(() => tell(...told)),
  );
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
