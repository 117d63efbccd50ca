// Numbers as the reports write them.

import type { Spread } from './statistics.ts';

export const count = (value: number): string => Math.round(value).toLocaleString('en');

export const ratio = (value: number): string => value.toFixed(2);

/** A median with its quartiles. */
export const spreadText = ({ median, low, high }: Spread): string =>
  Number.isNaN(median) ? '—' : `${ratio(median)} (${ratio(low)}–${ratio(high)})`;

/** Three digits or more. */
export const micros = (value: number): string => (value < 100 ? value.toFixed(1) : count(value));

export const percent = (part: number): string => `${Math.round(part * 100)} %`;
