// Proxy header: what a balancer says in front of a connection's first byte, by the PROXY protocol, versions
// 1 and 2 (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). It reads bytes, and knows neither
// sockets nor whom to trust.

import { crc32c } from './crc32c.ts';
import { endpointText, IP_BYTES, parseIp } from './ip.ts';
import { fields, ProxyRefusal, REFUSED_SHORT } from './proxy-fields.ts';
import { sslFacts } from './proxy-ssl.ts';

export { ProxyRefusal } from './proxy-fields.ts';

export interface ProxyHeader {
  /** Bytes that it takes. */
  readonly length: number;
  /** The client as `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; null when the balancer speaks for itself. */
  readonly source: string | null;
  /** Where the client connected to, in the same form. */
  readonly destination: string | null;
  /** The client's address, as ip.ts has it; null when it is none. */
  readonly client: Uint8Array | null;
  /** What else it says, by the names of properties: `proxy.authority`, `proxy.ssl.cn`, …. */
  readonly facts: ReadonlyMap<string, Uint8Array>;
}

/** The header is not complete yet; what is there could be the front of one. */
export const INCOMPLETE = 'incomplete';

/** A whole header of version 1 has no more bytes than this, the line's end included. */
const V1_BYTES = 107;

const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);
const FRONT = 16;
const TEXT = new TextEncoder().encode('PROXY ');

const NOBODY = {
  source: null,
  destination: null,
  client: null,
  facts: new Map<string, Uint8Array>(),
};

/**
 * @param bytes what the connection has brought so far, from its first byte on
 * @param most the longest header of version 2 that is read
 * @throws ProxyRefusal, whose message says what is wrong
 */
export function parseProxyHeader(bytes: Uint8Array, most: number): ProxyHeader | typeof INCOMPLETE {
  if (bytes.length === 0) return INCOMPLETE;
  if (startsLike(bytes, SIGNATURE)) return binary(bytes, most);
  if (startsLike(bytes, TEXT)) return line(bytes);
  throw new ProxyRefusal('the connection does not begin with a PROXY header');
}

const startsLike = (bytes: Uint8Array, front: Uint8Array): boolean =>
  front.subarray(0, bytes.length).every((byte, index) => bytes[index] === byte);

function line(bytes: Uint8Array): ProxyHeader | typeof INCOMPLETE {
  const end = bytes.subarray(0, V1_BYTES).indexOf(10);
  if (end < 0) {
    if (bytes.length < V1_BYTES) return INCOMPLETE;
    throw new ProxyRefusal(`the PROXY line has no end within ${V1_BYTES} bytes`);
  }
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, end + 1));
  const length = end + 1;
  if (/^PROXY UNKNOWN(?: [\x20-\x7e]*)?\r\n$/.test(text)) return { length, ...NOBODY };
  const match = /^PROXY TCP([46]) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (\d{1,5}) (\d{1,5})\r\n$/.exec(
    text,
  );
  const [, family, from = '', to = '', fromPort = '', toPort = ''] = match ?? [];
  const [client, server] = [parseIp(from), parseIp(to)];
  const fits = [from, to].every((address) => address.includes(':') === (family === '6'));
  if (client === null || server === null || !fits) throw malformed();
  const source = endpointText(client, portOf(fromPort));
  const destination = endpointText(server, portOf(toPort));
  return { ...NOBODY, length, source, destination, client };
}

const malformed = (): ProxyRefusal => new ProxyRefusal('the PROXY line is malformed');

function portOf(digits: string): number {
  const port = Number(digits);
  if (port > 65_535 || String(port) !== digits) throw malformed();
  return port;
}

const [LOCAL, PROXY] = [0, 1];
const [INET6, UNIX] = [2, 3];
const [STREAM, DGRAM] = [1, 2];
const UNIX_BYTES = 108;
/** The bytes of both addresses, by family. */
const FAMILIES = [0, 12, 36, 2 * UNIX_BYTES];

