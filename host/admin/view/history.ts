// History: what follows from one status after another: rates, quantiles of the last seconds, charts. It keeps
// no status longer than that, and asks nobody.

import { between, quantile } from './quantile.ts';
import type { SeenCounts, SeenHistogram, SeenService, SeenStatus, SeenWorker } from './seen.ts';
import { Series } from './series.ts';

/** Quantiles are of this time: a second has too few callbacks on a quiet server. */
const WINDOW_MS = 10_000;
/** Between two looks that are further apart nothing is known: that is a gap. */
const LONGEST_STEP_MS = 10_000;

/** What a subject is doing now; null is not known yet. Rates are a second's. */
export interface Figures {
  readonly messages: number | null;
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  readonly accepted: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The part of the time that was spent in callbacks; of several workers, added up. */
  readonly busy: number | null;
}

const NOTHING: Figures = {
  ...{ messages: null, bytesIn: null, bytesOut: null, accepted: null },
  ...{ p50Ms: null, p99Ms: null, busy: null },
};

/** The charts of a service. */
export interface Charts {
  readonly messages: Series;
  readonly bytesIn: Series;
  readonly bytesOut: Series;
  readonly open: Series;
  readonly p50Ms: Series;
  readonly p99Ms: Series;
  readonly traps: Series;
  readonly restarts: Series;
  readonly poolBytes: Series;
  readonly guestMemoryBytes: Series;
}

interface Look {
  readonly time: number;
  readonly counts: SeenCounts;
  readonly restarts: number;
}

/** One worker, or a service with all of its workers. */
export class Subject {
  now: Figures = NOTHING;
  /** When its thread was last seen to have been replaced, and whether a callback hung. */
  replaced: { readonly time: number; readonly hung: boolean } | null = null;
  #last: Look | null = null;
  readonly #histograms: { readonly time: number; readonly histogram: SeenHistogram }[] = [];

  /** @returns the seconds since the look before; null when nothing follows from the two */
  take(
    time: number,
    counts: SeenCounts,
    restarts: number,
  ): { seconds: number; before: Look } | null {
    const before = this.#last;
    this.#last = { time, counts, restarts };
    const fits = before !== null && time > before.time && counts.messages >= before.counts.messages;
    if (!fits || time - before.time > LONGEST_STEP_MS) {
      this.now = NOTHING;
      this.#histograms.length = 0;
      this.#remember(time, counts);
      return null;
    }
    const seconds = (time - before.time) / 1000;
    const step = (of: (counts: SeenCounts) => number): number =>
      Math.max(0, of(counts) - of(before.counts)) / seconds;
    if (restarts > before.restarts) {
      const hung = (counts.errors.HUNG ?? 0) > (before.counts.errors.HUNG ?? 0);
      this.replaced = { time, hung };
    }
    this.now = {
      messages: step(({ messages }) => messages),
      bytesIn: step(({ bytesIn }) => bytesIn),
      bytesOut: step(({ bytesOut }) => bytesOut),
      accepted: step(({ connections }) => connections.total),
      ...this.#latency(time, counts),
      busy: busyOf(counts, before.counts, seconds),
    };
    return { seconds, before };
  }

  #latency(time: number, counts: SeenCounts): Pick<Figures, 'p50Ms' | 'p99Ms'> {
    const histogram = counts.histograms?.callbackMs;
    const first = this.#histograms[0];
    this.#remember(time, counts);
    if (histogram === undefined || first === undefined) return { p50Ms: null, p99Ms: null };
    const recent = between(histogram, first.histogram);
    return { p50Ms: quantile(recent, 0.5), p99Ms: quantile(recent, 0.99) };
  }

  #remember(time: number, counts: SeenCounts): void {
    const histogram = counts.histograms?.callbackMs;
    if (histogram === undefined) return;
    this.#histograms.push({ time, histogram });
    while (this.#histograms[0]!.time < time - WINDOW_MS) this.#histograms.shift();
  }
}

