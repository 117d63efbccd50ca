// Words: a line taken apart at its spaces. In quotes a word may have spaces and escapes, as redis-cli has them.

import { Bytes, view, viewOf } from './bytes';
import { draft } from './output';

const SPACE: i32 = 0x20;
const TAB: i32 = 0x09;
const APOSTROPHE: i32 = 0x27;
const QUOTE: i32 = 0x22;
const BACKSLASH: i32 = 0x5c;

const isSpace = (byte: i32): boolean => byte === SPACE || byte === TAB;
const isQuote = (byte: i32): boolean => byte === QUOTE || byte === APOSTROPHE;

const word = draft();
/** Keeps words that were written anew: the line stays as it is. */
const unquoted: ArrayBuffer[] = [];

/** Words that were taken before end. */
export function releaseWords(): void {
  unquoted.length = 0;
}

/**
 * Takes the next word off the front of a line, which then is what is left.
 * @returns null if there is none; or if a quote is not closed where a word ends: then something is left
 */
export function takeWord(line: Bytes): Bytes | null {
  let from = 0;
  while (isSpace(line.byte(from))) from += 1;
  let at = from;
  while (at < line.length && !isSpace(line.byte(at)) && !isQuote(line.byte(at))) at += 1;
  const isPlain = at === line.length || isSpace(line.byte(at));
  const end = isPlain ? at : readQuoted(line, from);
  if (end === 0) return null;
  const found = view(line.at + from, end - from);
  line.at += end;
  line.length -= end;
  if (!isPlain) return viewOf(unquoted[unquoted.length - 1]);
  return found.length > 0 ? found : null;
}

/** A word that has quotes. @returns where it ends, or 0 if a quote is not closed there */
function readQuoted(line: Bytes, at: i32): i32 {
  word.clear();
  let quote: i32 = 0;
  while (at < line.length) {
    const byte = line.byte(at);
    if (quote === 0 && isSpace(byte)) break;
    at += 1;
    const next = line.byte(at);
    if (quote === 0 && isQuote(byte)) quote = byte;
    else if (quote !== 0 && byte === quote) {
      if (next >= 0 && !isSpace(next)) return 0;
      quote = 0;
    } else if (quote === QUOTE && byte === BACKSLASH && next >= 0) at += readEscape(line, at);
    else if (quote === APOSTROPHE && byte === BACKSLASH && next === APOSTROPHE) {
      word.uint8(APOSTROPHE);
      at += 1;
    } else word.uint8(byte);
  }
  if (quote !== 0) return 0;
  unquoted.push(word.view().copy());
  return at;
}

/** @returns how many bytes behind the backslash it has */
function readEscape(line: Bytes, at: i32): i32 {
  const byte = line.byte(at);
  const high = hex(line.byte(at + 1));
  const low = hex(line.byte(at + 2));
  if (byte === 0x78 && high >= 0 && low >= 0) {
    word.uint8((high << 4) | low);
    return 3;
  }
  let means = byte;
  if (byte === 0x6e) means = 0x0a;
  else if (byte === 0x72) means = 0x0d;
  else if (byte === 0x74) means = TAB;
  else if (byte === 0x62) means = 0x08;
  else if (byte === 0x61) means = 0x07;
  word.uint8(means);
  return 1;
}

function hex(byte: i32): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
