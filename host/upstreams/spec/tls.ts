// TLS: what an operator says of TLS towards an upstream, and whether it is what it must be. It reads no file.

import { isIP } from 'node:net';
import path from 'node:path';
import { type Complain, checkKeys, isTable, isText, shown } from '../../values.ts';
import { TLS_KEYS, type UpstreamOptions, type Upstreams, type UpstreamTls } from './spec.ts';
import { upstreamOptions } from './text.ts';

const FILE_KEYS = ['ca', 'cert', 'key'] as const;

const NAME = /^[\w-]{1,63}(?:\.[\w-]{1,63})*$/;

/** @returns null for no TLS, and when it has complained; of `alpn` a list */
export function readTls(options: UpstreamOptions, complain: Complain): UpstreamTls | null {
  const { tls = false, pattern, targets } = options;
  if (tls === false) return null;
  if (tls !== true && !isTable(tls)) {
    complain(['tls'], `must be true, false or a table, got ${shown(tls)}`);
    return null;
  }
  const values: UpstreamTls = tls === true ? {} : tls;
  checkKeys(values as Readonly<Record<string, unknown>>, TLS_KEYS, ['tls'], complain);
  checkTexts(values, complain);
  checkServerName(values.serverName, pattern !== undefined, complain);
  if (values.serverName === undefined && [targets ?? []].flat().some(isUnix)) {
    complain(['tls'], 'serverName is missing: a Unix socket has no name to verify');
  }
  const { alpn, ...rest } = values;
  if (alpn === undefined) return rest;
  const list: readonly unknown[] = typeof alpn === 'string' ? [alpn] : alpn;
  if (Array.isArray(list) && list.length > 0 && list.every(isProtocol)) {
    return { ...rest, alpn: list };
  }
  complain(['tls', 'alpn'], "must be protocols' names, such as http/1.1");
  return null;
}

function checkTexts(values: UpstreamTls, complain: Complain): void {
  for (const key of FILE_KEYS) {
    if (values[key] === undefined || isText(values[key])) continue;
    complain(['tls', key], `must be a path or a PEM text, got ${shown(values[key])}`);
  }
  if ((values.cert === undefined) !== (values.key === undefined)) {
    const [given, missing] = values.key === undefined ? ['cert', 'key'] : ['key', 'cert'];
    complain(['tls', given], `${missing} is missing: a certificate and its key go together`);
  }
  if (values.min !== undefined && !['1.2', '1.3'].includes(values.min)) {
    complain(['tls', 'min'], `must be one of 1.2, 1.3, got ${shown(values.min)}`);
  }
  if (values.starttls !== undefined && typeof values.starttls !== 'boolean') {
    complain(['tls', 'starttls'], `must be true or false, got ${shown(values.starttls)}`);
  }
}

function checkServerName(name: unknown, isPattern: boolean, complain: Complain): void {
  if (name === undefined) return;
  const where = ['tls', 'serverName'];
  if (isPattern) complain(where, 'the guest names the host: leave it out');
  else if (!isText(name) || (isIP(name) === 0 && !NAME.test(name))) {
    complain(where, `must be a host name or an address, got ${shown(name)}`);
  }
}

const isUnix = (target: unknown): boolean =>
  typeof target === 'string' && target.startsWith('unix:');

// RFC 7301, 3.1.
const isProtocol = (name: unknown): boolean =>
  typeof name === 'string' && /^[\x21-\x7e]{1,255}$/.test(name);

/** The same upstreams as objects, their paths seen from a folder. They must be right. */
export function resolvePaths(upstreams: Upstreams, from: string): Upstreams {
  const entries = Object.entries(upstreams).map(([name, upstream]) => {
    const options = typeof upstream === 'string' ? upstreamOptions(upstream) : upstream;
    const { tls } = options as UpstreamOptions;
    return [name, isTable(tls) ? { ...(options as object), tls: withPaths(tls, from) } : options];
  });
  return Object.fromEntries(entries) as Upstreams;
}

function withPaths(tls: UpstreamTls, from: string): UpstreamTls {
  const files = FILE_KEYS.flatMap((key) => {
    const value = tls[key];
    return value === undefined ? [] : [[key, isPem(value) ? value : path.resolve(from, value)]];
  });
  return { ...tls, ...Object.fromEntries(files) };
}

const isPem = (value: string): boolean => value.includes('-----BEGIN');
