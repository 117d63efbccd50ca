// What is made of the rounds: medians, quartiles, and ratios of two contenders in the same round.
// Numbers only; it knows no contender and no case.

export interface Spread {
  readonly median: number;
  /** The quartiles: half of the rounds lie between them. */
  readonly low: number;
  readonly high: number;
}

/** The value below which `part` (0 to 1) of the values lie, between two by proportion. NaN for none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function spread(values: readonly number[]): Spread {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * Each round's value over the other's in the same round, so that what disturbed the machine for a while
 * disturbs both. Rounds that lack one of them (NaN) are left out.
 */
export function ratios(values: readonly number[], others: readonly number[]): number[] {
  return values
    .slice(0, others.length)
    .map((value, round) => value / others[round]!)
    .filter((ratio) => !Number.isNaN(ratio));
}
