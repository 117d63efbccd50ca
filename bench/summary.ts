// What the rounds of a case say about each contender: medians, and ratios to the reference round by
// round. It prints nothing.

import type { CaseResult, Result } from './campaign.ts';
import { REFERENCE } from './contenders.ts';
import { processorNs, type Sample, throughput } from './measure.ts';
import { median, ratios, type Spread, spread } from './statistics.ts';

export interface Summary {
  readonly contender: string;
  readonly failure: string | null;
  /** Messages a second. */
  readonly throughput: number;
  /** Nanoseconds of the server's processor time a message, and the part of them in user mode. */
  readonly processorNs: number;
  readonly userShare: number;
  /** Medians over the rounds, by percentile, in microseconds. */
  readonly latencyUs: Readonly<Record<string, number>>;
  /** Over the reference in the same round; NaN where it has not been measured. */
  readonly throughputRatio: Spread;
  readonly processorRatio: Spread;
}

export function summarize({ results }: CaseResult): Summary[] {
  const reference = results.find(({ contender }) => contender === REFERENCE);
  return results.map((result) => summary(result, reference));
}

function summary({ contender, samples, failure }: Result, reference: Result | undefined): Summary {
  const others = reference?.samples ?? [];
  const percents = Object.keys(samples[0]?.latencyUs ?? {});
  const over = (value: typeof throughput): Spread =>
    spread(ratios(samples.map(value), others.map(value)));
  return {
    contender,
    failure,
    throughput: median(samples.map(throughput)),
    processorNs: median(samples.map(processorNs)),
    userShare: userShare(samples),
    latencyUs: Object.fromEntries(
      percents.map((percent) => [
        percent,
        median(samples.map(({ latencyUs }) => latencyUs[percent]!)),
      ]),
    ),
    throughputRatio: over(throughput),
    processorRatio: over(processorNs),
  };
}

// Of all rounds together: in one there are too few ticks.
function userShare(samples: readonly Sample[]): number {
  const sum = (count: (sample: Sample) => number): number =>
    samples.reduce((total, sample) => total + count(sample), 0);
  const user = sum(({ userTicks }) => userTicks);
  return user / (user + sum(({ systemTicks }) => systemTicks));
}
