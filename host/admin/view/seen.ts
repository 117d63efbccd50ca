// Seen: what the dashboard and `wasmpoll top` read of an admin socket's JSON. It knows no server: a test compares
// these types with what one answers. Times are milliseconds since 1970.

export interface SeenHistogram {
  readonly count: number;
  readonly sum: number;
  /** Cumulative: how many values were `le` or less. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

export type SeenMetric =
  | { readonly kind: 'counter' | 'gauge'; readonly value: number }
  | ({ readonly kind: 'histogram' } & SeenHistogram);

/** What a worker has counted, or all of them together. */
export interface SeenCounts {
  readonly connections: { readonly open: number; readonly total: number; readonly refused: number };
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly messages: number;
  readonly backlogBytes: number;
  readonly poolBytes: number;
  readonly guestMemoryBytes: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly guestTraps: number;
  readonly logLinesDropped: number;
  readonly histograms: { readonly callbackMs: SeenHistogram } | null;
}

export interface SeenWorker extends SeenCounts {
  readonly index: number;
  readonly state: string;
  readonly restarts: number;
}

/** Where a guest connects to. */
export interface SeenUpstream {
  readonly open: number;
  readonly connecting: number;
  readonly connected: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly targets: readonly { readonly address: string; readonly resting: boolean }[];
}

export interface SeenStats extends SeenCounts {
  readonly guest: Readonly<Record<string, SeenMetric>>;
  readonly workers: { readonly total: number; readonly ready: number; readonly restarts: number };
  readonly shared: object;
  readonly upstreams: Readonly<Record<string, SeenUpstream>>;
  /** Where a listener has TLS. */
  readonly tls?: object;
  readonly engines: {
    readonly ready: boolean;
    readonly store: object | null;
    readonly topics: object | null;
  };
}

export interface SeenService {
  readonly name: string;
  readonly state: string;
  readonly startedAt: number;
  readonly module: {
    readonly name: string;
    readonly sha256: string | null;
    readonly loadedAt: number;
    readonly swaps: number;
  };
  readonly listeners: readonly { readonly address: string; readonly state: string }[];
  readonly policy: { readonly maxConnections: number; readonly poolBytes: number };
  readonly workers: readonly SeenWorker[];
  readonly stats: SeenStats;
}

export interface SeenProcess {
  readonly pid: number;
  readonly node: string;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly rssBytes: number;
}

/** What `/status` answers, and each event `status` has. */
export interface SeenStatus {
  readonly version: string;
  readonly time: number;
  readonly startedAt: number;
  readonly process: SeenProcess;
  readonly services: readonly SeenService[];
}

/** A connection, as `/connections` lists it. */
export interface SeenConnection {
  readonly id: number;
  readonly worker: number;
  readonly peer: string;
  readonly listener: string;
  /** Where it leads, and for whose connection; null for one that came by a listener. */
  readonly upstream: string | null;
  readonly parent: number | null;
  readonly ageMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly backlogBytes: number;
  readonly heldBytes: number;
  readonly state: string;
  /** What its input waits for; null for the peer. */
  readonly waiting: string | null;
}

/** What `/connections` answers. */
export interface SeenConnections {
  readonly connections: readonly SeenConnection[];
  /** Where the next page begins; null at the end. */
  readonly next: string | null;
}

/** What `/connections` is asked to sort by, the most first. */
export const SORTS = ['backlog', 'age', 'in', 'out', 'held'] as const;
