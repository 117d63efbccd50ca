// Status: what a server tells of itself besides its counters: what it serves, since when, under which policy,
// and how each worker and listener is doing. It asks nobody, and changes nothing.

import type { ListeningCounts } from '../../listen/counts.ts';
import type { Policy } from '../../policy.ts';
import type { EngineStats, WorkerStatus } from '../../threads/engine.ts';
import type { EnginesStats, SharedCounts, UpstreamsStats } from '../own-seat.ts';

/** What `server.stats()` returns. */
export interface ServerStats extends EngineStats, ListeningCounts {
  /** Topics and keys. */
  shared: SharedCounts;
  /** What carries them beyond this process. */
  engines: EnginesStats;
  /** Where guests connect to, by name. */
  upstreams: UpstreamsStats;
}

/**
 * `serving`; `leaving` while it still accepts, and whoever sends it clients should stop; `draining` since it
 * stopped listening; `closed`.
 */
export type ServerState = 'serving' | 'leaving' | 'draining' | 'closed';

/** The module that serves. Times are milliseconds since 1970. */
export interface Served {
  readonly name: string;
  /** Of the bytes that were read or given; null for a module that was compiled before. */
  readonly sha256: string | null;
  readonly loadedAt: number;
  /** How many swaps have succeeded. */
  readonly swaps: number;
}

/** What `server.status()` returns. */
export interface ServerStatus {
  readonly state: ServerState;
  readonly startedAt: number;
  readonly uptimeMs: number;
  readonly module: Served;
  readonly listeners: readonly {
    readonly address: string;
    /** `paused`: out of descriptors or memory; `closed`: by a drain, or since it failed. */
    readonly state: 'listening' | 'paused' | 'closed';
  }[];
  /** The policy in force. */
  readonly policy: Policy;
  readonly workers: readonly WorkerStatus[];
  readonly stats: ServerStats;
}
