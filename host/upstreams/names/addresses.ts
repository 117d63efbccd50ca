// Addresses of a name: those that a look-up has found, in the order in which they are tried. It judges none, and asks
// nobody.

import { isV4, parseIp } from '../../listen/peer/ip.ts';

/** All addresses that the system has for a name, as text, the best first. Rejects when there are none. */
export type LookUp = (name: string) => Promise<readonly string[]>;

/** As long as getaddrinfo(3) tells no time to live: changes are to be seen soon. */
export const KEPT_MS = 30_000;
/** A name that is not there is asked for again soon, but not for each connection. */
export const FAILURE_KEPT_MS = 1000;

/** Who gives a name more addresses is not tried longer; it also bounds what a resolver may have kept here. */
const MOST_ADDRESSES = 16;

export const NONE: readonly Uint8Array[] = [];

/** What is no plain address, such as one with a zone, is left out. */
export const addressesOf = (found: readonly string[]): Uint8Array[] =>
  interleaved(found.map(parseIp).filter((bytes) => bytes !== null));

/**
 * The addresses with families in turn, as RFC 8305, 4 has it: the first as the system has sorted them, then one of the
 * other family, and so on. None is there twice.
 */
export function interleaved(addresses: readonly Uint8Array[]): Uint8Array[] {
  const once = new Map(addresses.map((bytes) => [bytes.join('.'), bytes] as const));
  const [first, ...others] = once.values();
  if (first === undefined) return [];
  const same = others.filter((bytes) => isV4(bytes) === isV4(first));
  const other = others.filter((bytes) => isV4(bytes) !== isV4(first));
  const order = [first];
  for (let at = 0; at < Math.max(same.length, other.length); at += 1) {
    if (at < other.length) order.push(other[at]!);
    if (at < same.length) order.push(same[at]!);
  }
  return order.slice(0, MOST_ADDRESSES);
}
