// Bytes: how they are shown, as text and in hexadecimal, and how they are read from what somebody types. It knows no
// client.

import { make } from '../../admin/page/dom.ts';

/** More columns do not fit a phone. */
const COLUMNS = 8;
const NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What cannot be seen is written as `\n` or `\x00`, fainter than the rest. */
export function asText(bytes: Uint8Array): DocumentFragment {
  const fragment = document.createDocumentFragment();
  let plain = '';
  const flush = (): void => {
    fragment.append(plain);
    plain = '';
  };
  for (const [text, isByte] of charactersOf(bytes)) {
    if (!isByte && !UNFIT.test(text)) {
      plain += text;
      continue;
    }
    flush();
    fragment.append(make('i', 'unseen', NAMES[text] ?? escaped(text)));
    if (text === '\n') plain = '\n';
  }
  // A line break at the very end would be an empty line.
  if (plain !== '\n') flush();
  return fragment;
}

/** Characters of UTF-8; in what is none of it, each byte above ASCII is by itself. */
function* charactersOf(bytes: Uint8Array): Generator<[text: string, isByte: boolean]> {
  try {
    for (const character of utf8.decode(bytes)) yield [character, false];
  } catch {
    for (const byte of bytes) yield [String.fromCharCode(byte), byte > 126];
  }
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!.toString(16);
  return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, '0')}`;
}

/**
 * Rows of an offset, bytes, and the same as ASCII.
 * @param isMarked bytes that are to be seen at once
 */
export function asHex(
  bytes: Uint8Array,
  isMarked = (_: number): boolean => false,
): DocumentFragment {
  const fragment = document.createDocumentFragment();
  const digits = bytes.length > 0xffff ? 6 : 4;
  for (let row = 0; row < bytes.length; row += COLUMNS) {
    const end = Math.min(row + COLUMNS, bytes.length);
    fragment.append(make('i', 'offset', row.toString(16).padStart(digits, '0')), ' ');
    for (let at = row; at < end; at += 1) {
      fragment.append(' ', markedOr(hexOf(bytes[at]!), isMarked(at)));
    }
    fragment.append(' '.repeat(3 * (row + COLUMNS - end) + 2));
    for (let at = row; at < end; at += 1) {
      const byte = bytes[at]!;
      const seen = byte > 31 && byte < 127;
      const shown = seen ? String.fromCharCode(byte) : '·';
      fragment.append(isMarked(at) ? make('mark', '', shown) : seen ? shown : dot());
    }
    if (end < bytes.length) fragment.append('\n');
  }
  return fragment;
}

const markedOr = (text: string, marked: boolean): Node | string =>
  marked ? make('mark', '', text) : text;

const dot = (): Node => make('i', 'unseen', '·');

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Bytes from hexadecimal digits, with any spaces between pairs; null for anything else. */
export function fromHex(text: string): Uint8Array | null {
  const pairs = text.trim().split(/\s+/).join(' ');
  if (!/^(?:[\da-f]{2} ?)*$/i.test(pairs)) return null;
  const digits = pairs.replaceAll(' ', '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}
