// Units: how sizes and times are written, in flags and in files. It knows no setting.

import type { Unit } from './policy.ts';

const UNITS: { readonly [unit in Unit]: ReadonlyMap<string, number> } = {
  bytes: new Map([
    ['B', 1],
    ['KiB', 1024],
    ['MiB', 1024 ** 2],
    ['GiB', 1024 ** 3],
  ]),
  ms: new Map([
    ['ms', 1],
    ['s', 1000],
    ['m', 60_000],
    ['h', 3_600_000],
  ]),
  count: new Map(),
};

/** What a value must look like, in words. */
export const FORMS: { readonly [unit in Unit]: string } = {
  bytes: 'a size such as 512B, 64KiB or 8MiB',
  ms: 'a time such as 250ms, 30s, 5m or 0',
  count: 'a whole number',
};

/** Reads `64KiB`, `30s` or `8`; NaN for what is no value of this unit. */
export function readValue(text: string, unit: Unit): number {
  const match = /^(\d{1,15})([A-Za-z]*)$/.exec(text);
  const factor = match === null ? undefined : factorOf(unit, match[1]!, match[2]!);
  return match === null || factor === undefined ? Number.NaN : Number(match[1]) * factor;
}

// 0 needs no unit, and bytes may go without: nobody could mean anything else.
function factorOf(unit: Unit, digits: string, suffix: string): number | undefined {
  if (suffix !== '') return UNITS[unit].get(suffix);
  return unit !== 'ms' || Number(digits) === 0 ? 1 : undefined;
}

/** The value in the largest unit that leaves it whole: `64KiB`, `5m`, `4096`. */
export function showValue(value: number, unit: Unit): string {
  if (value === 0) return '0';
  const fitting = [...UNITS[unit]].filter(([, factor]) => value % factor === 0);
  const [suffix, factor] = fitting.at(-1) ?? ['', 1];
  return `${value / factor}${suffix}`;
}
