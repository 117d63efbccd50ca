// Addresses as people write them: HOST:PORT, [V6]:PORT, unix:PATH. It resolves names and knows
// nothing of sockets.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { messageOf, WasmpollError } from '../errors.ts';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** sockaddr_un holds 108 bytes, of which one ends the path; unix(7). */
const UNIX_PATH_BYTES = 107;

const FORMS = 'HOST:PORT, [V6]:PORT or unix:PATH';

/**
 * Reads an address. A host may be a name; port 0 lets the kernel choose.
 * @throws WasmpollError ERR_ADDRESS
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) return parseUnix(text);
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text);
  if (match === null)
    throw bad(text, `must be ${FORMS}${isIP(text) === 6 ? `: [${text}]:PORT` : ''}`);
  const [, v6, name, portText = ''] = match;
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1;
  if (port < 0 || port > 65_535) throw bad(text, 'the port must be a number from 0 to 65535');
  if (v6 !== undefined) {
    if (isIP(v6) !== 6) throw bad(text, `'${v6}' in brackets must be an IPv6 address`);
    return { kind: 'tcp', host: v6, port };
  }
  const host = name ?? '';
  if (host === '')
    throw bad(text, 'the host is missing; 0.0.0.0 and [::] stand for every interface');
  const numeric = /^[\d.]+$/.test(host);
  if (numeric ? isIP(host) !== 4 : !/^[\w.-]{1,253}$/.test(host)) {
    throw bad(text, `'${host}' must be an IPv4 address or a host name`);
  }
  return { kind: 'tcp', host, port };
}

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length);
  if (path === '') throw bad(text, 'the path is missing');
  if (path.includes('\0')) throw bad(text, 'the path has a zero byte');
  const bytes = Buffer.byteLength(path);
  if (bytes > UNIX_PATH_BYTES) {
    throw bad(text, `the path has ${bytes} bytes, and a socket's has at most ${UNIX_PATH_BYTES}`);
  }
  return { kind: 'unix', path };
}

const bad = (text: string, why: string): WasmpollError =>
  new WasmpollError('ERR_ADDRESS', `address '${text}': ${why}`);

/**
 * The numeric form of an address: a name becomes the first address that the system has for it.
 * @throws WasmpollError ERR_ADDRESS when there is none
 */
export async function resolveAddress(address: Address): Promise<Address> {
  if (address.kind === 'unix' || isIP(address.host) !== 0) return address;
  try {
    const { address: host } = await lookup(address.host);
    return { ...address, host };
  } catch (error) {
    const shown = `${address.host}:${address.port}`;
    throw new WasmpollError('ERR_ADDRESS', `address '${shown}': ${messageOf(error)}`, {
      cause: error,
    });
  }
}
