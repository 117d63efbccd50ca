// Lines: what a single line of a transcript means. It knows no line before or after it, but for how lines end that
// are sent.

import { nearest } from '../nearest.ts';
import { readValue } from '../units.ts';
import { readConnect } from './connect.ts';
import { Mistake } from './mistake.ts';
import { type Deed, reasons } from './transcript.ts';

const PLAIN = ['finish', 'leave', 'drop', 'handshake', 'nothing', 'ends', 'resets'] as const;
const WORDS = [...PLAIN, 'connect', 'closed', 'logs'];
const NAME = /^[A-Za-z][\w-]*$/;
const HEX = /^hex(?:\s|$)/;
const utf8 = new TextEncoder();

/** What it does, and the client that it is about. */
export type Meaning = Deed & { readonly client: string };

/**
 * @param text without its end
 * @param newline what ends a line that is sent or expected
 * @throws Mistake
 */
export function meaningOf(text: string, newline: string): Meaning {
  if (/^[<>]/.test(text)) return { client: '', ...bytesOf(text, newline) };
  const first = /^\S+/.exec(text)?.[0] ?? '';
  if (first.startsWith('+')) return { client: '', kind: 'wait', ms: waitOf(text) };
  if (WORDS.includes(first)) return { client: '', ...wordOf(first, text) };
  const rest = text.slice(first.length).replace(/^[ \t]+/, '');
  const word = /^\S+/.exec(rest)?.[0] ?? '';
  const says = /^[<>]/.test(rest) || WORDS.includes(word);
  if (!says || !NAME.test(first)) throw unknown(first, word);
  if (word === 'logs')
    throw new Mistake('`logs` is about the guest: leave out the client before it');
  return { client: first, ...(/^[<>]/.test(rest) ? bytesOf(rest, newline) : wordOf(word, rest)) };
}

function unknown(first: string, word: string): Mistake {
  const meant = nearest(first, [...WORDS, 'newline', 'config', 'config-file', 'setting']);
  if (meant !== null) return new Mistake(`'${first}' is no word of transcripts; write ${meant}`);
  const second = word === '' || !NAME.test(first) ? null : nearest(word, WORDS);
  if (second !== null) return new Mistake(`'${word}' is no word of transcripts; write ${second}`);
  return new Mistake(
    `'${first}' means nothing here; write > before what the client sends, and < before what must come`,
  );
}

// `> text`, `>= text` without an end, `> hex 00 ff`; the same with <.
function bytesOf(text: string, newline: string): Deed {
  const kind = text.startsWith('>') ? 'send' : 'expect';
  const sign = text[0]!;
  const bare = text[1] === '=';
  const rest = text.slice(bare ? 2 : 1);
  if (rest !== '' && !rest.startsWith(' ')) {
    throw new Mistake(`put a space behind ${sign}${bare ? '=' : ''}`);
  }
  const said = rest.slice(1);
  if (!bare && HEX.test(said)) return { kind, bytes: hexOf(said.slice(3), sign) };
  if (bare && said === '') throw new Mistake(`${sign}= needs text behind it`);
  return { kind, bytes: utf8.encode(bare ? said : said + newline) };
}

function hexOf(text: string, sign: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  if (digits !== '' && digits.length % 2 === 0 && /^[\da-f]*$/i.test(digits)) {
    const pairs = digits.match(/../g)!;
    return new Uint8Array(pairs.map((pair) => Number.parseInt(pair, 16)));
  }
  throw new Mistake(
    `behind hex stand bytes of two digits each, such as: ${sign} hex 00 ff; ` +
      `for the word itself write ${sign}= hex and ${sign} on the next line`,
  );
}

function waitOf(text: string): number {
  const ms = readValue(uncommented(text.slice(1)), 'ms');
  if (!Number.isNaN(ms)) return ms;
  throw new Mistake(`'${text}' is no time; write +200ms, +5s, +2m or +1h`);
}

function wordOf(word: string, text: string): Deed {
  const rest = text.slice(word.length).replace(/^[ \t]+/, '');
  if (word === 'logs') {
    if (rest !== '') return { kind: 'logs', text: rest };
    throw new Mistake('behind logs stands the text that the guest must log');
  }
  const said = uncommented(rest);
  if (word === 'connect') return { kind: 'connect', options: readConnect(said) };
  if (word === 'closed') return { kind: 'closed', reason: reasonOf(said) };
  if (said !== '') throw new Mistake(`nothing may stand behind ${word}, but there is '${said}'`);
  return { kind: word as (typeof PLAIN)[number] };
}

function reasonOf(name: string): number {
  const reason = reasons.get(name.toUpperCase());
  if (reason !== undefined) return reason;
  const known = [...reasons.keys()].join(', ');
  throw new Mistake(`'${name}' is no close reason; there are ${known}`);
}

/** Without a comment, which begins with # behind a space, and without spaces at the end. */
export const uncommented = (text: string): string => text.replace(/(?:^|\s+)#.*$/, '').trimEnd();
