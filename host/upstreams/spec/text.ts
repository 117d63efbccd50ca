// Text: an upstream in one line, as flags have it: `TARGET,TARGET?key=value&…`. It says the same as an object, and
// judges no value.

import { adviceOf } from '../../values.ts';
import { TLS_KEYS } from './spec.ts';

const PLAIN_KEYS = ['allowPrivate', 'connectTimeout', 'max', 'proxy'];
const LISTS = ['alpn', 'allowPrivate'];

/** @returns the object that says the same, or what is wrong */
export function upstreamOptions(text: string): Readonly<Record<string, unknown>> | string {
  const [, scheme, places = '', rest] =
    /^(?:([a-z][a-z\d+.-]*):\/\/)?([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  if (scheme !== undefined && scheme !== 'tcp' && scheme !== 'tls') {
    return `there is no '${scheme}://'; it begins with tcp:// or tls://, or with neither`;
  }
  if (places === '') return 'the target is missing: HOST:PORT';
  const list = places.split(',');
  const options: Record<string, unknown> = {
    [places.startsWith('*') ? 'pattern' : 'targets']: list.length === 1 ? places : list,
  };
  const tls: Record<string, unknown> = {};
  const known = scheme === 'tls' ? [...PLAIN_KEYS, ...TLS_KEYS] : PLAIN_KEYS;
  for (const part of rest === undefined ? [] : rest.split('&')) {
    const [, key = '', encoded = ''] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (key === '' || encoded === '') return `'${part}' must be KEY=VALUE`;
    if (!known.includes(key)) return unknown(key, known);
    const target = TLS_KEYS.includes(key) ? tls : options;
    if (Object.hasOwn(target, key)) return `${key} is given twice; a list has commas`;
    const value = decoded(encoded);
    if (value === null) {
      return `'${encoded}' has a % that is followed by no two digits; %25 stands for %`;
    }
    target[key] = readOption(key, value);
  }
  if (scheme === 'tls') options.tls = tls;
  return options;
}

function unknown(key: string, known: readonly string[]): string {
  const secure = TLS_KEYS.includes(key) && !known.includes(key);
  return `there is no option '${key}'; ${secure ? 'it is for tls://' : adviceOf(key, known)}`;
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
