// Tally: what several reactors have counted together, those included that are gone. It knows their arrays,
// and not where they run.

import { MetricSum, type Metrics } from './metrics.ts';
import { type Snapshot, STATS, Stats } from './stats.ts';

/** What one reactor counts, or has counted. */
export interface Counted {
  readonly stats: Stats;
  readonly metrics: Metrics;
}

export class Tally {
  readonly #errorName: (errno: number) => string;
  readonly #past = new Float64Array(STATS);
  readonly #pastMetrics = new MetricSum();

  constructor(errorName: (errno: number) => string) {
    this.#errorName = errorName;
  }

  /** @param all where two metrics of one name differ in kind, the first one's counts */
  snapshot(all: readonly Counted[]): Snapshot {
    const sum = new Float64Array(STATS);
    new Stats(this.#past).addTo(sum);
    for (const { stats } of all) stats.addTo(sum);
    const metrics = metricsOf(all);
    metrics.addPast(this.#pastMetrics);
    return { ...new Stats(sum).snapshot(this.#errorName), guest: metrics.snapshot() };
  }

  /** One is gone; what it has counted stays. `others` are those that are left. */
  gone({ stats, metrics }: Counted, others: readonly Counted[]): void {
    stats.hold(0, 0, 0, 0);
    stats.addTo(this.#past);
    metrics.addTo(this.#pastMetrics);
    // Names that no guest declares any more would add up with each swap.
    this.#pastMetrics.retain(metricsOf(others));
  }
}

function metricsOf(all: readonly Counted[]): MetricSum {
  const sum = new MetricSum();
  for (const { metrics } of all) metrics.addTo(sum);
  return sum;
}
