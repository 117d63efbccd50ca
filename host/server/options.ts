// Options of a server: what they are, and whether they are what they must be. It opens nothing.

import { availableParallelism } from 'node:os';
import { configBytes } from '../config.ts';
import { parseStore, parseTopics } from '../engines/address.ts';
import { WasmpollError } from '../errors.ts';
import type { Listen } from '../listen/spec.ts';
import type { ModuleSource } from '../module/protocol-module.ts';
import { MAX_WORKERS, type Policy } from '../policy.ts';
import { parseUpstreams } from '../upstreams/spec/read.ts';
import type { Upstreams } from '../upstreams/spec/spec.ts';
import type { Logger } from './logger.ts';

export type { Retention } from '../shared/member/member.ts';

export interface ServeOptions {
  /** A bundled name, a path, a file: URL, a module's bytes, or a compiled module. */
  protocol: string | URL | ModuleSource;
  /**
   * `HOST:PORT`, `[V6]:PORT`, `unix:PATH`, `unix:@NAME`, or `fd:NAME` for a socket that the process was started
   * with; port 0 lets the kernel choose. What holds for those who come by it stands behind a `?`, or in an
   * object: `{ address, tls: { cert, key }, proxy: { from: ['10.0.0.0/8'] }, allow, deny, mode, owner, group }`.
   */
  listen: Listen | readonly Listen[];
  /**
   * Worker threads, each with a guest of its own; `auto` is as many as there are cores to use. 0 is the
   * thread that calls: nothing then notices a guest that does not return. 1 by default.
   */
  workers?: number | 'auto';
  /** Settings that differ from the defaults. */
  policy?: Partial<Policy>;
  /** What the guest is given by `config`, at most 1 MiB; text as UTF-8. Empty by default. */
  config?: string | Uint8Array;
  /**
   * Where keys are kept: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` (rediss: with TLS), or
   * `sqlite:PATH`. Without it, in this process. `?service=NAME` keeps several services apart; with TLS,
   * `ca`, `cert` and `key` name files.
   */
  store?: string;
  /**
   * What carries messages to other processes of the service: `redis:` as in `store`, or `nats:`,
   * with several hosts of a cluster, and `creds` for a file.
   */
  topics?: string;
  /**
   * Where the guest may connect to, by the names that it knows: `{ db: '10.0.0.5:5432' }`, or objects:
   * `{ targets, pattern, allowPrivate, connectTimeout, max, proxy }`. Nowhere by default.
   */
  upstreams?: Upstreams;
  /**
   * A folder that is there: the callbacks in which the guest fails or hangs are kept in it, with what users have
   * sent, for `wasmpoll replay`. At most ten files, the same once a minute. Off by default.
   */
  crashFolder?: string;
  /**
   * A folder that is there, for development: with each failure all is kept in it that the instance was given from its
   * start on, at most 16 MiB, with what users have sent and the configuration. Noting it costs time in each callback, and
   * each worker 16 MiB. Off by default.
   */
  recordFolder?: string;
  /** Counts how long callbacks take, and connections last: `stats().histograms`. False by default. */
  histograms?: boolean;
  /** Begins the drain, as `close()` does. */
  signal?: AbortSignal;
  /** Where lines go, the guest's included; a pino logger will do. Silent by default. */
  logger?: Logger;
  /** Whether lines of the level info show each client and what it sends. False by default. */
  logData?: boolean;
}

export interface SwapOptions {
  /** See `Server.swap`; false by default. */
  drain?: boolean;
  /** Another configuration for the guest; the same as before by default. */
  config?: string | Uint8Array;
}

const OPTIONS = [
  ...['protocol', 'listen', 'workers', 'policy', 'config', 'store', 'topics'],
  ...['upstreams', 'crashFolder', 'recordFolder', 'histograms', 'signal'],
  ...['logger', 'logData'],
];

/** @throws WasmpollError ERR_OPTION, naming the option and what it must be */
export function checkOptions(options: ServeOptions): void {
  const bad = (why: string): never => {
    throw new WasmpollError('ERR_OPTION', `serve(): ${why}`);
  };
  if (typeof options !== 'object' || options === null) bad('takes an object of options');
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name))
      bad(`there is no option '${name}'; it takes ${OPTIONS.join(', ')}`);
  }
  if (options.protocol === undefined) bad("protocol is missing, for instance 'echo'");
  const { listen } = options;
  const listed: readonly unknown[] = Array.isArray(listen) ? listen : [listen];
  if (listed.length === 0 || !listed.every(isListen)) {
    bad("listen must be an address or a list of them, for instance '127.0.0.1:33445'");
  }
  const { workers = 1 } = options;
  if (
    workers !== 'auto' &&
    !(Number.isInteger(workers) && workers >= 0 && workers <= MAX_WORKERS)
  ) {
    bad(
      `workers must be 'auto' or a whole number from 0 to ${MAX_WORKERS}, got ${String(workers)}`,
    );
  }
  configBytes(options.config);
  if (![undefined, true, false].includes(options.histograms))
    bad('histograms must be true or false');
  checkEngines(options, bad);
  parseUpstreams(options.upstreams, 'serve(): upstreams');
  if (options.logData !== undefined && typeof options.logData !== 'boolean') {
    bad('logData must be true or false');
  }
  const { crashFolder, recordFolder } = options;
  for (const [name, folder] of Object.entries({ crashFolder, recordFolder })) {
    if (folder !== undefined && (typeof folder !== 'string' || folder === '')) {
      bad(`${name} must be the path of a folder`);
    }
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    bad('signal must be an AbortSignal');
  }
}

const isListen = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null);

/** @returns what the guest is given by `config` */
export const configOf = ({ config }: Pick<ServeOptions, 'config'>): Uint8Array =>
  configBytes(config);

function checkEngines({ store, topics }: ServeOptions, bad: (why: string) => never): void {
  for (const [name, value] of Object.entries({ store, topics })) {
    // It is not shown: it may hold a password.
    if (value !== undefined && typeof value !== 'string') bad(`${name} must be text`);
  }
  if (store !== undefined) parseStore(store, 'serve(): store');
  if (topics !== undefined) parseTopics(topics, 'serve(): topics');
}

/** @returns how many worker threads; 0 for the thread that calls */
export function workersOf({ workers = 1 }: ServeOptions): number {
  return workers === 'auto' ? availableParallelism() : workers;
}
