// Options of a server: what they are, and whether they are what they must be. It opens nothing.

import { availableParallelism } from 'node:os';
import { configBytes } from '../config.ts';
import { parseStore, parseTopics } from '../engines/address.ts';
import { WasmpollError } from '../errors.ts';
import type { ModuleSource } from '../module/protocol-module.ts';
import { MAX_WORKERS, type Policy } from '../policy.ts';
import { checkTls, type TlsOptions } from '../tls/options.ts';
import type { Logger } from './logger.ts';

/** A listener as an object. */
export interface ListenOptions {
  /** As text says it. */
  readonly address: string;
  /** Its connections are of TLS. */
  readonly tls?: TlsOptions;
}

export type Listen = string | ListenOptions;

export interface ServeOptions {
  /** A bundled name, a path, a file: URL, a module's bytes, or a compiled module. */
  protocol: string | URL | ModuleSource;
  /** `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; port 0 lets the kernel choose. */
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
   * `sqlite:PATH`. Without it, in this process. `?service=NAME` keeps several services apart.
   */
  store?: string;
  /** What carries messages to other processes of the service: `redis:` as in `store`, or `nats:`. */
  topics?: string;
  /** Begins the drain, as `close()` does. */
  signal?: AbortSignal;
  /** Where lines go, the guest's included; a pino logger will do. Silent by default. */
  logger?: Logger;
}

export interface SwapOptions {
  /** See `Server.swap`; false by default. */
  drain?: boolean;
  /** Another configuration for the guest; the same as before by default. */
  config?: string | Uint8Array;
}

const OPTIONS = [
  ...['protocol', 'listen', 'workers', 'policy', 'config', 'store', 'topics'],
  ...['signal', 'logger'],
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
  const entries: readonly unknown[] = Array.isArray(listen) ? listen : [listen];
  const addressed = entries.every((entry) => typeof addressOf(entry as Listen) === 'string');
  if (entries.length === 0 || !addressed) {
    bad("listen must be an address or a list of them, for instance '127.0.0.1:33445'");
  }
  for (const { address, tls } of listensOf(options)) {
    if (tls !== undefined) checkTls(tls, `listen '${address}'`);
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
  checkEngines(options, bad);
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    bad('signal must be an AbortSignal');
  }
}

const addressOf = (listen: Listen): unknown =>
  typeof listen === 'object' ? listen?.address : listen;

/** @returns where it is to listen, each as an object */
export function listensOf({ listen }: Pick<ServeOptions, 'listen'>): ListenOptions[] {
  const list = Array.isArray(listen) ? (listen as readonly Listen[]) : [listen as Listen];
  return list.map((entry) => (typeof entry === 'string' ? { address: entry } : entry));
}

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
