// Networks: lists of networks as people write them, and whether an address lies in one. A list is bytes that
// threads can share. It knows no listener.

import { WasmpollError } from '../../errors.ts';
import { IP_BYTES, ipText, isV4, parseIp } from './ip.ts';

/** A network in a list: the bits that count, and the address. */
export const NETWORK_BYTES = 1 + IP_BYTES;

const V4_BITS = 32;
const BITS = 8 * IP_BYTES;

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` and single addresses.
 * @param what how a message calls the list
 * @throws WasmpollError ERR_ADDRESS
 */
export function parseNetworks(texts: readonly string[], what: string): Uint8Array {
  const list = new Uint8Array(texts.length * NETWORK_BYTES);
  for (const [index, text] of texts.entries())
    list.set(parseNetwork(text, what), index * NETWORK_BYTES);
  return list;
}

function parseNetwork(text: string, what: string): Uint8Array {
  const bad = (why: string): WasmpollError =>
    new WasmpollError('ERR_ADDRESS', `${what}: '${text}': ${why}`);
  const [, host = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseIp(host);
  if (address === null) throw bad('must be an address or a network such as 10.0.0.0/8 or fd00::/8');
  // Written with colons, the prefix of an IPv4 network counts the bits in front of it as well.
  const own = host.includes(':') ? BITS : V4_BITS;
  const length = prefix === undefined ? own : Number(prefix);
  if (length > own) throw bad(`the prefix must be at most ${own}`);
  const bits = BITS - own + length;
  const network = masked(address, bits);
  if (!network.every((byte, index) => byte === address[index])) {
    const shown = isV4(network) && own === BITS ? `::ffff:${ipText(network)}` : ipText(network);
    throw bad(`has bits behind its prefix; write ${shown}/${length}`);
  }
  return Uint8Array.of(bits, ...network);
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, index) => byte & maskOf(bits - 8 * index));
}

/** The bits of a byte that count, when so many are left. */
const maskOf = (left: number): number => (left >= 8 ? 255 : left <= 0 ? 0 : (0xff00 >> left) & 255);

/** Whether the address lies in one of the list's networks. */
export function contains(list: Uint8Array, address: Uint8Array): boolean {
  for (let at = 0; at < list.length; at += NETWORK_BYTES) {
    if (matches(list, at, address)) return true;
  }
  return false;
}

function matches(list: Uint8Array, at: number, address: Uint8Array): boolean {
  const bits = list[at]!;
  for (let index = 0; 8 * index < bits; index += 1) {
    const different = list[at + 1 + index]! ^ address[index]!;
    if ((different & maskOf(bits - 8 * index)) !== 0) return false;
  }
  return true;
}
