// What bench/shared.ts prints: the cost of each case, and what was aimed for. Nothing is measured.

import { median, type Spread, spread } from '../report/statistics.ts';
import { textTable } from '../report/table.ts';

/** Nanoseconds of a unit, round by round. */
export type Rounds = readonly number[];

export interface Row {
  readonly title: string;
  readonly rounds: Rounds;
}

const microseconds = (ns: number): string => (ns / 1000).toFixed(3);
const text = ({ median: middle, low, high }: Spread): string =>
  `${microseconds(middle)} (${microseconds(low)}–${microseconds(high)})`;

/** Of the same rounds: what disturbs one disturbs the other. */
export const beyond = (rounds: Rounds, floor: Rounds): number[] =>
  rounds.map((ns, round) => ns - floor[round]!);

/** Medians and quartiles in µs; with a floor, also what is beyond it. */
export function costTable(unit: string, rows: readonly Row[], floor?: Rounds): string {
  const head = [
    '',
    `µs a ${unit} (quartiles)`,
    ...(floor === undefined ? [] : ['beyond the first']),
  ];
  const cells = rows.map(({ title, rounds }) => {
    const cost = [title, text(spread(rounds))];
    if (floor === undefined) return cost;
    return [...cost, rounds === floor ? '' : text(spread(beyond(rounds, floor)))];
  });
  return textTable(head, cells);
}

export interface Aim {
  readonly what: string;
  /** At most, in nanoseconds. */
  readonly most: number;
  readonly rounds: Rounds;
}

export function aimTable(aims: readonly Aim[]): string {
  const rows = aims.map(({ what, most, rounds }) => {
    const found = median(rounds);
    const verdict = found <= most ? 'met' : 'missed';
    return [what, microseconds(most), microseconds(found), verdict];
  });
  return textTable(['aim', 'at most, µs', 'measured', ''], rows);
}
