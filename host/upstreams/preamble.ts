// Preamble: the PROXY header that tells an upstream whose connection it is. It writes what listen/peer/ reads, and knows
// no connection.

import { IP_BYTES, ipText, isV4, parseIp } from '../listen/peer/ip.ts';
import type { Endpoint } from './contract.ts';

// The PROXY protocol, 2.2: twelve bytes that no other protocol begins with, then version and command.
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const LOCAL = 0x20;
const PROXIED = 0x21;
const NO_FAMILY = 0x00;
const TCP_V4 = 0x11;
const TCP_V6 = 0x21;
const FIXED = 16;
const V4_BYTES = 4;
const PORT_BYTES = 2;
/** A /64. */
const NETWORK_V6 = 8;

interface End {
  readonly bytes: Uint8Array;
  readonly port: number;
}

/**
 * @param peer the client, and `local` where it connected to: `192.0.2.1:80` or `[2001:db8::1]:80`; anything else, such
 *   as a Unix socket or '', is a connection of the server's own
 */
export function preamble(version: 1 | 2, peer: string, local: string): Uint8Array {
  const ends = [readEnd(peer), readEnd(local)] as const;
  const [source, destination] = ends;
  if (source === null || destination === null) {
    return version === 1
      ? new TextEncoder().encode('PROXY UNKNOWN\r\n')
      : Uint8Array.of(...SIGNATURE, LOCAL, NO_FAMILY, 0, 0);
  }
  return version === 1 ? asText(source, destination) : asBytes(source, destination);
}

/**
 * Whom such a header names: one text for each client's address, or for each network of IPv6 that clients have whole; ''
 * where it names nobody.
 */
export function clientNamed(peer: string, local: string): string {
  const source = readEnd(peer)?.bytes;
  if (source === undefined || readEnd(local) === null) return '';
  return isV4(source) ? ipText(source) : source.subarray(0, NETWORK_V6).toString();
}

/** Whether an end, written `192.0.2.1:80` or `[2001:db8::1]:80`, has this address. */
function isAtHost(end: string, address: string): boolean {
  const [one, other] = [readEnd(end)?.bytes, parseIp(address)];
  return one !== undefined && other !== null && one.every((byte, at) => byte === other[at]);
}

function readEnd(text: string): End | null {
  const [, v6, v4, port] = /^(?:\[([^\]%]*)(?:%[^\]]*)?\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const bytes = parseIp(v6 ?? v4 ?? '');
  return bytes === null ? null : { bytes, port: Number(port) };
}

// Both ends are of one family: IPv4 beside IPv6 is written as IPv6.
const areV4 = (source: End, destination: End): boolean =>
  isV4(source.bytes) && isV4(destination.bytes);

function asText(source: End, destination: End): Uint8Array {
  const v4 = areV4(source, destination);
  const text = ({ bytes }: End): string =>
    !v4 && isV4(bytes) ? `::ffff:${ipText(bytes)}` : ipText(bytes);
  const line = [
    ...['PROXY', v4 ? 'TCP4' : 'TCP6', text(source), text(destination)],
    ...[source.port, destination.port],
  ];
  return new TextEncoder().encode(`${line.join(' ')}\r\n`);
}

function asBytes(source: End, destination: End): Uint8Array {
  const v4 = areV4(source, destination);
  const width = v4 ? V4_BYTES : IP_BYTES;
  const length = 2 * width + 2 * PORT_BYTES;
  const header = new Uint8Array(FIXED + length);
  header.set([...SIGNATURE, PROXIED, v4 ? TCP_V4 : TCP_V6, 0, length]);
  header.set(source.bytes.subarray(IP_BYTES - width), FIXED);
  header.set(destination.bytes.subarray(IP_BYTES - width), FIXED + width);
  const ports = new DataView(header.buffer, FIXED + 2 * width);
  ports.setUint16(0, source.port);
  ports.setUint16(PORT_BYTES, destination.port);
  return header;
}

/**
 * Whether a connection that is to lead elsewhere leads to this machine itself: then it has one address at both ends.
 * Nothing was sent yet.
 */
export function leadsHere(
  native: { localAddress(fd: number): unknown },
  endpoint: Endpoint,
  fd: number,
): boolean {
  if ('path' in endpoint || endpoint.isElsewhere !== true) return false;
  const local = native.localAddress(fd);
  return typeof local !== 'string' || isAtHost(local, endpoint.address);
}

/** Sends the header, which goes first: a socket that is new has room for it. @returns −errno if it cannot */
export function greet(
  native: {
    send(fd: number, bytes: Uint8Array, offset: number, length: number): number;
    readonly constants: { readonly ENOBUFS: number };
  },
  fd: number,
  header: Uint8Array | null,
): number {
  if (header === null) return 0;
  const sent = native.send(fd, header, 0, header.length);
  return sent >= 0 && sent < header.length ? -native.constants.ENOBUFS : sent;
}
