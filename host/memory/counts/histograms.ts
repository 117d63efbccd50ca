// Histograms: fixed buckets in an array of counts: how long callbacks took, and how long connections were open.
// It knows places and widths, and reads no clock.

import type { Histogram } from './metrics.ts';

/** In milliseconds. */
export interface Histograms {
  /** How long callbacks took. When there are very many, one of up to 64 is timed and counts for all of them. */
  readonly callbackMs: Histogram;
  /** How long connections that are over were open. */
  readonly connectionMs: Histogram;
}

// Columns: 1 when there are histograms, then for each its sum, its buckets, and one for what is above them.
const KEPT = 0;
/** Up to 1 µs, 2 µs, 4 µs, …: 2²³ µs are 8 s. */
const CALLBACK_BUCKETS = 24;
export const CALLBACK_SUM = 1;
export const CALLBACK_FIRST = CALLBACK_SUM + 1;
/** Up to 1 ms, 4 ms, 16 ms, …: 4¹⁵ ms are 12 days. */
const CONNECTION_BUCKETS = 16;
const CONNECTION_SUM = CALLBACK_FIRST + CALLBACK_BUCKETS + 1;
const CONNECTION_FIRST = CONNECTION_SUM + 1;
/** Columns that both take. */
export const HISTOGRAM_COLUMNS = CONNECTION_FIRST + CONNECTION_BUCKETS + 1;

/** Bits of a whole number that is no larger than 2³¹, less one: 0 for 1, 1 for 2, 2 for 3 and 4. */
const widthOf = (value: number): number => 32 - Math.clz32(Math.ceil(value) - 1);

/** The bucket of a callback that took so long. */
export function callbackBucket(ms: number): number {
  const micros = ms * 1000;
  if (micros <= 1) return 0;
  return micros > 2 ** (CALLBACK_BUCKETS - 1) ? CALLBACK_BUCKETS : widthOf(micros);
}

function connectionBucket(ms: number): number {
  if (ms <= 1) return 0;
  return ms > 4 ** (CONNECTION_BUCKETS - 1) ? CONNECTION_BUCKETS : (widthOf(ms) + 1) >> 1;
}

/** From now on there are histograms in these columns. */
export function keepHistograms(columns: Float64Array): void {
  columns[KEPT] = 1;
}

/** A connection is over; nothing happens if there are no histograms. */
export function recordConnection(columns: Float64Array, ms: number): void {
  if (columns[KEPT] === 0) return;
  columns[CONNECTION_SUM]! += ms;
  columns[CONNECTION_FIRST + connectionBucket(ms)]! += 1;
}

/** @returns null when there are none */
export function histogramsOf(columns: Float64Array): Histograms | null {
  if (columns[KEPT] === 0) return null;
  const callbacks = columns.subarray(CALLBACK_SUM, CONNECTION_SUM);
  const connections = columns.subarray(CONNECTION_SUM);
  return {
    callbackMs: shown(callbacks, CALLBACK_BUCKETS, (bucket) => 2 ** bucket / 1000),
    connectionMs: shown(connections, CONNECTION_BUCKETS, (bucket) => 4 ** bucket),
  };
}

function shown(columns: Float64Array, most: number, limit: (bucket: number) => number): Histogram {
  let count = 0;
  const buckets = Array.from({ length: most }, (_, bucket) => {
    count += columns[1 + bucket]!;
    return { le: limit(bucket), count };
  });
  return { kind: 'histogram', count: count + columns[1 + most]!, sum: columns[0]!, buckets };
}
