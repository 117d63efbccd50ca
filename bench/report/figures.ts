// The charts of the README: which results are shown, and in which colours.

import type { CaseResult } from '../campaign/campaign.ts';
import { type Case, cases } from '../campaign/cases.ts';
import { REFERENCE } from '../peers/contenders.ts';
import { type Curve, dotChart, percentileChart, type Row, type Series } from './charts.ts';
import { type Summary, summarize } from './summary.ts';

interface Look extends Series {
  readonly contender: string;
}

// Of medium lightness, for white and for black; no two differ by red against green alone.
const LOOKS: readonly Look[] = [
  { contender: 'wasmpoll-0', name: 'wasmpoll, workers: 0', colour: '#e8590c', shape: 'diamond' },
  { contender: 'wasmpoll-1', name: 'wasmpoll, workers: 1', colour: '#f59f00', shape: 'diamond' },
  { contender: 'bun', name: 'Bun', colour: '#c2459b', shape: 'triangle' },
  { contender: 'go', name: 'Go net', colour: '#1c8fd6', shape: 'square' },
  { contender: 'uvloop', name: 'uvloop', colour: '#5f6fd8', shape: 'circle' },
  { contender: 'node-write', name: 'Node net, write', colour: '#2b9a66', shape: 'cross' },
  { contender: 'node-pipe', name: 'Node net, pipe', colour: '#2b9a66', shape: 'ring' },
  { contender: 'asyncio', name: 'asyncio', colour: '#8a919b', shape: 'circle' },
  { contender: 'epoll-py', name: 'Python epoll', colour: '#8a919b', shape: 'ring' },
];

const C: Look = { contender: REFERENCE, name: 'C', colour: '#6b7280', shape: 'square' };

// More curves than these could not be told apart.
const CURVES = ['wasmpoll-0', 'wasmpoll-1', 'bun', 'go', 'uvloop', 'node-write'];
const LATENCY_CASE = '50x64B';
const PERCENTS = [50, 75, 90, 95, 99, 99.9];

export interface Figure {
  /** Of a file in bench/charts. */
  readonly name: string;
  readonly svg: string;
}

/** Those that the results have something for. */
export function figures(results: readonly CaseResult[]): Figure[] {
  const measured = results.map((result) => ({
    what: cases.find(({ name }) => name === result.name)!,
    summaries: new Map(summarize(result).map((summary) => [summary.contender, summary])),
  }));
  const latency = measured.find(({ what }) => what.name === LATENCY_CASE);
  const drawn = [throughputFigure(measured), processorFigure(measured)];
  return latency === undefined ? drawn : [...drawn, latencyFigure(latency.summaries)];
}

interface Measured {
  readonly what: Case;
  readonly summaries: ReadonlyMap<string, Summary>;
}

const rowsOf = (measured: readonly Measured[], value: (summary: Summary) => number): Row[] =>
  measured.map(({ what, summaries }) => ({
    label: what.title,
    values: LOOKS.map(({ contender }) => {
      const summary = summaries.get(contender);
      return summary === undefined ? Number.NaN : value(summary);
    }),
  }));

const throughputFigure = (measured: readonly Measured[]): Figure => ({
  name: 'throughput',
  svg: dotChart({
    title: 'Throughput, over hand-written C on epoll',
    subtitle: 'Messages a second; further to the right is better. Medians over rounds.',
    series: LOOKS,
    rows: rowsOf(measured, ({ throughputRatio }) => throughputRatio.median),
  }),
});

const processorFigure = (measured: readonly Measured[]): Figure => ({
  name: 'processor',
  svg: dotChart({
    title: 'Processor time a message, over hand-written C on epoll',
    subtitle: 'The whole server process, the kernel included; further to the left is better.',
    series: LOOKS,
    rows: rowsOf(measured, ({ processorRatio }) => processorRatio.median),
  }),
});

function latencyFigure(summaries: ReadonlyMap<string, Summary>): Figure {
  const shown = LOOKS.filter(({ contender }) => CURVES.includes(contender));
  const curves = [C, ...shown].flatMap((series): Curve[] => {
    const summary = summaries.get(series.contender);
    if (summary === undefined || summary.failure !== null) return [];
    const points = PERCENTS.map((percent) => [percent, summary.latencyUs[percent]!] as const);
    return [{ series, points }];
  });
  return {
    name: 'latency',
    svg: percentileChart({
      title: 'Latency at full load, 50 connections × 64 B',
      subtitle: 'By percentile; lower is better. Each connection has one message in flight.',
      unit: 'µs',
      curves,
    }),
  };
}
