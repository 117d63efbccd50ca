// PROXY headers as balancers send them: both versions, put together from their parts.

import { crc32c } from '../../host/listen/peer/crc32c.ts';

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

export const LOCAL = 0;
export const PROXY = 1;
export const TCP4 = 0x11;
export const TCP6 = 0x21;

/** 192.0.2.1:12345 to 198.51.100.7:443. */
export const V4 = [192, 0, 2, 1, 198, 51, 100, 7, 0x30, 0x39, 0x01, 0xbb];
/** What is told of it. */
export const CLIENT = '192.0.2.1:12345';
export const SERVER = '198.51.100.7:443';

const bytesOf = (value: readonly number[] | string): readonly number[] =>
  typeof value === 'string' ? [...new TextEncoder().encode(value)] : value;

/** A field of version 2. */
export function field(type: number, value: readonly number[] | string): number[] {
  const bytes = bytesOf(value);
  return [type, bytes.length >> 8, bytes.length & 255, ...bytes];
}

/** A header of version 2. */
export function v2(...body: readonly (readonly number[])[]): Uint8Array {
  return v2As(PROXY, TCP4, V4, ...body);
}

/** The same of another command or family. */
export function v2As(
  command: number,
  family: number,
  ...body: readonly (readonly number[])[]
): Uint8Array {
  const all = body.flat();
  return Uint8Array.from([
    ...SIGNATURE,
    0x20 | command,
    family,
    all.length >> 8,
    all.length & 255,
    ...all,
  ]);
}

/** A header that ends with its checksum, plus `error`. */
export function summed(error: number, ...body: readonly (readonly number[])[]): Uint8Array {
  const header = v2(...body, field(0x03, [0, 0, 0, 0]));
  const sum = crc32c(header) + error;
  new DataView(header.buffer).setUint32(header.length - 4, sum);
  return header;
}

/** A header of version 1. */
export const v1 = (line = `TCP4 192.0.2.1 198.51.100.7 12345 443`): Uint8Array =>
  new TextEncoder().encode(`PROXY ${line}\r\n`);

/** The same, of another client. */
export const v1Of = (client: string): Uint8Array => {
  const family = client.includes(':') ? 6 : 4;
  return v1(`TCP${family} ${client} ${family === 4 ? '198.51.100.7' : '::1'} 4711 443`);
};

export const joined = (...parts: readonly (Uint8Array | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...(typeof part === 'string' ? bytesOf(part) : part)]));
