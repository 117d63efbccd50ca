// Metrics: what guests have counted, by name, in an array that another thread may read and that outlives
// the instances. It knows kinds, names and buckets, and not who counts what.

import * as Abi from '../../../assembly/abi.ts';

const { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } = Abi;

/** As many as one instance may declare. */
export const MOST_METRICS = 256;
/** ASCII: characters are bytes. */
export const LONGEST_NAME = 64;

/** A metric as an instance declares it; `kind` is one of METRIC_…. */
export interface Declaration {
  readonly kind: number;
  readonly name: string;
}

/** What `stats().guest` has of a metric, by its name. */
export type GuestMetric =
  | { readonly kind: 'counter' | 'gauge'; readonly value: number }
  | Histogram;

/** `buckets` are cumulative: how many values were `le` or less. Larger ones are in `count` alone. */
export interface Histogram {
  readonly kind: 'histogram';
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

export type GuestMetrics = Readonly<Record<string, GuestMetric>>;

/** 1, 2 and 5 of each power of ten from a thousandth to a thousand million: microseconds to days, in ms. */
const BUCKETS: readonly number[] = Array.from({ length: 37 }, (_, index) =>
  Number(`${[1, 2, 5][index % 3]}e${Math.floor(index / 3) - 3}`),
);

// A row: kind and length of the name as Int32, the name, then doubles: value or sum, and each bucket with
// one behind them for what is larger than all.
const NAME_AT = 8;
const VALUES_AT = NAME_AT + LONGEST_NAME;
const VALUES = 1 + BUCKETS.length + 1;
const ROW_BYTES = VALUES_AT + VALUES * 8;
// Two tables, of which one is in force: another list of names is written to the other one, whole. In front
// of both stands which one it is, and in front of each how many rows it has.
const HEAD_BYTES = 64;
const TABLE_BYTES = HEAD_BYTES + MOST_METRICS * ROW_BYTES;
const rowsOf = (table: number): number => HEAD_BYTES + table * TABLE_BYTES + HEAD_BYTES;
const countOf = (rows: number): number => (rows - HEAD_BYTES) / 4;

/** Values of one metric, in the order of a row. */
interface Values {
  readonly kind: number;
  readonly values: Float64Array;
}

export class Metrics {
  /** Size of a buffer for it. */
  static readonly bytes = HEAD_BYTES + 2 * TABLE_BYTES;
  readonly buffer: ArrayBufferLike;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #doubles: Float64Array;
  /** Where the first row of the table in force starts, in bytes. */
  #rows = 0;

  /** Over a new buffer, or over the one that another thread made. */
  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#look();
  }

  #look(): void {
    this.#rows = rowsOf(Atomics.load(this.#words, 0));
  }

  get #count(): number {
    return this.#words[countOf(this.#rows)]!;
  }

  /**
   * An instance with these metrics takes over, its first being number 0. Those of the same name and kind go
   * on, others start at 0, and what is not declared any more is forgotten.
   */
  adopt(declared: readonly Declaration[]): void {
    if (this.#agrees(declared)) return;
    const before = this.#all();
    const next = 1 - this.#words[0]!;
    const rows = rowsOf(next);
    for (const [index, { kind, name }] of declared.entries()) {
      const at = rows + index * ROW_BYTES;
      this.#words[at / 4] = kind;
      this.#words[at / 4 + 1] = name.length;
      for (let byte = 0; byte < name.length; byte += 1) {
        this.#bytes[at + NAME_AT + byte] = name.charCodeAt(byte);
      }
      const old = before.get(name);
      const first = (at + VALUES_AT) / 8;
      this.#doubles.fill(0, first, first + VALUES);
      if (old?.kind === kind) this.#doubles.set(old.values, first);
    }
    this.#words[countOf(rows)] = declared.length;
    // Last: whoever finds the table in force finds it whole.
    Atomics.store(this.#words, 0, next);
    this.#rows = rows;
  }

  #agrees(declared: readonly Declaration[]): boolean {
    if (declared.length !== this.#count) return false;
    return declared.every(({ kind, name }, index) => {
      const at = this.#rows + index * ROW_BYTES;
      return this.#words[at / 4] === kind && this.#nameAt(at) === name;
    });
  }

  #nameAt(at: number): string {
    const start = at + NAME_AT;
    const length = Math.min(LONGEST_NAME, this.#words[at / 4 + 1]!);
    return String.fromCharCode(...this.#bytes.subarray(start, start + length));
  }

  /** Takes a value into the metric of this number, which has been declared. */
  record(id: number, value: number): void {
    const row = this.#rows + id * ROW_BYTES;
    const kind = this.#words[row / 4]!;
    const at = (row + VALUES_AT) / 8;
    if (kind === METRIC_GAUGE) this.#doubles[at] = value;
    else this.#doubles[at]! += value;
    if (kind === METRIC_HISTOGRAM) this.#doubles[at + 1 + bucketOf(value)]! += 1;
  }

  #all(): Map<string, Values> {
    const all = new Map<string, Values>();
    for (let index = 0; index < this.#count; index += 1) {
      const at = this.#rows + index * ROW_BYTES;
      const first = (at + VALUES_AT) / 8;
      const values = this.#doubles.slice(first, first + VALUES);
      all.set(this.#nameAt(at), { kind: this.#words[at / 4]!, values });
    }
    return all;
  }

  /** Adds what stands here to a sum of several. */
  addTo(sum: MetricSum): void {
    this.#look();
    for (const [name, metric] of this.#all()) sum.add(name, metric);
  }

  snapshot(): GuestMetrics {
    const sum = new MetricSum();
    this.addTo(sum);
    return sum.snapshot();
  }
}

/** The metrics of several reactors, added up by name. */
export class MetricSum {
  readonly #metrics = new Map<string, Values>();

  /** Where two of a name differ in kind, as they may while a swap is not over, the first one stands. */
  add(name: string, { kind, values }: Values): void {
    const known = this.#metrics.get(name);
    if (known === undefined) this.#metrics.set(name, { kind, values: values.slice() });
    else if (known.kind === kind) {
      for (let at = 0; at < VALUES; at += 1) known.values[at]! += values[at]!;
    }
  }

  /** Adds what another sum has under the names that this one knows, but for what was only true once. */
  addPast(past: MetricSum): void {
    for (const [name, metric] of past.#metrics) {
      if (this.#metrics.has(name) && metric.kind !== METRIC_GAUGE) this.add(name, metric);
    }
  }

  /** Forgets what another sum does not know. */
  retain(known: MetricSum): void {
    for (const name of this.#metrics.keys()) {
      if (!known.#metrics.has(name)) this.#metrics.delete(name);
    }
  }

  snapshot(): GuestMetrics {
    const shown = [...this.#metrics].map(([name, metric]) => [name, shownAs(metric)] as const);
    return Object.fromEntries(shown);
  }
}

function shownAs({ kind, values }: Values): GuestMetric {
  const value = values[0]!;
  if (kind === METRIC_COUNTER) return { kind: 'counter', value };
  if (kind === METRIC_GAUGE) return { kind: 'gauge', value };
  let count = 0;
  const buckets = BUCKETS.map((le, index) => {
    count += values[1 + index]!;
    return { le, count };
  });
  return { kind: 'histogram', count: count + values[VALUES - 1]!, sum: value, buckets };
}

/** The first bucket that the value is not above; behind the last one when there is none. */
function bucketOf(value: number): number {
  let [low, high] = [0, BUCKETS.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= BUCKETS[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
