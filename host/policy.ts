// Policy: every number that a deployment might want to change. Mechanism files take these as arguments.
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
    why: 'connections open at once; lowered to fit the descriptor limit, with 32 kept in reserve, as redis does',
  },
  receiveWindowBytes: {
    default: 128 * KiB,
    min: 2 * KiB,
    max: 16 * MiB,
    unit: 'bytes',
    why: 'the most that one receive can return; each worker has one such window, in guest memory',
  },
  maxFrameBytes: {
    default: 128 * KiB,
    min: 1 * KiB,
    max: 16 * MiB,
    unit: 'bytes',
    why: 'the most input that one on_data is given; a guest that uses none of so much loses the connection; one receive window',
  },
  highWaterBytes: {
    default: 256 * KiB,
    min: 1,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'unsent output above which the connection is no longer read',
  },
  lowWaterBytes: {
    default: 64 * KiB,
    min: 0,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'unsent output below which reading resumes and the guest is told',
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
    why: 'unsent output and held input of the whole server; a sixteenth of it is kept in reserve',
  },
  maxStagedBytes: {
    default: 16 * MiB,
    min: 4 * KiB,
    max: 256 * MiB,
    unit: 'bytes',
    why: 'bytes that one callback may send, to all connections together',
  },
  maxStagedSends: {
    default: 4096,
    min: 16,
    max: 65_536,
    unit: 'count',
    why: 'sends and other effects that one callback may ask for',
  },
  maxStateBytes: {
    default: 4 * KiB,
    min: 0,
    max: 64 * KiB,
    unit: 'bytes',
    why: "the largest state block per connection that a guest's state_size() may ask for",
  },
  crashBytes: {
    default: 64 * KiB,
    min: 0,
    max: 16 * MiB,
    unit: 'bytes',
    why: 'the most input that a crash file keeps; 0 leaves out all data, so that it cannot be replayed; off without crashFolder',
  },
  listenBacklog: {
    default: 4096,
    min: 1,
    max: 65_535,
    unit: 'count',
    why: "connections the kernel queues until they are accepted; capped by the kernel's somaxconn",
  },
  connectionsPerAddress: {
    default: 0,
    min: 0,
    max: 1_048_576,
    unit: 'count',
    why: 'connections that one address may have open, a /64 of IPv6 as one; 0 turns it off: many people share an address',
  },
  acceptRate: {
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    why: 'connections that one address may open in a second, a /64 of IPv6 as one; 0 turns it off',
  },
  proxyTimeoutMs: {
    default: 5_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for the whole PROXY header, on listeners that expect one; senders send it at once',
  },
  maxProxyHeaderBytes: {
    default: 1 * KiB,
    min: 256,
    max: 16 * KiB,
    unit: 'bytes',
    why: 'the longest PROXY header; each connection with one keeps it in a place of this size',
  },
  maxUpstreams: {
    default: 16_384,
    min: 1,
    max: 1_048_576,
    unit: 'count',
    why: 'connections to upstreams open at once, over all upstreams and workers; they count as maxConnections, too',
  },
  acceptsPerTurn: {
    default: 64,
    min: 1,
    max: 4096,
    unit: 'count',
    why: 'connections accepted before open ones get their turn',
  },
  bytesPerTurn: {
    default: 128 * KiB,
    min: 1 * KiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'bytes received from one connection before the others get their turn; one receive window',
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
    why: 'time without a byte in either direction before a connection is closed; 0 turns it off, as in redis: keepalive finds dead peers',
  },
  keepaliveMs: {
    default: 300_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'silence after which the kernel probes a TCP peer, in whole seconds; 0 turns it off; 300 s as in redis',
  },
  writeTimeoutMs: {
    default: 60_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'time in which the peer takes none of its unsent output; 0 turns it off',
  },
  frameTimeoutMs: {
    default: 60_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'time in which the guest consumes none of the held input; 0 turns it off',
  },
  lingerMs: {
    default: 5_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for the peer to finish after the server has; closing at once could cut off output',
  },
  callbackTimeoutMs: {
    default: 1_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for one guest callback before it counts as hung, four times that if its thread has to wait for a processor; enforced in workers only',
  },
  handshakeTimeoutMs: {
    default: 10_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for the whole handshake of TLS before the connection is reset',
  },
  handshakesPerTurn: {
    default: 16,
    min: 1,
    max: 65_536,
    unit: 'count',
    why: 'the most steps of handshakes in a round, of 0.3 ms each; they take no more time than all others, or one step',
  },
  maxHandshakes: {
    default: 1_024,
    min: 1,
    max: 65_536,
    unit: 'count',
    why: 'handshakes of a worker at a time, each of about 50 KiB, or 170 with the longest hello; with more, the oldest is reset',
  },
  ticketLifetimeMs: {
    default: 7_200_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'time in which a client of TLS may resume its session; 0 turns that off',
  },
  graceMs: {
    default: 10_000,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for a drain before the remaining connections are aborted',
  },
  drainDelayMs: {
    default: 0,
    min: 0,
    max: 3_600_000,
    unit: 'ms',
    why: 'time from the first signal to the drain, in which all goes on but /readyz says no; 5s suits Kubernetes',
  },
  drainQuietMs: {
    default: 250,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: 'time without input or unsent output before a drain closes a connection',
  },
  tickMs: {
    default: 0,
    min: 0,
    max: DAY_MS,
    unit: 'ms',
    why: "time between two calls of the guest's on_tick; 0 turns it off",
  },
  guestMemoryBytes: {
    default: 64 * MiB,
    min: 64 * KiB,
    max: 2048 * MiB,
    unit: 'bytes',
    why: "the guest's memory; set as its maximum before it is compiled",
  },
  maxTableElements: {
    default: 100_000,
    min: 0,
    max: 10_000_000,
    unit: 'count',
    why: "elements in all of the guest's tables together",
  },
  maxModuleBytes: {
    default: 64 * MiB,
    min: 8,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'the size of the module file',
  },
  maxFunctionCost: {
    default: 8_000_000,
    min: 1_000,
    max: 1_000_000_000,
    unit: 'count',
    why: 'what compiling one guest function may cost, by estimate: 8 million take up to 0.2 GB',
  },
  compileTimeoutMs: {
    default: 10_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for compiling the module',
  },
  hostCallsPerCallback: {
    default: 100_000,
    min: 1,
    max: 1_000_000_000,
    unit: 'count',
    why: 'host calls that one callback may make before it is stopped',
  },
  logLinesPerSecond: {
    default: 100,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    why: 'lines that the guest may log per second; the rest are counted and dropped',
  },
  maxJoins: {
    default: 256,
    min: 1,
    max: 65_536,
    unit: 'count',
    why: 'topics and patterns that one connection may have joined',
  },
  maxTopicBytes: {
    default: 1 * KiB,
    min: 1,
    max: 64 * KiB,
    unit: 'bytes',
    why: 'the longest topic or pattern; it has to fit the receive window together with a message',
  },
  maxMessageBytes: {
    default: 64 * KiB,
    min: 1,
    max: 8 * MiB,
    unit: 'bytes',
    why: 'the longest message that may be published',
  },
  groupBytes: {
    default: 64 * MiB,
    min: 64 * KiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'topics, members and retained messages of the whole server; retained ones take three quarters of it at most',
  },
  queueBytes: {
    default: 16 * MiB,
    min: 64 * KiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'messages and replies that wait for one worker, or for the program; what does not fit is left out, and its members are told',
  },
  messagesPerTurn: {
    default: 256,
    min: 1,
    max: 65_536,
    unit: 'count',
    why: 'messages and replies that a worker delivers before input gets its turn',
  },
  storeBytes: {
    default: 64 * MiB,
    min: 64 * KiB,
    max: 1024 * MiB,
    unit: 'bytes',
    why: 'keys and values of the whole server; when it is full, writes are refused and nothing is thrown out',
  },
  maxKeyBytes: {
    default: 512,
    min: 1,
    max: 64 * KiB,
    unit: 'bytes',
    why: 'the longest key',
  },
  maxValueBytes: {
    default: 64 * KiB,
    min: 1,
    max: 8 * MiB,
    unit: 'bytes',
    why: 'the longest value; it has to fit the receive window together with its version',
  },
  maxRequests: {
    default: 64,
    min: 1,
    max: 65_536,
    unit: 'count',
    why: 'requests to the store of one connection that are not replied to yet',
  },
  maxPending: {
    default: 65_536,
    min: 256,
    max: 1_048_576,
    unit: 'count',
    why: 'requests to the store of the whole server that are not replied to yet; each worker has its share',
  },
  requestTimeoutMs: {
    default: 5_000,
    min: 1,
    max: DAY_MS,
    unit: 'ms',
    why: 'time for a reply from a store outside the process',
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
  // What is held of a frame is less than this, so that the window always has room behind it.
  ['maxFrameBytes', 'at most', 'receiveWindowBytes'],
  ['receiveWindowBytes', 'at most half of', 'guestMemoryBytes'],
  ['receiveWindowBytes', 'at most', 'maxStagedBytes'],
] as const satisfies readonly (readonly [SettingName, string, SettingName])[];

