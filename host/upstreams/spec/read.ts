// Read: READ THIS FIRST of the upstreams' options. It finds every mistake in them, and says each where it stands: in a
// file, in `serve()`, in a flag. It opens nothing.

import { messageOf, WasmpollError } from '../../errors.ts';
import { parseAddress } from '../../listen/address.ts';
import { parseNetworks } from '../../listen/peer/networks.ts';
import { FORMS, readValue } from '../../units.ts';
import {
  type Complain,
  checkKeys,
  isCount,
  isName,
  isTable,
  shown,
  type Values,
  type Where,
} from '../../values.ts';
import { MOST_UPSTREAMS } from '../counts.ts';
import { type Pattern, readPattern } from '../pattern.ts';
import type { UpstreamOptions, UpstreamSpec, Upstreams } from './spec.ts';
import { upstreamOptions } from './text.ts';
import { readUpstreamTls } from './tls.ts';

const KEYS = ['targets', 'pattern', 'allowPrivate', 'connectTimeout', 'max', 'proxy', 'tls'];

const MOST_TARGETS = 64;
const MOST_CONNECTIONS = 1_048_576;
const CONNECT_TIMEOUT_MS = 5000;
const LONGEST_CONNECT_MS = 600_000;

/**
 * Reads the upstreams of an option.
 * @param called how messages begin
 * @throws WasmpollError ERR_OPTION with the first mistake
 */
export function parseUpstreams(upstreams: unknown, called: string): UpstreamSpec[] {
  return readUpstreams(upstreams ?? {}, [called], (where, message) => {
    throw new WasmpollError('ERR_OPTION', `${where.join('.')}: ${message}`);
  });
}

/** All that are right; who has complained gets no more use of them. */
export function readUpstreams(value: unknown, where: Where, complain: Complain): UpstreamSpec[] {
  if (!isTable(value)) {
    complain(where, `must have an upstream for each name, got ${shown(value)}`);
    return [];
  }
  const entries = Object.entries(value as Upstreams);
  if (entries.length > MOST_UPSTREAMS) complain(where, `has more than ${MOST_UPSTREAMS} upstreams`);
  return entries.flatMap(([name, item]) => {
    const spec = readUpstream(name, item, [...where, name], complain);
    return spec === null ? [] : [spec];
  });
}

/** @returns null when it has complained */
export function readUpstream(
  name: string,
  value: unknown,
  where: Where,
  complain: Complain,
): UpstreamSpec | null {
  const reading = new Reading(where, complain);
  if (!isName(name)) {
    reading.bad([], 'an upstream has a name of small letters, digits, - and _, at most 63');
  }
  const options = typeof value === 'string' ? upstreamOptions(value) : value;
  if (typeof options === 'string') reading.bad([], options);
  else if (!isTable(options)) reading.bad([], `must be a table or text, got ${shown(options)}`);
  else return reading.upstream(name, options);
  return null;
}

class Reading {
  readonly #where: Where;
  readonly #complain: Complain;
  #failed = false;

  constructor(where: Where, complain: Complain) {
    this.#where = where;
    this.#complain = complain;
  }

  readonly bad = (where: Where, message: string): undefined => {
    this.#failed = true;
    this.#complain([...this.#where, ...where], message);
  };

  upstream(name: string, values: Values): UpstreamSpec | null {
    checkKeys(values, KEYS, [], this.bad);
    const options = values as UpstreamOptions;
    const { targets, pattern } = options;
    if (targets !== undefined && pattern !== undefined) {
      this.bad(['pattern'], 'targets are given as well; keep one of the two');
    }
    if (targets === undefined && pattern === undefined) {
      this.bad(
        [],
        'targets are missing: HOST:PORT, or several; or a pattern such as *.example.com:443',
      );
    }
    const places = targets === undefined ? [] : this.#list('targets', targets, targetOf);
    const hosts = places.map((place) => (place.kind === 'tcp' ? place.host : null));
    const spec = {
      name,
      targets: places,
      patterns: pattern === undefined ? [] : this.#list('pattern', pattern, patternOf),
      allowPrivate: this.#allowPrivate(options),
      connectTimeoutMs: this.#connectTimeout(options.connectTimeout),
      max: this.#max(options.max),
      proxy: this.#proxy(options.proxy),
      tls: readUpstreamTls(options.tls, hosts, this.bad),
    };
    return this.#failed ? null : spec;
  }

  #list<Item>(key: string, value: unknown, read: (text: string) => Item | string): Item[] {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (list.length === 0) this.bad([key], 'is empty: name one at least');
    if (list.length > MOST_TARGETS) this.bad([key], `has more than ${MOST_TARGETS}`);
    const known = new Set<string>();
    return list.flatMap((text, index) => {
      const where = Array.isArray(value) ? [key, index] : [key];
      const item = typeof text === 'string' ? read(text) : `must be text, got ${shown(text)}`;
      const same = JSON.stringify(item);
      if (typeof item !== 'string' && !known.has(same)) {
        known.add(same);
        return [item];
      }
      // A target that is there twice would rest, and be tried all the same.
      const twice = `${shown(text)} is named twice: leave it out here`;
      this.bad(where, typeof item === 'string' ? item : twice);
      return [];
    });
  }

  #allowPrivate({ allowPrivate = false, pattern }: UpstreamOptions): boolean | Uint8Array {
    if (allowPrivate !== false && pattern === undefined) {
      this.bad(['allowPrivate'], 'is for a pattern: targets may be anywhere; leave it out');
    }
    if (typeof allowPrivate === 'boolean') return allowPrivate;
    const texts: unknown = typeof allowPrivate === 'string' ? [allowPrivate] : allowPrivate;
    try {
      if (Array.isArray(texts) && texts.every((text) => typeof text === 'string')) {
        return parseNetworks(texts, 'networks');
      }
      this.bad(['allowPrivate'], `must be true, false or networks, got ${shown(allowPrivate)}`);
    } catch (error) {
      this.bad(['allowPrivate'], messageOf(error));
    }
    return false;
  }

  #connectTimeout(value: unknown): number {
    if (value === undefined) return CONNECT_TIMEOUT_MS;
    const ms = typeof value === 'string' ? readValue(value, 'ms') : value;
    if (isCount(ms, LONGEST_CONNECT_MS)) return ms;
    this.bad(
      ['connectTimeout'],
      `must be ${FORMS.ms.replace(' or 0', '')}, from 1ms to 10m, got ${shown(value)}`,
    );
    return CONNECT_TIMEOUT_MS;
  }

  #max(value: unknown): number | null {
    if (value === undefined || isCount(value, MOST_CONNECTIONS)) return value ?? null;
    this.bad(['max'], `must be a whole number from 1 to ${MOST_CONNECTIONS}, got ${shown(value)}`);
    return null;
  }

  #proxy(value: unknown): 1 | 2 | null {
    if (value === undefined) return null;
    if (value === 'v1' || value === 'v2') return value === 'v1' ? 1 : 2;
    this.bad(['proxy'], `must be v1 or v2, got ${shown(value)}`);
    return null;
  }
}

function targetOf(text: string): UpstreamSpec['targets'][number] | string {
  if (text.startsWith('*')) return `'${text}' is a pattern: write pattern = "${text}"`;
  try {
    const address = parseAddress(text);
    if (address.kind === 'tcp' && address.port === 0) {
      return `address '${text}': the port must be a number from 1 to 65535`;
    }
    return address;
  } catch (error) {
    return messageOf(error);
  }
}

function patternOf(text: string): Pattern | string {
  const pattern = readPattern(text);
  return typeof pattern === 'string' ? `'${text}': ${pattern}` : pattern;
}
