// Terms: what the counters that come as names and numbers are called where people read them.

import { bytes, count } from './figures.ts';

export interface Term {
  readonly name: string;
  readonly value: string;
}

const BYTES = /Bytes(?=In$|Out$|$)/;

/** `queueBytes` as `queue`, and `leftOut` as `left out`. */
function wordsOf(name: string): string {
  return name.replace(BYTES, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Each number and text of an object, under its name; of numbers by kind, their sum. */
export function termsOf(counts: object): Term[] {
  return Object.entries(counts).flatMap(([name, value]) => {
    const shown = shownAs(name, value);
    return shown === null ? [] : [{ name: wordsOf(name), value: shown }];
  });
}

function shownAs(name: string, value: unknown): string | null {
  if (typeof value === 'number') return BYTES.test(name) ? bytes(value) : count(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return null;
  const kinds = Object.values(value).map((part) => (typeof part === 'number' ? part : 0));
  return count(kinds.reduce((sum, part) => sum + part, 0));
}