/** Settings that can change while a server runs; the others need a restart. */
export const liveSettings = [
  ...(['idleTimeoutMs', 'writeTimeoutMs', 'frameTimeoutMs', 'lingerMs'] as const),
  ...(['drainQuietMs', 'drainDelayMs', 'graceMs'] as const),
  ...(['maxModuleBytes', 'maxFunctionCost', 'compileTimeoutMs'] as const),
] as const satisfies readonly SettingName[];

export type LiveSettings = Partial<Pick<Policy, (typeof liveSettings)[number]>>;

/** @throws WasmpollError ERR_POLICY when it has others, or a value is not in its row's range */
export function checkLive(limits: LiveSettings): LiveSettings {
  for (const [name, value] of Object.entries(limits)) {
    if (!(liveSettings as readonly string[]).includes(name)) {
      throw new WasmpollError('ERR_POLICY', `policy.${name}: cannot change while the server runs`);
    }
    checkSetting(name as SettingName, value);
  }
  return limits;
}

/** Bytes of a version, which stands before the value that a store replies with. */
export const VERSION_BYTES = 8;

/** The pages that are kept free, a sixteenth: below it connections are aborted. */
export const reservePages = (policy: Policy): number =>
  Math.max(1, Math.floor(policy.poolBytes / PAGE_BYTES / 16));

