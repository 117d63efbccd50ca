// Text: an upstream in one line, as flags have it: `TARGET,TARGET?key=value&…`. It says the same as an object, and
// judges no value.

import { adviceOf } from '../../values.ts';

const TEXT_KEYS = ['allowPrivate', 'connectTimeout', 'max', 'proxy'];

/** @returns the object that says the same, or what is wrong */
export function upstreamOptions(text: string): Readonly<Record<string, unknown>> | string {
  const [, places = '', rest] = /^([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  if (places === '') return 'the target is missing: HOST:PORT';
  const list = places.split(',');
  const options: Record<string, unknown> = {
    [places.startsWith('*') ? 'pattern' : 'targets']: list.length === 1 ? places : list,
  };
  for (const part of rest === undefined ? [] : rest.split('&')) {
    const [, key = '', encoded = ''] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (key === '' || encoded === '') return `'${part}' must be KEY=VALUE`;
    if (!TEXT_KEYS.includes(key)) {
      return `there is no option '${key}'; ${adviceOf(key, TEXT_KEYS)}`;
    }
    if (Object.hasOwn(options, key)) return `${key} is given twice; a list has commas`;
    const value = decoded(encoded);
    if (value === null) {
      return `'${encoded}' has a % that is followed by no two digits; %25 stands for %`;
    }
    options[key] = readOption(key, value);
  }
  return options;
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
  return key === 'allowPrivate' ? value.split(',') : value;
}
