// Words: what several kinds of lines have in common: names, bytes, times, comments. It knows no line as a whole.

import { readValue } from '../units.ts';
import { Mistake } from './mistake.ts';
import { type Deed, reasons } from './transcript.ts';

/** What clients and upstreams are called. */
export const NAME = /^[A-Za-z][\w-]*$/;
const HEX = /^hex(?:\s|$)/;
const utf8 = new TextEncoder();

/**
 * `> text`, `>= text` without an end, `> hex 00 ff`; the same with <.
 * @param newline what ends a line that is sent or expected
 * @throws Mistake
 */
export function bytesOf(text: string, newline: string): Deed {
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

/** @param written how it stands in the line @throws Mistake */
export function timeOf(text: string, written: string, example: string): number {
  const ms = readValue(text, 'ms');
  if (!Number.isNaN(ms)) return ms;
  throw new Mistake(`'${written}' is no time; write ${example}`);
}

/** @throws Mistake */
export function reasonOf(name: string): number {
  const reason = reasons.get(name.toUpperCase());
  if (reason !== undefined) return reason;
  const known = [...reasons.keys()].join(', ');
  throw new Mistake(`'${name}' is no close reason; there are ${known}`);
}

/** What stands behind a word that needs nothing behind it. @throws Mistake */
export function checkAlone(word: string, said: string): void {
  if (said !== '') throw new Mistake(`nothing may stand behind ${word}, but there is '${said}'`);
}

/** Without a comment, which begins with # behind a space, and without spaces at the end. */
export const uncommented = (text: string): string => text.replace(/(?:^|\s+)#.*$/, '').trimEnd();

/** What stands behind the first word. */
export const behind = (word: string, text: string): string =>
  text.slice(word.length).replace(/^[ \t]+/, '');

export const wordAt = (text: string): string => /^\S+/.exec(text)?.[0] ?? '';