function busyOf(now: SeenCounts, before: SeenCounts, seconds: number): number | null {
  const [spent, earlier] = [now.histograms?.callbackMs.sum, before.histograms?.callbackMs.sum];
  if (spent === undefined || earlier === undefined) return null;
  return Math.max(0, spent - earlier) / 1000 / seconds;
}

/** A service and its workers. */
export class ServiceHistory {
  total = new Subject();
  readonly charts: Charts = {
    messages: new Series('mean'),
    bytesIn: new Series('mean'),
    bytesOut: new Series('mean'),
    open: new Series('max'),
    p50Ms: new Series('max'),
    p99Ms: new Series('max'),
    traps: new Series('sum'),
    restarts: new Series('sum'),
    poolBytes: new Series('max'),
    guestMemoryBytes: new Series('max'),
  };
  readonly workers = new Map<number, { readonly subject: Subject; readonly messages: Series }>();

  /** Another process counts from now on; what was drawn stays. */
  restarted(): void {
    this.total = new Subject();
    this.workers.clear();
  }

  take(time: number, { stats, workers }: SeenService): void {
    const { restarts } = stats.workers;
    const step = this.total.take(time, stats, restarts);
    const { charts, total } = this;
    charts.messages.add(time, total.now.messages);
    charts.bytesIn.add(time, total.now.bytesIn);
    charts.bytesOut.add(time, total.now.bytesOut);
    charts.open.add(time, stats.connections.open);
    charts.p50Ms.add(time, total.now.p50Ms);
    charts.p99Ms.add(time, total.now.p99Ms);
    charts.poolBytes.add(time, stats.poolBytes);
    charts.guestMemoryBytes.add(time, stats.guestMemoryBytes);
    charts.traps.add(time, step && stats.guestTraps - step.before.counts.guestTraps);
    charts.restarts.add(time, step && restarts - step.before.restarts);
    this.#takeWorkers(time, workers);
  }

  #takeWorkers(time: number, workers: readonly SeenWorker[]): void {
    const seen = new Set(workers.map(({ index }) => index));
    for (const index of this.workers.keys()) if (!seen.has(index)) this.workers.delete(index);
    for (const worker of workers) {
      const known = this.workers.get(worker.index);
      const row = known ?? { subject: new Subject(), messages: new Series('mean') };
      if (known === undefined) this.workers.set(worker.index, row);
      row.subject.take(time, worker, worker.restarts);
      row.messages.add(time, row.subject.now.messages);
    }
  }
}

/** All services, and the process that they are in. */
export class History {
  readonly services = new Map<string, ServiceHistory>();
  readonly rss = new Series('max');
  readonly cpu = new Series('mean');
  /** Cores in use; null is not known yet. */
  cores: number | null = null;
  #last: SeenStatus | null = null;

  take(status: SeenStatus): void {
    // A server that is asked often answers with the same again.
    if (this.#last?.time === status.time) return;
    const before = this.#last?.startedAt === status.startedAt ? this.#last : null;
    if (before === null) for (const service of this.services.values()) service.restarted();
    this.#last = status;
    const { time } = status;
    this.cores = coresBetween(before, status);
    this.cpu.add(time, this.cores);
    this.rss.add(time, status.process.rssBytes);
    const names = new Set(status.services.map(({ name }) => name));
    for (const name of this.services.keys()) if (!names.has(name)) this.services.delete(name);
    for (const service of status.services) this.of(service.name).take(time, service);
  }

  of(name: string): ServiceHistory {
    const known = this.services.get(name) ?? new ServiceHistory();
    this.services.set(name, known);
    return known;
  }
}

function coresBetween(before: SeenStatus | null, now: SeenStatus): number | null {
  const passed = now.time - (before?.time ?? now.time);
  if (before === null || passed <= 0 || passed > LONGEST_STEP_MS) return null;
  const used = ({ process }: SeenStatus): number => process.cpuUserMs + process.cpuSystemMs;
  return Math.max(0, used(now) - used(before)) / passed;
}
