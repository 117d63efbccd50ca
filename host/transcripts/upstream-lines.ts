// Upstream lines: what a transcript says of an upstream: what it is like, what it does, and what must arrive there. It
// plays none.

import { nearest } from '../nearest.ts';
import type { UpstreamOptions } from '../testing/upstream.ts';
import { readValue } from '../units.ts';
import { readPattern } from '../upstreams/pattern.ts';
import { Mistake } from './mistake.ts';
import type { Deed } from './transcript.ts';
import {
  behind,
  bytesOf,
  checkAlone,
  NAME,
  reasonOf,
  timeOf,
  uncommented,
  wordAt,
} from './words.ts';

type Mutable = { -readonly [Key in keyof UpstreamOptions]: UpstreamOptions[Key] };

/** What it does as a whole. */
const MANNERS = ['accept', 'refuse', 'silence', 'reset', 'slow', 'asked'];
/** What one of its connections does, or sees. */
const PLAIN = ['finish', 'leave', 'drop', 'nothing', 'ends', 'resets'] as const;
const WORDS = [...MANNERS, ...PLAIN, 'closed', 'proxied'];
/** Words that mean nothing but of an upstream. */
export const UPSTREAM_WORDS = [...MANNERS, 'proxied'];
const TAKEN = [
  ...[...WORDS, 'connect', 'handshake', 'logs'],
  ...['newline', 'config', 'config-file', 'setting', 'upstream'],
];
const OPTIONS = 'pattern=*.example.com:443, max=, timeout=5s and proxy=v1 or v2';

/**
 * Reads what stands behind `upstream`: `db`, `db max=2 timeout=2s proxy=v1`, `any pattern=*.example.com:443`.
 * @throws Mistake
 */
export function readUpstream(text: string): [name: string, options: UpstreamOptions] {
  const [name = '', ...parts] = text.split(/\s+/);
  if (!NAME.test(name)) throw new Mistake('behind upstream stands its name, such as: upstream db');
  if (TAKEN.includes(name)) throw new Mistake(`'${name}' is a word of transcripts, and no name`);
  const options: Mutable = {};
  for (const part of parts) readOption(options, part);
  return [name, options];
}

function readOption(options: Mutable, part: string): void {
  const [, key = '', value = ''] = /^([^=]*)=(.*)$/.exec(part) ?? [];
  if (key === 'pattern') {
    const pattern = readPattern(value);
    if (typeof pattern === 'string') throw new Mistake(`'${value}': ${pattern}`);
    options.pattern = [...[options.pattern ?? []].flat(), value];
  } else if (key === 'max') {
    const max = /^[1-9]\d{0,5}$/.test(value) ? Number(value) : 0;
    if (max === 0) throw new Mistake(`behind max= stands how many connections, got '${value}'`);
    options.max = max;
  } else if (key === 'timeout') {
    options.connectTimeoutMs = readValue(value, 'ms');
    if (!(options.connectTimeoutMs > 0))
      throw new Mistake(`'${value}' is no time; write timeout=5s`);
  } else if (key === 'proxy' && (value === 'v1' || value === 'v2')) options.proxy = value;
  else throw new Mistake(`'${part}' is nothing that an upstream can have; there are ${OPTIONS}`);
}

/**
 * The upstream that the first word of a line names, as `db` or `db.2`.
 * @returns null if it names none
 */
export function upstreamNamed(
  word: string,
  known: object,
): { name: string; number: number } | null {
  const [, name = '', digits] = /^([^.]*)(?:\.([1-9]\d{0,4}))?$/.exec(word) ?? [];
  return Object.hasOwn(known, name) ? { name, number: Number(digits ?? 1) } : null;
}

/** Connections of an upstream, as lines name them. */
export const connectionName = (name: string, number: number): string =>
  number === 1 ? name : `${name}.${number}`;

/**
 * What an upstream does, or what must come to it.
 * @param first the word that names it
 * @throws Mistake
 */
export function upstreamDeed(first: string, rest: string, newline: string): Deed {
  if (/^[<>]/.test(rest)) return bytesOf(rest, newline);
  const word = wordAt(rest);
  const said = uncommented(behind(word, rest));
  if (!WORDS.includes(word)) throw unknown(first, word);
  if (MANNERS.includes(word)) return mannerOf(first, word, said);
  if (word === 'closed') return { kind: 'closed', reason: reasonOf(said) };
  if (word === 'proxied') {
    if (said !== '') return { kind: 'proxied', address: said };
    throw new Mistake(
      'behind proxied stands the client of the PROXY header, such as 10.0.0.1:4242',
    );
  }
  checkAlone(word, said);
  return { kind: word as (typeof PLAIN)[number] };
}

function mannerOf(first: string, word: string, said: string): Deed {
  if (first.includes('.')) {
    const name = first.slice(0, first.indexOf('.'));
    throw new Mistake(`${word} is about the upstream as a whole; write ${name} ${word}`);
  }
  if (word === 'slow') {
    return {
      kind: 'accept',
      afterMs: timeOf(said, `slow ${said}`.trimEnd(), 'slow 200ms, slow 2s'),
    };
  }
  if (word === 'asked') return { kind: 'asked', host: said === '' ? null : said };
  checkAlone(word, said);
  if (word === 'accept') return { kind: 'accept', afterMs: 0 };
  return { kind: word as 'refuse' | 'silence' | 'reset' };
}

function unknown(first: string, word: string): Mistake {
  if (word === 'connect' || word === 'handshake') {
    return new Mistake(`${word} is what a client does; an upstream waits until the guest comes`);
  }
  if (word === 'logs') {
    return new Mistake('`logs` is about the guest: leave out the upstream before it');
  }
  const meant = nearest(word, WORDS);
  const advice =
    meant === null
      ? `write > before what it sends, < before what must come, or one of ${WORDS.join(', ')}`
      : `write ${meant}`;
  const what =
    word === '' ? `behind ${first} nothing stands` : `'${word}' means nothing behind ${first}`;
  return new Mistake(`${what}; ${advice}`);
}
