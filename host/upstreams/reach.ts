// Reach: which addresses a connection may go to when the guest has named the host. It judges sixteen bytes, as
// they are given to the kernel, and knows neither names nor sockets.

import { contains, parseNetworks } from '../listen/peer/networks.ts';

/**
 * What an address stands for, as the registries of special-purpose addresses have it (IANA, RFC 6890).
 * `own`: an address of this machine, behind which its services meet no firewall.
 */
export type Place =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'own'
  | 'metadata'
  | 'multicast'
  | 'reserved';

/** Those that `allowPrivate = true` lets in. The others are named one by one, or stay shut. */
const PRIVATE: readonly Place[] = ['loopback', 'private', 'link-local', 'own'];

// What clouds tell their machines, secrets included: most of them, Alibaba, Azure, Oracle; AWS and Google by IPv6.
const METADATA = parseNetworks(
  [
    ...['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
    // Credentials of AWS's containers; Scaleway, Tencent.
    ...['169.254.170.23', '169.254.42.42', 'fd00:42::42', '169.254.0.23'],
    ...['fd00:ec2::/32', 'fd20:ce::254'],
    // OpenStack, Oracle and Linode by IPv6.
    ...['fe80::a9fe:a9fe', 'fd00:c1::a9fe:a9fe', 'fd00:a9fe:a9fe::1'],
  ],
  'metadata',
);

// The first that holds an address counts.
const V4: readonly (readonly [Place, Uint8Array])[] = tableOf({
  loopback: ['127.0.0.0/8'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  'link-local': ['169.254.0.0/16'],
  multicast: ['224.0.0.0/4'],
  reserved: [
    // This network (to Linux, the machine itself), protocols, documentation, relays, benchmarks, the future and
    // broadcast.
    ...['0.0.0.0/8', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15'],
    ...['198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4'],
  ],
});

const V6: readonly (readonly [Place, Uint8Array])[] = tableOf({
  loopback: ['::1'],
  private: ['fc00::/7', 'fec0::/10'],
  'link-local': ['fe80::/10'],
  multicast: ['ff00::/8'],
  // Teredo and others of protocols, documentation.
  reserved: ['2001::/23', '2001:db8::/32', '3fff::/20'],
});

// All that is given out so far (RFC 4291, 2.4), IPv4, and what leads to IPv4.
const GLOBAL = parseNetworks(['2000::/3', '::ffff:0:0/96', '64:ff9b::/96'], 'global');

// Addresses with an IPv4 address in them, and where in them it stands: RFC 4291 (mapped, compatible), RFC 2765
// (translated), RFC 6052 and RFC 8215 (NAT64), RFC 3056 (6to4).
const CARRIERS: readonly (readonly [network: Uint8Array, at: number])[] = (
  [
    ['::ffff:0:0/96', 12],
    ['::/96', 12],
    ['::ffff:0:0:0/96', 12],
    ['64:ff9b::/96', 12],
    ['64:ff9b:1::/96', 12],
    ['2002::/16', 2],
  ] as const
).map(([network, at]) => [parseNetworks([network], 'carriers'), at]);

// RFC 5214, 6.1: the interface of ISATAP, under any prefix.
const ISATAP = [0x00, 0x00, 0x5e, 0xfe];
const UNIVERSAL = 0x02;

function tableOf(places: { readonly [place in Place]?: readonly string[] }) {
  return Object.entries(places).map(
    ([place, networks]) => [place as Place, parseNetworks(networks, place)] as const,
  );
}

/** Which addresses are let in besides public ones. */
export interface Reach {
  /** True for what is private; or the networks, as `parseNetworks` has them. */
  readonly allowPrivate: boolean | Uint8Array;
}

/**
 * Whether a connection may go there.
 * @param own this machine's addresses, in the form of `parseNetworks`
 */
export function isAllowed(address: Uint8Array, { allowPrivate }: Reach, own: Uint8Array): boolean {
  const place = placeOf(address, own);
  if (place === 'public') return true;
  if (typeof allowPrivate !== 'boolean') return contains(allowPrivate, address);
  return allowPrivate && PRIVATE.includes(place);
}

/** Whether one of this machine's own addresses is let in. */
export const allowsOwn = (address: Uint8Array, { allowPrivate }: Reach): boolean =>
  typeof allowPrivate === 'boolean' ? allowPrivate : contains(allowPrivate, address);

/** What it stands for; of an address with another one in it, what that one stands for. */
export function placeOf(address: Uint8Array, own: Uint8Array = new Uint8Array(0)): Place {
  if (contains(METADATA, address)) return 'metadata';
  for (const [place, networks] of V6) if (contains(networks, address)) return place;
  if (contains(own, address)) return 'own';
  const inner = innerOf(address);
  const place = inner === null ? null : placeOfV4(inner, own);
  return place ?? (contains(GLOBAL, address) ? 'public' : 'reserved');
}

/** Null for a public one. */
function placeOfV4(address: Uint8Array, own: Uint8Array): Place | null {
  if (contains(METADATA, address)) return 'metadata';
  for (const [place, networks] of V4) if (contains(networks, address)) return place;
  return contains(own, address) ? 'own' : null;
}

/** The IPv4 address in it, as a mapped one; null if there is none. */
function innerOf(address: Uint8Array): Uint8Array | null {
  const carrier = CARRIERS.find(([network]) => contains(network, address));
  if (carrier !== undefined) return mapped(address, carrier[1]);
  const isatap = ISATAP.every(
    (byte, at) => byte === (at === 0 ? address[8]! & ~UNIVERSAL : address[8 + at]),
  );
  return isatap ? mapped(address, 12) : null;
}

function mapped(address: Uint8Array, at: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xff, 10, 12);
  bytes.set(address.subarray(at, at + 4), 12);
  return bytes;
}
