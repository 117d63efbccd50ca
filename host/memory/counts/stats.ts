// Stats: what a reactor has counted, in an array that another thread may read and that outlives the
// reactor. Doubles, because counts of bytes pass 2^32 within minutes.

import {
  HISTOGRAM_COLUMNS,
  type Histograms,
  histogramsOf,
  recordConnection,
} from './histograms.ts';
import type { GuestMetrics } from './metrics.ts';

export type { Histograms } from './histograms.ts';
export type { GuestMetric, GuestMetrics, Histogram } from './metrics.ts';

// Failures of the host's own making, each with its column; errnos have one each behind them.
const KINDS = [
  'LIMIT',
  'FRAME',
  'FRAME_TIMEOUT',
  'WRITE_TIMEOUT',
  'IDLE',
  'MEMORY',
  'EPOLLERR',
  'GUEST_START',
  'HUNG',
  'WORKER',
  'PROXY',
  'DENIED',
  'ADDRESS_CONNECTIONS',
  'ADDRESS_RATE',
  'TLS',
  'TLS_TRUNCATED',
  'TLS_TIMEOUT',
  'TLS_HANDSHAKES',
] as const;

export type Kind = (typeof KINDS)[number];

const TOTAL = 0;
const REFUSED = 1;
const BYTES_IN = 2;
const BYTES_OUT = 3;
const MESSAGES = 4;
const TRAPS = 5;
const LOG_DROPPED = 6;
const OPEN = 7;
const BACKLOG = 8;
const POOL = 9;
const GUEST_MEMORY = 10;
const FIRST_KIND = 16;
const FIRST_ERRNO = 48;
// Linux's errnos end at 133; asm-generic/errno.h.
const ERRNOS = 134;

/** Where the columns of histograms begin. */
export const HISTOGRAMS = FIRST_ERRNO + ERRNOS;
/** Columns of an array of counts. */
export const STATS = HISTOGRAMS + HISTOGRAM_COLUMNS;

/** What `server.stats()` returns. Bytes are bytes of the streams, without any headers. */
export interface Snapshot {
  connections: { open: number; total: number; refused: number };
  bytesIn: number;
  bytesOut: number;
  /** on_data callbacks. */
  messages: number;
  /** Output that waits for the peers to take it. */
  backlogBytes: number;
  /** Pages in use for output and held input, in bytes; one that is cut into blocks counts as a whole. */
  poolBytes: number;
  /** Linear memory of the guests. */
  guestMemoryBytes: number;
  errors: Record<string, number>;
  guestTraps: number;
  logLinesDropped: number;
  /** Null unless they were asked for. */
  histograms: Histograms | null;
  /** The guest's own metrics, by name. */
  guest: GuestMetrics;
}

/** All but what the guest counts. */
export type Counts = Omit<Snapshot, 'guest'>;

export class Stats {
  readonly #counts: Float64Array;
  readonly #histograms: Float64Array;

  constructor(counts: Float64Array = new Float64Array(STATS)) {
    this.#counts = counts;
    this.#histograms = counts.subarray(HISTOGRAMS);
  }

  connected(): void {
    this.#counts[TOTAL]! += 1;
  }

  refused(): void {
    this.#counts[REFUSED]! += 1;
  }

  received(bytes: number): void {
    this.#counts[BYTES_IN]! += bytes;
  }

  sent(bytes: number): void {
    this.#counts[BYTES_OUT]! += bytes;
  }

  message(): void {
    this.#counts[MESSAGES]! += 1;
  }

  trapped(): void {
    this.#counts[TRAPS]! += 1;
  }

  /** A connection is over that was open for so long. */
  ended(ms: number): void {
    recordConnection(this.#histograms, ms);
  }

  logDropped(): void {
    this.#counts[LOG_DROPPED]! += 1;
  }

  /** Counts a failure of the host's own making. */
  error(kind: Kind): void {
    this.#counts[FIRST_KIND + KINDS.indexOf(kind)]! += 1;
  }

  /** Counts a failure that the kernel told; takes the number with either sign. */
  errno(result: number): void {
    this.#counts[FIRST_ERRNO + Math.min(Math.abs(result), ERRNOS - 1)]! += 1;
  }

  /** Sets what is held now: connections, bytes of backlog, of the pool, and of the guest's memory. */
  hold(open: number, backlogBytes: number, poolBytes: number, guestMemoryBytes: number): void {
    this.#counts[OPEN] = open;
    this.#counts[BACKLOG] = backlogBytes;
    this.#counts[POOL] = poolBytes;
    this.#counts[GUEST_MEMORY] = guestMemoryBytes;
  }

  /** Adds this to an array of counts. */
  addTo(sum: Float64Array): void {
    for (let column = 0; column < STATS; column += 1) sum[column]! += this.#counts[column]!;
  }

  snapshot(errorName: (errno: number) => string): Counts {
    const counts = this.#counts;
    const errors: Record<string, number> = {};
    for (const [index, kind] of KINDS.entries()) {
      const count = counts[FIRST_KIND + index]!;
      if (count > 0) errors[kind] = count;
    }
    for (let errno = 0; errno < ERRNOS; errno += 1) {
      const count = counts[FIRST_ERRNO + errno]!;
      if (count > 0) errors[errorName(errno)] = count;
    }
    return {
      connections: { open: counts[OPEN]!, total: counts[TOTAL]!, refused: counts[REFUSED]! },
      bytesIn: counts[BYTES_IN]!,
      bytesOut: counts[BYTES_OUT]!,
      messages: counts[MESSAGES]!,
      backlogBytes: counts[BACKLOG]!,
      poolBytes: counts[POOL]!,
      guestMemoryBytes: counts[GUEST_MEMORY]!,
      errors,
      guestTraps: counts[TRAPS]!,
      logLinesDropped: counts[LOG_DROPPED]!,
      histograms: histogramsOf(this.#histograms),
    };
  }
}
