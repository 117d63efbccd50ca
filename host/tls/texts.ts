// TLS texts: what the files of a listener's certificates say, read whole. It judges none of it.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, WasmpollError } from '../errors.ts';
import type { TlsOutwardTexts, TlsPair, TlsTexts } from '../kernel/tls/addon-tls.ts';
import { authoritiesOfNode } from './authorities.ts';
import { CLIENTS, type TlsOptions, type TlsPairOptions } from './options.ts';
import type { UpstreamTls, UpstreamTlsOptions } from './outward.ts';

/** As they stand in records; RFC 8446, 4.1.2. */
const OLDEST = { '1.2': 0x303, '1.3': 0x304 } as const;

// No certificate that is meant is as large; a device or a log file may be.
const MOST_FILE_BYTES = 2 ** 20;

export interface ReadTls {
  readonly texts: TlsTexts;
  /** Names what is wrong: the file, or the option where a text was given. */
  label(pair: number, part: string): string;
}

export interface ReadUpstreamTls {
  readonly texts: TlsOutwardTexts;
  label(part: string): string;
}

const resolveFrom =
  (from: string) =>
  (value: string): string =>
    isPem(value) ? value : path.resolve(from, value);

/** The same options, their paths seen from a folder. */
export function resolveTls(options: TlsOptions, from: string): TlsOptions {
  const resolved = resolveFrom(from);
  const pairOf = ({ cert, key }: TlsPairOptions): TlsPairOptions => ({
    cert: resolved(cert),
    key: resolved(key),
  });
  const { ca, sni } = options;
  const named = Object.entries(sni ?? {}).map(([name, pair]) => [name, pairOf(pair)] as const);
  return {
    ...options,
    ...pairOf(options),
    ...(ca !== undefined && { ca: resolved(ca) }),
    ...(sni !== undefined && { sni: Object.fromEntries(named) }),
  };
}

/** @throws WasmpollError ERR_TLS when a file cannot be read */
export function readTls(options: TlsOptions, what: string): ReadTls {
  const { sni = {}, clients = 'none', ca, alpn = [], min = '1.2', tickets = true } = options;
  const sources: [string, TlsPairOptions][] = [['', options], ...Object.entries(sni)];
  const pairs = sources.map(([name, { cert, key }]): TlsPair => {
    return { name, cert: textOf(cert, 'cert', what), key: textOf(key, 'key', what) };
  });
  const texts = {
    pairs,
    ca: ca === undefined ? '' : textOf(ca, 'ca', what),
    clients: CLIENTS.indexOf(clients),
    alpn: alpnOf(alpn),
    tickets: Number(tickets),
    oldest: OLDEST[min],
  };
  const label = (pair: number, part: string): string => {
    const source = part === 'ca' ? ca : sources[Math.max(0, pair)]?.[1][part as 'cert' | 'key'];
    const name = sources[Math.max(0, pair)]?.[0] ?? '';
    const option = name === '' || part === 'ca' ? part : `sni '${name}' ${part}`;
    return source === undefined || isPem(source) ? option : source;
  };
  return { texts, label };
}

const alpnOf = (names: readonly string[]): string =>
  names.map((name) => String.fromCharCode(name.length) + name).join('');

/** The same options, their paths seen from a folder. */
export function resolveUpstreamTls(options: UpstreamTlsOptions, from: string): UpstreamTlsOptions {
  const paths = (['ca', 'cert', 'key'] as const).flatMap((part) => {
    const value: unknown = options[part];
    // What is wrong with it is told where options are looked at.
    return typeof value === 'string' ? [[part, resolveFrom(from)(value)] as const] : [];
  });
  return { ...options, ...Object.fromEntries(paths) };
}

/** @throws WasmpollError ERR_TLS when a file cannot be read */
export function readUpstreamTls(options: UpstreamTls, what: string): ReadUpstreamTls {
  const { host, ca, cert, key, alpn = [], min = '1.2', tickets = true, verify = true } = options;
  const read = (part: 'ca' | 'cert' | 'key'): string => {
    const value = options[part];
    return value === undefined ? '' : textOf(value, part, what);
  };
  const texts = {
    host,
    // 150 certificates are not read for nothing.
    ca: ca === undefined && verify ? authoritiesOfNode() : read('ca'),
    cert: read('cert'),
    key: read('key'),
    alpn: alpnOf(alpn),
    tickets: Number(tickets),
    oldest: OLDEST[min],
    verifies: Number(verify),
  };
  const label = (part: string): string => {
    if (part === 'ca' && ca === undefined) return "Node's list of authorities";
    const source = { ca, cert, key }[part];
    return source === undefined || isPem(source) ? part : source;
  };
  return { texts, label };
}

/** Whether an option is a text itself, and no path of one. */
const isPem = (value: string): boolean => value.includes('-----BEGIN');

function textOf(value: string, part: string, what: string): string {
  if (isPem(value)) return value;
  let bytes: Buffer;
  try {
    bytes = readFileSync(value);
  } catch (error) {
    const why = messageOf(error).replace(/, \w+(?: '.*')?$/, '');
    throw new WasmpollError('ERR_TLS', `${what}: tls: ${part} ${value} cannot be read: ${why}`, {
      cause: error,
    });
  }
  if (bytes.length <= MOST_FILE_BYTES) return bytes.toString('latin1');
  throw new WasmpollError('ERR_TLS', `${what}: tls: ${part} ${value} is larger than 1 MiB`);
}
