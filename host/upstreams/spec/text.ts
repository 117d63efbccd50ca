// Text: an upstream in one line, as flags have it: `TARGET,TARGET?key=value&…`. It says the same as an object, and
// judges no value.

import { UPSTREAM_TLS_KEYS } from '../../tls/outward.ts';
import { adviceOf } from '../../values.ts';

const TEXT_KEYS = ['allowPrivate', 'connectTimeout', 'max', 'proxy', 'tls'];
const LISTS = ['allowPrivate', 'alpn'];

/** @returns the object that says the same, or what is wrong */
export function upstreamOptions(text: string): Readonly<Record<string, unknown>> | string {
  const [, places = '', rest] = /^([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  if (places === '') return 'the target is missing: HOST:PORT';
  const list = places.split(',');
  const options: Record<string, unknown> = {
    [places.startsWith('*') ? 'pattern' : 'targets']: list.length === 1 ? places : list,
  };
  const tls: Record<string, unknown> = {};
  for (const part of rest === undefined ? [] : rest.split('&')) {
    const [, key = '', encoded = ''] =
      /^([^=]*)=(.*)$/s.exec(part === 'tls' ? 'tls=true' : part) ?? [];
    if (key === '' || encoded === '') return `'${part}' must be KEY=VALUE`;
    const secures = UPSTREAM_TLS_KEYS.includes(key);
    if (!secures && !TEXT_KEYS.includes(key)) {
      return `there is no option '${key}'; ${adviceOf(key, [...TEXT_KEYS, ...UPSTREAM_TLS_KEYS])}`;
    }
    const target = secures ? tls : options;
    if (Object.hasOwn(target, key)) return `${key} is given twice; a list has commas`;
    const value = decoded(encoded);
    if (value === null) {
      return `'${encoded}' has a % that is followed by no two digits; %25 stands for %`;
    }
    target[key] = readOption(key, value);
  }
  const [first] = Object.keys(tls);
  if (first === undefined) return options;
  if (options.tls !== true) return `${first} is for TLS, which begins with ?tls or &tls`;
  return { ...options, tls };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function readOption(key: string, value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  if (key === 'max' && /^\d{1,9}$/.test(value)) return Number(value);
  return LISTS.includes(key) ? value.split(',') : value;
}