function binary(bytes: Uint8Array, most: number): ProxyHeader | typeof INCOMPLETE {
  if (bytes.length < FRONT) return INCOMPLETE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [version, command] = [view.getUint8(12) >> 4, view.getUint8(12) & 15];
  if (version !== 2 || command > PROXY) {
    throw new ProxyRefusal('the PROXY header is of a version or command that does not exist');
  }
  const length = FRONT + view.getUint16(14);
  if (length > most) throw new ProxyRefusal(`the PROXY header has ${length} bytes, over ${most}`);
  if (bytes.length < length) return INCOMPLETE;
  // The balancer's own, a health check for instance: what follows is not looked at.
  if (command === LOCAL) return { length, ...NOBODY };
  const [family, transport] = [view.getUint8(13) >> 4, view.getUint8(13) & 15];
  const addresses = FAMILIES[family];
  if (addresses === undefined || transport > DGRAM) {
    throw new ProxyRefusal('the PROXY header is of a family or transport that does not exist');
  }
  const header = bytes.subarray(0, length);
  if (length < FRONT + addresses) throw new ProxyRefusal('the PROXY header is cut short');
  const facts = factsOf(header, FRONT + addresses);
  if (addresses === 0 || transport !== STREAM) return { ...NOBODY, length, facts };
  return { length, ...endpoints(header, family), facts };
}

function endpoints(header: Uint8Array, family: number): Omit<ProxyHeader, 'length' | 'facts'> {
  if (family === UNIX) {
    const [source, destination] = [pathAt(header, FRONT), pathAt(header, FRONT + UNIX_BYTES)];
    return { source, destination, client: null };
  }
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const size = family === INET6 ? IP_BYTES : 4;
  const ports = FRONT + 2 * size;
  const client = addressAt(header, FRONT, size);
  return {
    source: endpointText(client, view.getUint16(ports)),
    destination: endpointText(addressAt(header, FRONT + size, size), view.getUint16(ports + 2)),
    client,
  };
}

function addressAt(header: Uint8Array, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(IP_BYTES);
  if (size < IP_BYTES) bytes.fill(255, IP_BYTES - size - 2, IP_BYTES - size);
  bytes.set(header.subarray(at, at + size), IP_BYTES - size);
  return bytes;
}

function pathAt(header: Uint8Array, at: number): string {
  const field = header.subarray(at, at + UNIX_BYTES);
  const end = field.indexOf(0);
  return `unix:${new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))}`;
}

const CRC32C = 0x03;
const NOOP = 0x04;
const SSL = 0x20;
const NAMES = new Map([
  [0x01, 'proxy.alpn'],
  [0x02, 'proxy.authority'],
  [0x05, 'proxy.unique_id'],
  [0x30, 'proxy.netns'],
]);

// Of several fields of one type the first counts.
function factsOf(header: Uint8Array, start: number): Map<string, Uint8Array> {
  const facts = new Map<string, Uint8Array>();
  const note = (name: string, value: Uint8Array): void => {
    if (!facts.has(name)) facts.set(name, value);
  };
  for (const { type, at, length } of fields(header, start, header.length)) {
    const value = header.slice(at, at + length);
    if (type === CRC32C) checkSum(header, at, length);
    else if (type === SSL) sslFacts(header, at, length, note);
    if (type === NOOP) continue;
    const name = NAMES.get(type);
    if (name !== undefined) note(name, value);
    note(`proxy.tlv.${type.toString(16).padStart(2, '0')}`, value);
  }
  return facts;
}

// Computed over the whole header with zeros where the sum stands.
function checkSum(header: Uint8Array, at: number, length: number): void {
  if (length !== 4) throw new ProxyRefusal(REFUSED_SHORT);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const blank = Uint8Array.from(header).fill(0, at, at + length);
  if (view.getUint32(at) !== crc32c(blank)) {
    throw new ProxyRefusal('the checksum of the PROXY header is wrong');
  }
}
