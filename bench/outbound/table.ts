// What the bench of proxies prints: each one's figures beside those of haproxy. Nothing is measured.

import type { Sample } from '../load/measure.ts';
import { processorNs } from '../load/measure.ts';
import { median, ratios } from '../report/statistics.ts';
import { markdownTable } from '../report/table.ts';

/** What one round finds. */
export interface Round {
  readonly small: Sample;
  readonly large: Sample;
  /** Connect, a message there and back, close. */
  readonly cycle: Sample;
}

export interface Measured {
  readonly name: string;
  readonly title: string;
  readonly rounds: readonly Round[];
}

type Part = keyof Round;

const HEAD = [
  ...['proxy', '64 B, µs', '÷ haproxy', 'p99, µs', '16 KiB, µs', '÷ haproxy', 'p99, µs'],
  ...['connections a CPU second', '÷ haproxy'],
];

const nsOf = ({ rounds }: Measured, part: Part): number[] =>
  rounds.map((round) => processorNs(round[part]));

const timesOf = (one: Measured, reference: Measured, part: Part): number =>
  median(ratios(nsOf(one, part), nsOf(reference, part)));

const p99Of = ({ rounds }: Measured, part: Part): string =>
  median(rounds.map((round) => round[part].latencyUs['99']!)).toFixed(0);

/** @param reference the one that all are divided by, round by round */
export function proxyTable(all: readonly Measured[], reference: Measured): string {
  return markdownTable(
    HEAD,
    all.map((one) => {
      const micros = (part: Part): string => (median(nsOf(one, part)) / 1000).toFixed(1);
      const times = (part: Part): string => timesOf(one, reference, part).toFixed(2);
      return [
        ...[one.title, micros('small'), times('small'), p99Of(one, 'small')],
        ...[micros('large'), times('large'), p99Of(one, 'large')],
        Math.round(1e9 / median(nsOf(one, 'cycle'))).toString(),
        (1 / timesOf(one, reference, 'cycle')).toFixed(2),
      ];
    }),
  );
}

/** What ours may cost of haproxy's processor time, and whether each does. */
export const GOALS: readonly (readonly [prefix: string, most: number])[] = [
  ['wasmpoll', 1.1],
  ['through', 1.3],
];

export function goalLines(all: readonly Measured[], reference: Measured): string {
  const lines = all.flatMap((one) => {
    const most = GOALS.find(([prefix]) => one.name.startsWith(prefix))?.[1];
    if (most === undefined) return [];
    return (['small', 'large'] as const).map((part) => {
      const times = timesOf(one, reference, part);
      const what = part === 'small' ? '64 B' : '16 KiB';
      const met = times <= most ? 'met' : 'missed';
      return `${met}: ${one.title}, ${what}: ${times.toFixed(2)} times haproxy; at most ${most}\n`;
    });
  });
  return lines.join('');
}
