// System names: how names are looked up on this machine, and how many at a time. It keeps no address, and judges none.

import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../kernel/monotonic.ts';
import { GuestNames } from './guest-names.ts';
import { HostsFile } from './hosts-file.ts';
import { TargetNames } from './target-names.ts';
import { Turns } from './turns.ts';

// libuv's threadpool.c: so many threads by default, at most so many; half of them, and one at least, look names up.
const DEFAULT_THREADS = 4;
const MOST_THREADS = 1024;

/** How many look-ups this process makes at a time. @param size the variable UV_THREADPOOL_SIZE */
export function lookUpThreads(size: string | undefined): number {
  const wanted = size === undefined ? DEFAULT_THREADS : Number.parseInt(size, 10) || 1;
  const threads = wanted < 0 ? MOST_THREADS : Math.min(wanted, MOST_THREADS);
  return Math.floor((threads + 1) / 2);
}

/** hosts(5) and nsswitch.conf(5) hold, and addresses come sorted by RFC 6724. */
const lookUp = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/**
 * Looks a name up that is whole: no `search` of resolv.conf(5) makes another one of it. A dot at the end says so; but
 * with it a name is not found in the hosts file.
 */
export const absolute =
  (hosts: HostsFile, find: typeof lookUp) =>
  async (name: string): Promise<string[]> =>
    find((await hosts.has(name)) ? name : `${name}.`);

/** The last thread is never a guest's. The threads are the process's, and so is this: all servers of it share them. */
export const GUESTS_PLACES = lookUpThreads(process.env.UV_THREADPOOL_SIZE) - 1;
const hosts = new HostsFile('/etc/hosts', monotonicMs);
const turns = new Turns(absolute(hosts, lookUp), GUESTS_PLACES, monotonicMs);

export const guestNames = (): GuestNames => new GuestNames(turns, monotonicMs);

export const targetNames = (): TargetNames =>
  new TargetNames(lookUp, monotonicMs, (ms) => sleep(ms, undefined, { ref: false }));
