// Pretty: a line of the log for people at a terminal: `12:34:56.789 WARN closed: … id=3 peer=127.0.0.1:5`. It takes
// lines as pino writes them, and knows no more of them than that.

import { printable } from '../text.ts';

interface Style {
  readonly name: string;
  /** Of select graphic rendition; ECMA-48. */
  readonly colour: number;
}

// By pino's numbers.
const LEVELS: Readonly<Record<number, Style>> = {
  20: { name: 'DEBUG', colour: 90 },
  30: { name: 'INFO ', colour: 32 },
  40: { name: 'WARN ', colour: 33 },
  50: { name: 'ERROR', colour: 31 },
};
const UNKNOWN: Style = { name: '?????', colour: 35 };
const DIM = 2;
// What a line's own texts were cut to before.
const VALUE_CHARACTERS = 8192;

/** @param coloured whether the terminal's colours are used */
export function prettyLine(line: string, coloured: boolean): string {
  const { level, time, msg = '', ...rest } = JSON.parse(line) as Record<string, unknown>;
  const paint = (text: string, code: number): string =>
    coloured ? `\x1b[${code}m${text}\x1b[0m` : text;
  const { name, colour } = LEVELS[Number(level)] ?? UNKNOWN;
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`);
  const parts = [paint(clock(new Date(Number(time))), DIM), paint(name, colour), text(String(msg))];
  if (fields.length > 0) parts.push(paint(text(fields.join(' ')), DIM));
  return `${parts.join(' ')}\n`;
}

const text = (value: string): string => printable(value, VALUE_CHARACTERS);

// Of the place where the terminal is.
function clock(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}

const shown = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"'=]+$/.test(value) ? value : JSON.stringify(value);
