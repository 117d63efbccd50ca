// Quantile: what is known of one from a histogram's buckets, and from what was counted between two looks at it.

import type { SeenHistogram } from './seen.ts';

/** What was counted after `before`; all of it without. */
export function between(now: SeenHistogram, before: SeenHistogram | null): SeenHistogram {
  if (before === null) return now;
  return {
    count: now.count - before.count,
    sum: now.sum - before.sum,
    buckets: now.buckets.map(({ le, count }, index) => ({
      le,
      count: count - (before.buckets[index]?.count ?? 0),
    })),
  };
}

/**
 * By proportion within its bucket, as Prometheus's histogram_quantile() does. Beyond the last bucket nothing is
 * known but that it is larger: the last bound is returned.
 * @param portion 0.99 is the 99th percentile
 * @returns null if nothing was counted
 */
export function quantile({ count, buckets }: SeenHistogram, portion: number): number | null {
  if (!(count > 0)) return null;
  const rank = portion * count;
  let below = { le: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= rank && bucket.count > below.count) {
      const share = (rank - below.count) / (bucket.count - below.count);
      return below.le + (bucket.le - below.le) * share;
    }
    below = bucket;
  }
  return below.le;
}
