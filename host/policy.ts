// Policy: every number that a deployment might argue with. Mechanism files take these as arguments.
// This file knows no flag parser and no server; both read this one table.

import { WasmpollError } from './errors.ts';

export type Unit = 'bytes' | 'ms' | 'count';

export interface Setting {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: Unit;
  /** What it bounds and where the default comes from; shown by --help. */
  readonly why: string;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const DAY_MS = 86_400_000;

/** One row a setting; sizes in bytes, times in milliseconds. 0 switches a timeout off. */
export const settings = {
  maxConnections: {
    default: 65_536,
    min: 1,
    max: 1_048_576,
    unit: 'count',
    why: 'connections at once; lowered to the file descriptor limit less a reserve of 32, as redis does',
  },
  receiveWindowBytes: {
    default: 128 * KiB,
    min: 2 * KiB,
    max: 16 * MiB,
    unit: 'bytes',
    why: 'the most that one receive brings; one window a worker, in guest memory',
  },
  maxFrameBytes: {
    default: 64 * KiB,
    min: 1 * KiB,
    max: 8 * MiB,
    unit: 'bytes',
    why: 'input a guest may leave unconsumed before the connection is closed; at most half a window',
  },
  highWaterBytes: {
    default: 256 * KiB,
    min: 1,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'unsent output above which reading from that connection stops',
  },
  lowWaterBytes: {
    default: 64 * KiB,
    min: 0,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'unsent output below which reading goes on and the guest is told',
  },
  maxBacklogBytes: {
    default: 8 * MiB,
    min: 1 * KiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'unsent output at which a connection is aborted',
  },
  poolBytes: {
    default: 256 * MiB,
    min: 1 * MiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'all unsent output and held input of the server together; a sixteenth is the reserve',
  },
  maxStagedBytes: {
    default: 16 * MiB,
    min: 4 * KiB,
    max: 256 * MiB,
    unit: 'bytes',
    why: 'bytes that one callback may send, all connections together',
  },
  maxStagedSends: {
    default: 4096,
    min: 16,
    max: 65_536,
    unit: 'count',
    why: 'sends and other effects that one callback may have',
  },
  maxStateBytes: {
    default: 4 * KiB,
    min: 0,
    max: 64 * KiB,
    unit: 'bytes',
    why: "the largest state block of a connection that a guest's state_size() may ask for",
  },
  listenBacklog: {
    default: 4096,
    min: 1,
    max: 65_535,
    unit: 'count',
    why: "connections the kernel queues before they are accepted; the kernel's somaxconn caps it",
  },
  acceptsPerTurn: {
    default: 64,
    min: 1,
    max: 4096,
    unit: 'count',
    why: 'connections accepted before those that are open get their turn',
  },
  bytesPerTurn: {
    default: 128 * KiB,
    min: 1 * KiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'bytes received from one connection before the others get their turn; one window',
  },
  callbacksPerTurn: {
    default: 1024,
    min: 1,
    max: 1_048_576,
    unit: 'count',
    why: 'on_data calls for one connection before the others get their turn',
  },
  idleTimeoutMs: {
    default: 0,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'without a byte in either direction; 0 is off, as redis ships it: keepalive finds dead peers',
  },
  keepaliveMs: {
    default: 300_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'silence after which the kernel probes a TCP peer; whole seconds; 0 is off; redis has 300 s',
  },
  writeTimeoutMs: {
    default: 60_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'unsent output of which the peer takes nothing; 0 is off',
  },
  frameTimeoutMs: {
    default: 60_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'held input of which the guest consumes nothing; 0 is off',
  },
  lingerMs: {
    default: 5_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'for the peer to finish after the server has; closing with unread input would cut its output',
  },
  callbackTimeoutMs: {
    default: 1_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'one guest callback, before it counts as hung; needs a worker to enforce it',
  },
  graceMs: {
    default: 10_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'a drain, before what is left is aborted',
  },
  drainQuietMs: {
    default: 250,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'without input or unsent output, before a drain closes a connection',
  },
  guestMemoryBytes: {
    default: 64 * MiB,
    min: 64 * KiB,
    max: 2048 * MiB,
    unit: 'bytes',
    why: "the guest's memory; imposed as its maximum before it is compiled",
  },
  maxTableElements: {
    default: 100_000,
    min: 0,
    max: 10_000_000,
    unit: 'count',
    why: "elements of the guest's tables together",
  },
  maxModuleBytes: {
    default: 64 * MiB,
    min: 8,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'the size of the module file',
  },
  compileTimeoutMs: {
    default: 10_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'compiling the module',
  },
  hostCallsPerCallback: {
    default: 100_000,
    min: 1,
    max: 1_000_000_000,
    unit: 'count',
    why: 'host functions that one callback may call before it is stopped',
  },
  logLinesPerSecond: {
    default: 100,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    why: 'lines that the guest may log; the rest is counted and dropped',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
export type Policy = { readonly [name in SettingName]: number };

/** More threads than this help nobody; each has a pool and a guest of its own. */
export const MAX_WORKERS = 256;

/** Mode of a Unix socket's file: others on the machine are let in on purpose, not by default. */
export const UNIX_MODE = 0o600;

/** Pages of this size hold unsent output and held input. */
export const PAGE_BYTES = 16 * KiB;

/** The settings that bound each other. */
const relations = [
  ['lowWaterBytes', 'below', 'highWaterBytes'],
  ['highWaterBytes', 'at most', 'maxBacklogBytes'],
  ['maxBacklogBytes', 'at most', 'poolBytes'],
  ['maxFrameBytes', 'at most half of', 'receiveWindowBytes'],
  ['receiveWindowBytes', 'at most half of', 'guestMemoryBytes'],
  ['receiveWindowBytes', 'at most', 'maxStagedBytes'],
] as const satisfies readonly (readonly [SettingName, string, SettingName])[];

/** The pages that are kept free, a sixteenth: below it the largest holder is aborted. */
export const reservePages = (policy: Policy): number =>
  Math.max(1, Math.floor(policy.poolBytes / PAGE_BYTES / 16));

/**
 * The defaults with `overrides` applied, every value checked against its row and against the others.
 * @param called how a message names a setting: the way in which it was given
 * @throws WasmpollError ERR_POLICY naming the setting, what was given and what is allowed.
 */
export function resolvePolicy(
  overrides: Partial<Policy> = {},
  called = (name: SettingName): string => `policy.${name}`,
): Policy {
  const policy = Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [name, setting.default]),
  ) as Record<SettingName, number>;
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(settings, name)) {
      throw new WasmpollError('ERR_POLICY', `policy: there is no setting '${name}'`);
    }
    policy[name as SettingName] = checkSetting(name as SettingName, value);
  }
  // A caller who shrinks or widens the window means its dependants to follow unless named.
  if (overrides.bytesPerTurn === undefined) policy.bytesPerTurn = policy.receiveWindowBytes;
  checkRelations(policy, called);
  checkHeadroom(policy, called);
  return policy;
}

