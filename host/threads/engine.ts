// Engine: what a server drives, wherever the reactors are: in this thread (in-thread.ts) or in workers
// (supervisor.ts). It does nothing by itself.

import type { Native } from '../kernel/native.ts';
import type { TlsShare } from '../kernel/tls/tls-access.ts';
import type { ListenerTable } from '../listen/peer/listener-table.ts';
import type { Refused } from '../listen/peer/refusals.ts';
import type { ConnectionRows } from '../memory/connection-rows.ts';
import type { Counts, Snapshot } from '../memory/counts/stats.ts';
import type { GuestModule } from '../module/protocol-module.ts';

import type { LiveSettings } from '../policy.ts';
import type { Ending, Failure } from '../reactor/observer.ts';

import type { Shared, SharedLimits } from '../shared/contract.ts';
import { type Receiver, SeatNumbers } from '../shared/seats.ts';
import type { Dialer } from '../upstreams/dialer.ts';

export type { ConnectionRow, SortKey } from '../memory/connection-rows.ts';
export type { Ending, Failure } from '../reactor/observer.ts';
export type { Receiver } from '../shared/seats.ts';

export interface EngineStats extends Snapshot {
  /** Worker threads, those of them that serve now, and how often one was replaced. */
  workers: { total: number; ready: number; restarts: number };
}

/** One worker as it is now; those that a swap with `drain` has replaced are there until they are empty. */
export interface WorkerStatus extends Counts {
  /** No other worker of the server had it before. */
  readonly index: number;
  /** `starting`: its thread is being made, or made anew. */
  readonly state: 'starting' | 'serving' | 'draining';
  readonly restarts: number;
}

/** The connections of one worker. */
export interface ConnectionTable {
  /** The worker's number. */
  readonly index: number;
  readonly rows: ConnectionRows;
  /** The client's address; '' when it is gone. */
  peer(slot: number): string;
  /** The operator's name for the listener that it came by, or `upstream NAME`. */
  listener(slot: number): string;
  /** The upstream that it leads to; null for one that came by a listener. */
  upstream(slot: number): string | null;
}

/** @param ready its thread serves */
export function stateOf(ready: boolean, draining: boolean): WorkerStatus['state'] {
  if (!ready) return 'starting';
  return draining ? 'draining' : 'serving';
}

/** What the engine tells. The server turns it into events and log lines. */
export interface EngineObserver {
  open(id: number, address: string): void;
  /** A connection is over: any, or, if that is not wanted, one that has ended by a limit or a fault. */
  close(ending: Ending): void;
  data(id: number, bytes: Uint8Array): void;
  /** A guest failed, or hung, or its thread ended, and was replaced. */
  restart(failure: Failure): void;
  failure(error: unknown): void;
  /** Connections were kept out before a guest heard of them. */
  refused(refused: Refused): void;
  log(level: number, text: string): void;
  /** A thread cannot be started for want of descriptors, or not any more: nothing is to be accepted then. */
  starving(starved: boolean): void;
  /** After `drain` or `abort`: no connection is left. */
  quiet(): void;
}

/** Which of the observer's calls are wanted: those that cost something for each connection. */
export interface Interests {
  readonly open: boolean;
  readonly close: boolean;
  readonly data: boolean;
}

/** As bits, for a word that threads share. */
export const bitsOf = ({ open, close, data }: Interests): number =>
  Number(open) | (Number(close) << 1) | (Number(data) << 2);

/** And back. */
export const interestsOf = (bits: number): Interests => ({
  open: (bits & 1) !== 0,
  close: (bits & 2) !== 0,
  data: (bits & 4) !== 0,
});

/** What all seats of a server have in common. */
export interface Common {
  readonly native: Native;
  readonly listeners: ListenerTable;
  /** Null where no listener has TLS. */
  readonly tls: TlsShare | null;
  /** The table of addresses, as `enterPeer` takes it; 0 when they are not limited. */
  readonly peers: number;
  readonly shared: Shared;
  /** Null where there are no upstreams. */
  readonly dialer: Dialer | null;
  readonly numbers: SeatNumbers;
  /** Requests to the store are seen to by an engine. */
  readonly routed: boolean;
  /** How long callbacks take is counted. */
  readonly histograms: boolean;
  /** It is noted what callbacks are given, in case that they fail. */
  readonly records: boolean;
  /** And all that instances are given, from their start on. */
  readonly recordings: boolean;
}

export const makeCommon = (
  native: Native,
  limits: SharedLimits,
  options: Pick<Common, 'listeners' | 'peers' | 'routed' | 'histograms'> &
    Partial<Pick<Common, 'tls' | 'records' | 'recordings' | 'dialer'>>,
): Common => ({
  tls: null,
  dialer: null,
  records: false,
  recordings: false,
  ...options,
  native,
  shared: native.shared(limits),
  numbers: new SeatNumbers(),
});

/** Handles are a worker's own; the worker's number makes them the server's. */
export const idOf = (worker: number, handle: number): number => worker * 2 ** 32 + (handle >>> 0);

/** What `idOf` was given. */
export const fromId = (id: number): { worker: number; handle: number } => ({
  worker: Math.floor(id / 2 ** 32),
  handle: id | 0,
});

/** Whether the guest can be given a message. */
export const hears = ({ exports }: GuestModule): boolean => exports.has('on_message');

/** What can be asked of the workers one by one. */
export interface Roster {
  /** The workers one by one; with `workers: 0`, the reactor in the server's own thread. */
  workers(): WorkerStatus[];
  /** The connections of each worker that has ever served. */
  tables(): ConnectionTable[];
  /**
   * Ends a connection: gracefully, or by a reset.
   * @returns whether it is there; a worker that is busy ends it in a moment
   */
  disconnect(id: number, abort: boolean): boolean;
  /** For each worker, what resolves when it has turned: its thread, or one that replaces it. */
  turned(): { readonly index: number; readonly turned: Promise<void> }[];
}

export interface Engine {
  /**
   * Takes over a connected descriptor, or closes it when there is no room.
   * @param listener the number of the one that it came by
   */
  accept(fd: number, listener: number): void;
  /**
   * No more than so many connections may be open at once; as many as the policy says before.
   * @param waiting so many more may wait while it is looked whether there is room
   */
  admit(most: number, waiting: number): void;
  observe(interests: Interests): void;
  /** A connection that can be sent to; null when it is gone, or closing, or its guest takes no messages. */
  find(id: number): Receiver | null;
  snapshot(): EngineStats;
  /** The workers one by one. */
  readonly roster: Roster;
  /**
   * Replaces every guest by one of another module, which takes over the connections.
   * Rejects with a WasmpollError, ERR_GUEST, when it does not start or cannot; nothing has changed then.
   * @param drain a module that cannot take over serves new connections, while the others drain
   */
  swap(module: GuestModule, drain: boolean): Promise<void>;
  /** Puts other limits in force, also for threads that come later. */
  adjust(limits: LiveSettings): void;
  /** The operator has changed the upstreams that there are; threads that come later learn it from the dialer. */
  setUpstreams(share: Dialer['share']): void;
  /** Closes each connection once it is quiet; `quiet` is called when none is left. */
  drain(): void;
  /** Aborts every connection. */
  abort(): void;
  /** Gives everything back; no connection may be left. Resolves when no thread is. */
  close(): Promise<void>;
}
