// What the rounds of a case say about each contender: medians, and ratios to another one round by
// round. It prints nothing.

import type { CaseResult, Result } from '../campaign/campaign.ts';
import { foreignShare, processorNs, type Sample, throughput } from '../load/measure.ts';
import { REFERENCE } from '../peers/contenders.ts';
import { median, ratios, type Spread, spread } from './statistics.ts';

export interface Summary {
  readonly contender: string;
  readonly failure: string | null;
  /** Messages a second. */
  readonly throughput: number;
  /** Nanoseconds of the server's processor time a message, and the part of them in user mode. */
  readonly processorNs: number;
  readonly userShare: number;
  /** Parts of the window in which the server and the load had a processor; several threads add up. */
  readonly serverBusy: number;
  readonly loadBusy: number;
  /** The part in which others had one of their cores. */
  readonly foreign: number;
  /** Medians over the rounds, by percentile, in microseconds. */
  readonly latencyUs: Readonly<Record<string, number>>;
  /** Over the reference in the same round; NaN where that has not been measured. */
  readonly throughputRatio: Spread;
  readonly processorRatio: Spread;
  readonly latencyRatio: Readonly<Record<string, number>>;
}

type Value = (sample: Sample) => number;

const latency =
  (percent: string): Value =>
  ({ latencyUs }) =>
    latencyUs[percent]!;

/** A contender's value over another one's in the same round; NaN where one of them has no samples. */
export function compare(result: CaseResult, name: string, other: string, value: Value): Spread {
  const [samples, others] = [name, other].map(
    (each) => result.results.find(({ contender }) => contender === each)?.samples ?? [],
  );
  return spread(ratios(samples!.map(value), others!.map(value)));
}

export const summarize = (result: CaseResult): Summary[] =>
  result.results.map((each) => summary(result, each));

function summary(result: CaseResult, { contender, samples, failure }: Result): Summary {
  const percents = Object.keys(samples[0]?.latencyUs ?? {});
  const byPercent = (of: (value: Value) => number): Record<string, number> =>
    Object.fromEntries(percents.map((percent) => [percent, of(latency(percent))]));
  const ratio = (value: Value): Spread => compare(result, contender, REFERENCE, value);
  return {
    contender,
    failure,
    throughput: median(samples.map(throughput)),
    processorNs: median(samples.map(processorNs)),
    userShare: userShare(samples),
    serverBusy: median(samples.map(({ serverNs, windowNs }) => serverNs / windowNs)),
    loadBusy: median(samples.map(({ loadNs, windowNs }) => loadNs / windowNs)),
    foreign: median(samples.map(foreignShare)),
    latencyUs: byPercent((value) => median(samples.map(value))),
    throughputRatio: ratio(throughput),
    processorRatio: ratio(processorNs),
    latencyRatio: byPercent((value) => ratio(value).median),
  };
}

// Of all rounds together: in one there are too few ticks.
function userShare(samples: readonly Sample[]): number {
  const sum = (count: Value): number => samples.reduce((total, sample) => total + count(sample), 0);
  const user = sum(({ userTicks }) => userTicks);
  return user / (user + sum(({ systemTicks }) => systemTicks));
}
