// Values: what options and files are made of, before anybody knows whether they are right. It knows no option.

import { nearest } from './nearest.ts';

/** Where a value stands: the keys that lead to it, and the indices of lists. */
export type Where = readonly (string | number)[];

/** Told of each mistake: where it stands, what is wrong and what to do. */
export type Complain = (where: Where, message: string) => void;

export type Values = Readonly<Record<string, unknown>>;

export const isTable = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

export const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '';

/** What services and upstreams are called. */
export const isName = (text: string): boolean => /^[a-z0-9][a-z0-9_-]{0,62}$/.test(text);

/** From 1 to `most`. */
export const isCount = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;

/** Complains about each key that is not known. */
export function checkKeys(
  values: Values,
  known: readonly string[],
  where: Where,
  complain: Complain,
): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || known.includes(key)) continue;
    complain([...where, key], `there is no such key; ${adviceOf(key, known)}`);
  }
}

/** What may have been meant. */
export function adviceOf(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return meant === null ? `there are ${known.join(', ')}` : `${meant} is one`;
}

/** As a message shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 64)}'`;
  if (value instanceof Date) return 'a date';
  if (Array.isArray(value)) return 'a list';
  return isTable(value) ? 'a table' : String(value);
}
