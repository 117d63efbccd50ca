// Addresses as people write them: HOST:PORT, [V6]:PORT, unix:PATH, fd:NAME. It resolves names and knows
// nothing of sockets.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { messageOf, WasmpollError } from '../errors.ts';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A path that begins with `@` is a name without a file; unix(7), abstract sockets. */
  | { readonly kind: 'unix'; readonly path: string };

/** Where a server can listen: at an address, or on a socket that it was started with. */
export type Place = Address | { readonly kind: 'fd'; readonly name: string };

/** sockaddr_un holds 108 bytes, of which one ends the path; unix(7). */
const UNIX_PATH_BYTES = 107;

const FORMS = 'HOST:PORT, [V6]:PORT or unix:PATH';

/**
 * Reads an address, or `fd:NAME`.
 * @throws WasmpollError ERR_ADDRESS
 */
export function parsePlace(text: string): Place {
  if (!text.startsWith('fd:')) return parseAddress(text);
  const name = text.slice('fd:'.length);
  // As systemd.socket(5) has it, FileDescriptorName=.
  if (/^[^\p{Cc}:]{1,255}$/u.test(name)) return { kind: 'fd', name };
  throw bad(text, 'must be fd:NAME, a name of LISTEN_FDNAMES, or fd:NUMBER');
}

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

/** As people write it. */
export function showAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host, port } = address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseUnix(text: string): Address {
  const path = text.slice('unix:'.length);
  if (path === '' || path === '@') throw bad(text, 'the path is missing');
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
  const [first] = await lookUp(address);
  return { ...address, host: first! };
}

// Whatever a resolver says of it: RFC 6761, section 6.3.
const LOCALHOST = ['127.0.0.1', '::1'];

/**
 * All numeric forms of an address: each that the system has for a name, and both of `localhost`.
 * @throws WasmpollError ERR_ADDRESS when there is none
 */
export async function resolveAll(address: Address): Promise<readonly Address[]> {
  if (address.kind === 'unix' || isIP(address.host) !== 0) return [address];
  const local = address.host.toLowerCase() === 'localhost';
  const hosts = local ? LOCALHOST : await lookUp(address);
  return hosts.map((host) => ({ ...address, host }));
}

async function lookUp({ host, port }: Address & { kind: 'tcp' }): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    throw new WasmpollError('ERR_ADDRESS', `address '${host}:${port}': ${messageOf(error)}`, {
      cause: error,
    });
  }
}