/** What PROXY headers take, a place for each connection. */
export const headerBytes = (policy: Policy): number =>
  policy.maxConnections * policy.maxProxyHeaderBytes;

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
  const lifted = followWindow(policy, overrides);
  const naming = (name: SettingName): string =>
    lifted && name === 'receiveWindowBytes'
      ? `${called(name)} (as large as ${called('maxFrameBytes')})`
      : called(name);
  checkRelations(policy, naming);
  checkHeadroom(policy, naming);
  checkWindow(policy, naming);
  checkHeaders(policy, naming);
  return policy;
}

// A caller who shrinks or widens the window means its dependants to follow unless named, and one who
// asks for larger frames means the window to have room for them. Returns whether that widened it.
function followWindow(policy: Record<SettingName, number>, overrides: Partial<Policy>): boolean {
  const { receiveWindowBytes, maxFrameBytes, bytesPerTurn } = overrides;
  const lifts =
    receiveWindowBytes === undefined && policy.maxFrameBytes > policy.receiveWindowBytes;
  if (lifts) policy.receiveWindowBytes = policy.maxFrameBytes;
  if (maxFrameBytes === undefined) policy.maxFrameBytes = policy.receiveWindowBytes;
  if (bytesPerTurn === undefined) policy.bytesPerTurn = policy.receiveWindowBytes;
  shrinkWith(policy, overrides);
  return lifts;
}

// What is delivered lies in the window as well: by default no message or value is longer than it has room for.
function shrinkWith(policy: Record<SettingName, number>, overrides: Partial<Policy>): void {
  const window = policy.receiveWindowBytes;
  const most = (name: SettingName, bytes: number): void => {
    if (overrides[name] === undefined) policy[name] = Math.max(1, Math.min(policy[name], bytes));
  };
  most('maxTopicBytes', Math.floor(window / 2));
  most('maxMessageBytes', window - policy.maxTopicBytes);
  most('maxValueBytes', window - VERSION_BYTES);
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

// The window has room for whatever is delivered in one piece.
function checkWindow(policy: Policy, called: (name: SettingName) => string): void {
  const window = policy.receiveWindowBytes;
  const message = policy.maxTopicBytes + policy.maxMessageBytes;
  const value = VERSION_BYTES + policy.maxValueBytes;
  if (message <= window && value <= window) return;
  const [what, needed] =
    message > window
      ? [`${called('maxTopicBytes')} and ${called('maxMessageBytes')} together`, message]
      : [`${called('maxValueBytes')} and ${VERSION_BYTES}`, value];
  throw new WasmpollError(
    'ERR_POLICY',
    `${called('receiveWindowBytes')}: must be at least ${what} (${needed}), got ${window}`,
  );
}

// Rows of I/O name places in the headers' buffer by Int32.
const MOST_HEADER_BYTES = 2 ** 31 - 1;

function checkHeaders(policy: Policy, called: (name: SettingName) => string): void {
  if (headerBytes(policy) <= MOST_HEADER_BYTES) return;
  const most = Math.floor(MOST_HEADER_BYTES / policy.maxConnections);
  throw new WasmpollError(
    'ERR_POLICY',
    `${called('maxProxyHeaderBytes')}: must be at most ${most} with ${policy.maxConnections} ` +
      `${called('maxConnections')}, got ${policy.maxProxyHeaderBytes}`,
  );
}
