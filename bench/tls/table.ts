// What the bench of TLS prints: each contender's figures beside those of C. Nothing is measured.

import { median, ratios } from '../report/statistics.ts';
import { markdownTable } from '../report/table.ts';
import type { Round } from './target.ts';

export interface Measured {
  readonly name: string;
  readonly title: string;
  readonly rounds: readonly Round[];
  readonly idleBytes: number;
}

const HEAD = [
  'contender',
  '64 B, µs',
  '÷ C',
  '16 KiB, µs',
  '÷ C',
  'handshakes a CPU second',
  'time ÷ C',
  'with a session',
  'time ÷ C',
  'resumed',
  'idle connection, KiB',
];

const micros = (values: readonly number[]): string => (median(values) / 1000).toFixed(1);

/** @param reference the one that all are divided by, round by round */
export function tlsTable(all: readonly Measured[], reference: Measured): string {
  return markdownTable(
    HEAD,
    all.map(({ title, rounds, idleBytes }) => {
      const of = (key: keyof Round): number[] => rounds.map((round) => round[key]);
      const times = (key: keyof Round): string =>
        median(
          ratios(
            of(key),
            reference.rounds.map((round) => round[key]),
          ),
        ).toFixed(2);
      const rate = (key: keyof Round): string => Math.round(1e9 / median(of(key))).toString();
      const share = median(of('resumed'));
      return [
        title,
        micros(of('smallNs')),
        times('smallNs'),
        micros(of('largeNs')),
        times('largeNs'),
        rate('fullNs'),
        times('fullNs'),
        share > 0 ? rate('resumedNs') : 'none',
        share > 0 ? times('resumedNs') : 'none',
        `${Math.round(share * 100)} %`,
        (idleBytes / 1024).toFixed(1),
      ];
    }),
  );
}

/** The goal for messages, and whether each of ours meets it. */
export function goalLines(ours: readonly Measured[], reference: Measured, most: number): string {
  const line = ({ title, rounds }: Measured, key: 'smallNs' | 'largeNs', what: string): string => {
    const over = median(
      ratios(
        rounds.map((round) => round[key]),
        reference.rounds.map((round) => round[key]),
      ),
    );
    const met = over <= most ? 'met' : 'missed';
    return `${met}: ${title}, ${what}: ${over.toFixed(2)} times C; at most ${most}\n`;
  };
  return ours.map((one) => line(one, 'smallNs', '64 B') + line(one, 'largeNs', '16 KiB')).join('');
}