/** @throws WasmpollError ERR_POLICY when `value` is not a whole number in the row's range. */
export function checkSetting(name: SettingName, value: unknown): number {
  const { min, max, unit } = settings[name];
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  const suffix = unit === 'count' ? '' : ` ${unit}`;
  throw new WasmpollError(
    'ERR_POLICY',
    `policy.${name}: must be a whole number from ${min} to ${max}${suffix}, got ${String(value)}`,
  );
}

function checkRelations(policy: Policy, called: (name: SettingName) => string): void {
  for (const [smaller, relation, larger] of relations) {
    const [a, b] = [policy[smaller], policy[larger]];
    if (relation === 'below' ? a < b : a * (relation === 'at most' ? 1 : 2) <= b) continue;
    throw new WasmpollError(
      'ERR_POLICY',
      `${called(smaller)}: must be ${relation} ${called(larger)}, got ${a} and ${b}`,
    );
  }
}

// Reading stops above the high-water mark; what was received by then is still answered, and an
// answer as long as its question must not pass the limit at which the connection is aborted.
function checkHeadroom(policy: Policy, called: (name: SettingName) => string): void {
  const needed = policy.highWaterBytes + 2 * policy.receiveWindowBytes;
  if (needed <= policy.maxBacklogBytes) return;
  throw new WasmpollError(
    'ERR_POLICY',
    `${called('maxBacklogBytes')}: must be at least ${called('highWaterBytes')} and twice ` +
      `${called('receiveWindowBytes')} together (${needed}), got ${policy.maxBacklogBytes}`,
  );
}
