// Proxy SSL: what a PROXY header says of the TLS between the client and the balancer. It checks nothing of it:
// whoever believes the header believes this.

import { fields, ProxyRefusal, REFUSED_SHORT } from './proxy-fields.ts';

// PP2_CLIENT_SSL, PP2_CLIENT_CERT_CONN and PP2_CLIENT_CERT_SESS.
const TLS = 1;
const CERTIFICATE = 2 | 4;

const NAMES = new Map([
  [0x21, 'proxy.ssl.version'],
  [0x22, 'proxy.ssl.cn'],
  [0x23, 'proxy.ssl.cipher'],
  [0x24, 'proxy.ssl.signature'],
  [0x25, 'proxy.ssl.key'],
]);

// A byte of flags, four that are zero when the client's certificate was verified, then fields.
const FRONT = 5;

/** @param note is told of each fact */
export function sslFacts(
  header: Uint8Array,
  at: number,
  length: number,
  note: (name: string, value: Uint8Array) => void,
): void {
  if (length < FRONT) throw new ProxyRefusal(REFUSED_SHORT);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const flags = view.getUint8(at);
  const says = (yes: boolean): Uint8Array => new TextEncoder().encode(yes ? '1' : '0');
  note('proxy.ssl', says((flags & TLS) !== 0));
  note('proxy.ssl.verified', says((flags & CERTIFICATE) !== 0 && view.getUint32(at + 1) === 0));
  for (const field of fields(header, at + FRONT, at + length)) {
    const value = header.slice(field.at, field.at + field.length);
    const name = NAMES.get(field.type);
    if (name !== undefined) note(name, value);
    note(`proxy.ssl.tlv.${field.type.toString(16).padStart(2, '0')}`, value);
  }
}
