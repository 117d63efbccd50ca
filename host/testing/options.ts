// Options of the harness: what they are, and what holds without them. It starts nothing.

import { configBytes } from '../config.ts';
import { WasmpollError } from '../errors.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import type { Snapshot } from '../memory/counts/stats.ts';
import { type Policy, resolvePolicy } from '../policy.ts';
import type { SharedCounts } from '../shared/counts.ts';
import type { Engines, EnginesStats } from './outside/outside.ts';
import { TestBus } from './outside/test-bus.ts';
import { TestStore } from './outside/test-store.ts';
import { seeded } from './seeded.ts';
import type { UpstreamsOptions } from './upstreams.ts';

export { configBytes } from '../config.ts';

// 2000-01-01T00:00:00Z.
const WALL_CLOCK = 946_684_800_000;
/** The property `listener` of a connection that was not given another. */
export const LISTENER = '127.0.0.1:33445';

export interface HarnessOptions {
  /**
   * As for `serve()`; the harness starts with room for 64 connections, a pool of 16 MiB, and so many
   * log lines that a test misses none.
   */
  policy?: Partial<Policy>;
  /** The name in messages about the module. */
  name?: string;
  /** What the guest is given by `config`; empty by default. */
  config?: string | Uint8Array;
  /** Keys are in it, instead of in the harness: several harnesses may have one. */
  store?: TestStore;
  /** Carries messages to other harnesses that have it. */
  topics?: TestBus;
  /** Where the guest may connect to, by name: `{ db: {}, any: { pattern: '*.example.com:443' } }`. */
  upstreams?: UpstreamsOptions;
  /** Decides what `random` gives the guest; 1 by default. */
  seed?: number;
  /** Milliseconds since 1970 when the virtual clock stands at 0; the start of 2000 by default. */
  wallClock?: number;
  /** Where connections are kept; ArrayBuffer by default, which every page has. */
  buffer?: BufferConstructor;
  /** Notes all that the guest is given: `Harness.recordings`. False by default. */
  record?: boolean;
}

/** What another module comes with. */
export type SwapOptions = Pick<HarnessOptions, 'config' | 'name'>;

/** The other end of a connection, and where it comes in. */
export interface ConnectOptions {
  /** What the guest is told of by `peer_address`. */
  address?: string;
  /** The property `listener`, as `--listen` would have it. */
  listener?: string;
  /** The property `local`; the same as `listener` by default. */
  local?: string;
  bufferBytes?: number;
  /** The listener expects a PROXY header, which the peer has to send first. */
  proxy?: boolean;
  /**
   * By TLS, as it looks from here: bytes are the same, and an end is announced unless it is a `truncate()`.
   * An object is what the guest finds as properties: `{ 'tls.subject': 'CN=somebody' }`.
   */
  tls?: boolean | Readonly<Record<string, string>>;
  /** The guest may begin TLS by `start_tls`; then the peer's part is `Peer.shake()`. */
  starttls?: boolean;
  /** With `tls`: false leaves the handshake to `Peer.shake()`; with `proxy` it comes after the header anyway. */
  shakes?: boolean;
}

/** A line that the guest has logged; the level is one of LOG_…. */
export interface LogLine {
  readonly level: number;
  readonly text: string;
}

export interface HarnessStats extends Snapshot {
  /** Topics and keys, of the guest and of the test. */
  shared: SharedCounts;
  /** The options `store` and `topics`; null for what is not there. */
  engines: EnginesStats;
}

/** What a harness is made with. */
export interface HarnessGround {
  readonly policy: Policy;
  readonly config: Uint8Array;
  readonly buffer: BufferConstructor;
  readonly random: (bytes: Uint8Array) => void;
  readonly wallClock: number;
  readonly engines: Engines;
  readonly upstreams: UpstreamsOptions;
  readonly record: boolean;
}

/** @throws WasmpollError ERR_POLICY or ERR_OPTION */
export function resolveOptions(options: HarnessOptions): HarnessGround {
  const { buffer = ArrayBuffer, seed = 1, wallClock = WALL_CLOCK, record = false } = options;
  const small = { maxConnections: 64, poolBytes: 16 * 1024 * 1024, logLinesPerSecond: 1_000_000 };
  const policy = resolvePolicy({ ...small, ...options.policy });
  const config = configBytes(options.config);
  const { store, topics, upstreams = {} } = options;
  if (store !== undefined && !(store instanceof TestStore)) throw wrong('store', 'TestStore');
  if (topics !== undefined && !(topics instanceof TestBus)) throw wrong('topics', 'TestBus');
  const engines = { store, topics };
  return { policy, config, buffer, random: seeded(seed), wallClock, engines, upstreams, record };
}

const wrong = (option: string, what: string): WasmpollError =>
  new WasmpollError('ERR_OPTION', `${option} must be a ${what} in a harness`);
