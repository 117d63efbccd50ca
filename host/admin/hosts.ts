// Hosts: which names a request may be addressed to. A page of somebody else's can make a browser send requests
// here once its own name is resolved to this machine; the name then stands in the request. It resolves nothing.

import { isIP } from 'node:net';
import type { Address } from '../listen/address.ts';

/** Whether only this machine can reach the address, which is numeric. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || /^::ffff:127\./i.test(host);
}

/** Whether a request with this Host header is for us. */
export type HostCheck = (header: string | undefined) => boolean;

/**
 * @param address as it was written
 * @param any others may come: by which name is not known then
 */
export function hostOf(address: Address, any: boolean): HostCheck {
  const own = address.kind === 'tcp' ? address.host.toLowerCase() : 'localhost';
  return (header) => {
    const name = nameOf(header ?? '');
    // An address is nobody's to give to another machine, and a name that is left out is no name.
    return any || name === '' || isIP(name) !== 0 || name === 'localhost' || name === own;
  };
}

/** Without the port, and the brackets of an IPv6 address. */
const nameOf = (header: string): string =>
  header
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
