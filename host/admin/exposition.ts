// Exposition: figures as text, in the form of Prometheus 0.0.4 or of OpenMetrics 1.0. It knows how names, labels and
// values are written, and not what they mean.

import type { Histogram } from '../memory/counts/metrics.ts';

export type Labels = Readonly<Record<string, string | number>>;
type Kind = 'counter' | 'gauge' | 'histogram';

/** What samples of a family add to its name, in either form. */
const SUFFIXES = ['', '_total', '_created', '_count', '_sum', '_bucket', '_info'];

interface Family {
  readonly kind: Kind;
  readonly help: string;
  readonly lines: string[];
}

export class Exposition {
  readonly #open: boolean;
  readonly #families = new Map<string, Family>();
  /** Names that samples may have. */
  readonly #taken = new Set<string>();
  /** Families that were named by `nameFor`. */
  readonly #theirs = new Set<string>();

  /** @param openMetrics in that form, instead of Prometheus's own */
  constructor(openMetrics: boolean) {
    this.#open = openMetrics;
  }

  get type(): string {
    return this.#open
      ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
      : 'text/plain; version=0.0.4; charset=utf-8';
  }

  /** @param name without `_total`, which is added */
  counter(name: string, help: string, labels: Labels, value: number): void {
    const family = this.#family(name, 'counter', help);
    family.lines.push(`${name}_total${labelsOf(labels)} ${numberOf(value)}`);
  }

  gauge(name: string, help: string, labels: Labels, value: number): void {
    const family = this.#family(name, 'gauge', help);
    family.lines.push(`${name}${labelsOf(labels)} ${numberOf(value)}`);
  }

  /** @param scale what its limits and its sum are multiplied by, to have base units */
  histogram(name: string, help: string, labels: Labels, histogram: Histogram, scale = 1): void {
    const { lines } = this.#family(name, 'histogram', help);
    const bucket = (le: string, count: number): void => {
      lines.push(`${name}_bucket${labelsOf({ ...labels, le })} ${numberOf(count)}`);
    };
    for (const { le, count } of histogram.buckets) bucket(limitOf(le * scale), count);
    bucket('+Inf', histogram.count);
    lines.push(`${name}_sum${labelsOf(labels)} ${numberOf(histogram.sum * scale)}`);
    lines.push(`${name}_count${labelsOf(labels)} ${numberOf(histogram.count)}`);
  }

  #family(name: string, kind: Kind, help: string): Family {
    const known = this.#families.get(name);
    if (known !== undefined) return known;
    const family = { kind, help, lines: [] };
    this.#families.set(name, family);
    for (const suffix of SUFFIXES) this.#taken.add(name + suffix);
    return family;
  }

  /**
   * A name for a family that others have named: as it is, if that family is theirs and of that kind, or if there are
   * no such samples yet.
   * @returns the name, or another one that begins so
   */
  nameFor(wanted: string, kind: Kind): string {
    for (let name = wanted; ; name += `_${kind}`) {
      if (this.#theirs.has(name) && this.#families.get(name)?.kind === kind) return name;
      if (SUFFIXES.some((suffix) => this.#taken.has(name + suffix))) continue;
      this.#theirs.add(name);
      return name;
    }
  }

  toString(): string {
    const parts: string[] = [];
    for (const [name, { kind, help, lines }] of this.#families) {
      // Prometheus calls a family of counters as its samples are called.
      const shown = kind === 'counter' && !this.#open ? `${name}_total` : name;
      parts.push(`# HELP ${shown} ${this.#open ? quoted(help) : escaped(help)}`);
      parts.push(`# TYPE ${shown} ${kind}`, ...lines);
    }
    if (this.#open) parts.push('# EOF');
    return `${parts.join('\n')}\n`;
  }
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const quoted = (text: string): string => escaped(text).replaceAll('"', '\\"');

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quoted(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

// OpenMetrics wants limits to be written as floating-point numbers; to Prometheus it is the same.
const limitOf = (limit: number): string => {
  const text = String(Number(limit.toPrecision(12)));
  return /^\d+$/.test(text) ? `${text}.0` : text;
};
