// Terms: what the counters that come as names and numbers are called where people read them.

import { bytes, count } from './figures.ts';

export interface Term {
  readonly name: string;
  readonly value: string;
}

/** `queueBytes` as `queue`, and `leftOut` as `left out`. */
function wordsOf(name: string): string {
  return name.replace(/Bytes$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Each number and text of an object, under its name. */
export function termsOf(counts: object): Term[] {
  return Object.entries(counts).flatMap(([name, value]) => {
    const shown = shownAs(name, value);
    return shown === null ? [] : [{ name: wordsOf(name), value: shown }];
  });
}

function shownAs(name: string, value: unknown): string | null {
  if (typeof value === 'number') return name.endsWith('Bytes') ? bytes(value) : count(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value : null;
}
