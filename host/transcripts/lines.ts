// Lines: what a single line of a transcript means. It knows no line before or after it, but for how lines end that
// are sent, and which upstreams there are.

import { nearest } from '../nearest.ts';
import { readConnect } from './connect.ts';
import { Mistake } from './mistake.ts';
import type { Deed } from './transcript.ts';
import { connectionName, UPSTREAM_WORDS, upstreamDeed, upstreamNamed } from './upstream-lines.ts';
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

const PLAIN = ['finish', 'leave', 'drop', 'handshake', 'nothing', 'ends', 'resets'] as const;
const WORDS = [...PLAIN, 'connect', 'closed', 'logs'];
const HEADS = ['newline', 'config', 'config-file', 'setting', 'upstream'];

/** What it does, and whom it is about. */
export type Meaning = Deed & { readonly client: string };

/**
 * @param text without its end
 * @param newline what ends a line that is sent or expected
 * @param upstreams those that there are, by their names
 * @throws Mistake
 */
export function meaningOf(text: string, newline: string, upstreams: object): Meaning {
  if (/^[<>]/.test(text)) return { client: '', ...bytesOf(text, newline) };
  if (/^\s/.test(text)) throw new Mistake('a line begins without spaces');
  const first = wordAt(text);
  if (first.startsWith('+')) {
    const example = '+200ms, +5s, +2m or +1h';
    return { client: '', kind: 'wait', ms: timeOf(uncommented(text.slice(1)), text, example) };
  }
  if (WORDS.includes(first)) return { client: '', ...wordOf(first, text) };
  const rest = behind(first, text);
  const upstream = upstreamNamed(first, upstreams);
  if (upstream !== null) {
    const client = connectionName(upstream.name, upstream.number);
    return { client, ...upstreamDeed(first, rest, newline) };
  }
  const word = wordAt(rest);
  const says = /^[<>]/.test(rest) || WORDS.includes(word);
  if (!says || !NAME.test(first)) throw unknown(first, word);
  if (word === 'logs')
    throw new Mistake('`logs` is about the guest: leave out the client before it');
  return { client: first, ...(/^[<>]/.test(rest) ? bytesOf(rest, newline) : wordOf(word, rest)) };
}

function unknown(first: string, word: string): Mistake {
  const [name] = first.split('.') as [string];
  if (UPSTREAM_WORDS.includes(word) && NAME.test(name)) {
    const advice = `write upstream ${name} above all that happens`;
    return new Mistake(`${word} is about an upstream, and there is no '${name}'; ${advice}`);
  }
  if (UPSTREAM_WORDS.includes(first)) {
    return new Mistake(`${first} is about an upstream: write its name before it`);
  }
  const meant = nearest(first, [...WORDS, ...HEADS]);
  if (meant !== null) return new Mistake(`'${first}' is no word of transcripts; write ${meant}`);
  const second =
    word === '' || !NAME.test(first) ? null : nearest(word, [...WORDS, ...UPSTREAM_WORDS]);
  if (second !== null) return new Mistake(`'${word}' is no word of transcripts; write ${second}`);
  return new Mistake(
    `'${first}' means nothing here; write > before what the client sends, and < before what must come`,
  );
}

function wordOf(word: string, text: string): Deed {
  const rest = behind(word, text);
  if (word === 'logs') {
    if (rest !== '') return { kind: 'logs', text: rest };
    throw new Mistake('behind logs stands the text that the guest must log');
  }
  const said = uncommented(rest);
  if (word === 'connect') return { kind: 'connect', options: readConnect(said) };
  if (word === 'closed') return { kind: 'closed', reason: reasonOf(said) };
  checkAlone(word, said);
  return { kind: word as (typeof PLAIN)[number] };
}
