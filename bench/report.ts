// What was measured, as text.

import type { CaseResult } from './campaign.ts';
import { contenders } from './contenders.ts';
import type { Spread } from './statistics.ts';
import { type Summary, summarize } from './summary.ts';
import { textTable } from './table.ts';

const HEAD = [
  'contender',
  'messages/s',
  '× C',
  '(quartiles)',
  'CPU ns/message',
  'user',
  '× C',
  '(quartiles)',
  'p50 µs',
  'p99',
  'p99.9',
];

const titles = new Map(contenders.map(({ name, title }) => [name, title]));

const number = (value: number): string => Math.round(value).toLocaleString('en');
const ratio = (value: number): string => value.toFixed(2);
const quartiles = ({ low, high }: Spread): string => `${ratio(low)}–${ratio(high)}`;

const micros = (value: number | undefined): string => {
  if (value === undefined) return '';
  return value < 100 ? value.toFixed(1) : number(value);
};

function row(summary: Summary): string[] {
  const title = titles.get(summary.contender) ?? summary.contender;
  if (summary.failure !== null) return [title, ...HEAD.slice(1).map(() => '—')];
  return [
    title,
    number(summary.throughput),
    ratio(summary.throughputRatio.median),
    quartiles(summary.throughputRatio),
    number(summary.processorNs),
    `${Math.round(summary.userShare * 100)} %`,
    ratio(summary.processorRatio.median),
    quartiles(summary.processorRatio),
    ...['50', '99', '99.9'].map((percent) => micros(summary.latencyUs[percent])),
  ];
}

/** One case for the terminal. */
export function caseTable(result: CaseResult): string {
  const summaries = summarize(result);
  const failures = summaries
    .filter(({ failure }) => failure !== null)
    .map(({ contender, failure }) => `${titles.get(contender)}: ${failure}\n`);
  return textTable(HEAD, summaries.map(row)) + failures.join('');
}
