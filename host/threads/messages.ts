// Messages between the owner of a thread and the thread: types only. Both sides import this file, so that
// neither has to import the other.

import type { TlsShare } from '../kernel/tls/tls-access.ts';
import type { Refused } from '../listen/peer/refusals.ts';
import type { Layout, StateBlocks } from '../memory/state-blocks.ts';
import type { GuestModule } from '../module/protocol-module.ts';

import type { LiveSettings, Policy } from '../policy.ts';
import type { Ending, Failure } from '../reactor/observer.ts';

import type { Remains } from '../reactor/recovery.ts';
import type { DialRequest, UpstreamShare } from '../upstreams/contract.ts';

/** What a seat gives the thread that takes it. */
export interface WorkerData {
  readonly kind: 'seat';
  readonly module: GuestModule;
  readonly policy: Policy;
  readonly control: SharedArrayBuffer;
  readonly metrics: SharedArrayBuffer;
  /** How long callbacks take is counted. */
  readonly histograms: boolean;
  /** For a CallRecord; null if nothing is noted. */
  readonly record: SharedArrayBuffer | null;
  /** For a Tape; null if nothing is noted. */
  readonly tape: SharedArrayBuffer | null;
  /** For a ListenerTable, and for Headers. */
  readonly listeners: SharedArrayBuffer;
  readonly headers: SharedArrayBuffer;
  readonly tls: TlsShare | null;
  readonly upstreams: UpstreamShare | null;
  /** Rung when the seat has asked for a connection; −1 if there were no upstreams when the thread started. */
  readonly bell: number;
  /** As Common has it. */
  readonly peers: number;
  /** Belongs to the seat, registrations included; the eventfd is in it with token 0. */
  readonly epollFd: number;
  readonly eventFd: number;
  /** Topics and keys, the seat's number in them, and whether somebody else performs store requests. */
  readonly shared: { readonly id: number; readonly seat: number; readonly routed: boolean };
  readonly draining: boolean;
  /** How many swaps came before; told back with `ready`. */
  readonly swaps: number;
  /** What the worker before has left behind. */
  readonly remains?: Remains;
}

/** What a thread is given to do, once. */
export type Task = WorkerData | TrialData;

/** The module takes over; with its number among the swaps, which is told back. */
interface Commit {
  readonly kind: 'commit';
  readonly module: GuestModule;
  readonly states: StateBlocks;
  readonly swaps: number;
}

export type ToWorker =
  /** What is to be told of is in the control words. */
  | { readonly kind: 'observe' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'adjust'; readonly limits: LiveSettings }
  | { readonly kind: 'upstreams'; readonly share: UpstreamShare; readonly bell: number }
  /** A connection is to be ended: gracefully, or by a reset. */
  | { readonly kind: 'disconnect'; readonly handle: number; readonly abort: boolean }
  /** All that has come so far is to be served, and told back with `looked`. */
  | { readonly kind: 'look' }
  | { readonly kind: 'prepare'; readonly module: GuestModule }
  | { readonly kind: 'discard' }
  | Commit
  | { readonly kind: 'abort' };

export type FromWorker =
  | {
      readonly kind: 'ready';
      readonly segment: SharedArrayBuffer;
      readonly states: StateBlocks;
      readonly swaps: number;
    }
  | { readonly kind: 'prepared'; readonly layout: Layout }
  | { readonly kind: 'unprepared'; readonly message: string }
  | { readonly kind: 'swapped'; readonly swaps: number }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'open'; readonly id: number; readonly address: string }
  | { readonly kind: 'close' | 'fault'; readonly ending: Ending }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'restart'; readonly failure: Failure }
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'keptOut'; readonly refused: Refused }
  /** A connection to an upstream is wanted, or not any more. */
  | { readonly kind: 'dial'; readonly request: DialRequest }
  | { readonly kind: 'cancel'; readonly handle: number }
  | { readonly kind: 'log'; readonly level: number; readonly text: string }
  | { readonly kind: 'looked' }
  | { readonly kind: 'quiet' };

export interface TrialData {
  readonly kind: 'trial';
  readonly module: GuestModule;
  readonly policy: Policy;
  readonly control: SharedArrayBuffer;
}

export type FromTrial = { readonly layout: Layout } | { readonly error: string };
