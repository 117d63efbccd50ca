// Report: a verdict in words, for whoever reads it in a terminal or a page. It judges nothing.

import { printable } from '../text.ts';
import type { Place } from './fault.ts';
import type { Verdict } from './verdict.ts';

/** Of what came, so much is shown around the first difference. */
const SHOWN = 200;
const SHOWN_HEX = 32;
const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Lines for a verdict: one when all went well.
 * @param lineAt the line of a source that a place in the module came from; null if that is not known
 */
export function report(
  { name, plays, fault }: Verdict,
  lineAt: (place: Place) => string | null = () => null,
): string[] {
  if (fault === null) return [`ok    ${name} (${plays === 1 ? '1 play' : `${plays} plays`})`];
  const lines = [`FAIL  ${name}:${fault.line}: ${printable(fault.what)}; played ${fault.played}`];
  if (fault.bytes !== null) lines.push(...difference(fault.bytes.expected, fault.bytes.came));
  for (const source of fault.places.flatMap((place) => lineAt(place) ?? [])) {
    lines.push(`      at        ${source}`);
  }
  for (const log of fault.logs) lines.push(`      logged    ${printable(log)}`);
  return lines;
}

/** Both, in the same form, and a mark under the first byte that differs. */
function difference(expected: Uint8Array, came: Uint8Array): string[] {
  const wrong = firstDifference(expected, came);
  const text = isText(expected) && isText(came);
  const lines = [
    `      expected  ${show(expected, wrong, text).line}`,
    `      came      ${show(came, wrong, text).line}`,
  ];
  const { mark } = show(came, wrong, text);
  if (expected.length > 0 && came.length > 0) lines.push(`                ${' '.repeat(mark)}^`);
  return lines;
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length : at;
}

/**
 * Bytes as they would stand in a transcript, on one line: text with escapes, or hex.
 * @returns the line, and how many characters of it stand before the byte at `wrong`
 */
function show(bytes: Uint8Array, wrong: number, text: boolean): { line: string; mark: number } {
  if (bytes.length === 0) return { line: '(nothing)', mark: 0 };
  const most = text ? SHOWN : SHOWN_HEX;
  // The difference is in the middle of what is shown.
  const from =
    bytes.length <= most ? 0 : Math.max(0, Math.min(wrong - most / 2, bytes.length - most));
  const until = Math.min(bytes.length, from + most);
  const write = text ? asText : asHex;
  const front = (from > 0 ? `(${from} bytes) … ` : '') + (text ? '' : 'hex ');
  const back = until < bytes.length ? ` … (${bytes.length - until} more bytes)` : '';
  const mark = front.length + write(bytes.subarray(from, Math.min(wrong, until))).length;
  const space = !text && wrong > from && wrong < until ? 1 : 0;
  return { line: front + write(bytes.subarray(from, until)) + back, mark: mark + space };
}

const utf8 = new TextDecoder();
const strict = new TextDecoder('utf-8', { fatal: true });

const asText = (bytes: Uint8Array): string =>
  printable(utf8.decode(bytes).replaceAll(/[\n\r\t]/g, (one) => ESCAPES[one]!));

const asHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

function isText(bytes: Uint8Array): boolean {
  try {
    return !/[^\P{Cc}\n\r\t]/u.test(strict.decode(bytes));
  } catch {
    return false;
  }
}
