// Open: makes the engines that --store and --topics name, and says in one line what is missing when it
// cannot. Packages are loaded here, when they are needed and not before.

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { messageOf, WasmpollError } from '../errors.ts';
import {
  nameOf,
  parseStore,
  parseTopics,
  type ServerAddress,
  type StoreAddress,
} from './address.ts';
import type { BusEngine, Engine, EngineWatch, Performer, StoreEngine } from './contract.ts';
import type { Nats } from './nats/bus.ts';
import { Operations } from './operations.ts';
import type { Redis } from './redis/session.ts';
import { type EngineLog, Reporter } from './reporter.ts';

/** Values of the policy rows of the same names. */
export interface EngineBounds {
  readonly requestTimeoutMs: number;
  readonly queueBytes: number;
  readonly storeBytes: number;
}

/** How a package or a module of Node's is had; tests have none to give. */
export type Load = (name: string) => Promise<unknown>;

const load: Load = (name) => import(name);

const REDIS = ['@redis/client', '6.3.1'] as const;
const NATS = ['@nats-io/transport-node', '3.4.0'] as const;

/** @throws WasmpollError ERR_OPTION when the text is wrong, or a package is missing */
export async function openStore(
  text: string,
  bounds: EngineBounds,
  log: EngineLog,
  from: Load = load,
): Promise<Engine<Performer>> {
  const address = parseStore(text, 'store');
  const name = nameOf(address);
  const watch = new Reporter('store', name, 'requests are answered UNAVAILABLE', log);
  return { name, engine: new Operations(await makeStore(address, bounds, watch, from)) };
}

/** As `openStore`. */
export async function openTopics(
  text: string,
  bounds: EngineBounds,
  log: EngineLog,
  from: Load = load,
): Promise<Engine<BusEngine>> {
  const address = parseTopics(text, 'topics');
  const name = nameOf(address);
  const watch = new Reporter('topics', name, 'messages stay in this process', log);
  return { name, engine: await makeBus(address, bounds, watch, from) };
}

/** Finds what is wrong with `store` and `topics` without opening either. @throws WasmpollError ERR_OPTION */
export async function checkEngines(
  { store, topics }: { readonly store?: string; readonly topics?: string },
  from: Load = load,
): Promise<void> {
  if (store !== undefined) {
    const address = parseStore(store, 'store');
    if (address.kind === 'sqlite') requireSqlite();
    else {
      requireFiles('store', address);
      await packageOf<Redis>('store', REDIS, from);
    }
  }
  if (topics === undefined) return;
  const address = parseTopics(topics, 'topics');
  requireFiles('topics', address);
  await packageOf<unknown>('topics', address.kind === 'nats' ? NATS : REDIS, from);
}

async function makeStore(
  address: StoreAddress,
  { requestTimeoutMs, storeBytes }: EngineBounds,
  watch: EngineWatch,
  from: Load,
): Promise<StoreEngine> {
  if (address.kind === 'sqlite') {
    requireSqlite();
    const { SqliteStore } = await import('./sqlite/store.ts');
    const busyMs = Math.ceil(requestTimeoutMs / 2);
    const settings = { path: address.path, mostBytes: storeBytes, busyMs };
    return new SqliteStore(settings, requestTimeoutMs, watch);
  }
  requireFiles('store', address);
  const redis = await packageOf<Redis>('store', REDIS, from);
  const { RedisStore } = await import('./redis/store.ts');
  return new RedisStore(redis, address, requestTimeoutMs, watch);
}

async function makeBus(
  address: ServerAddress,
  { requestTimeoutMs, queueBytes }: EngineBounds,
  watch: EngineWatch,
  from: Load,
): Promise<BusEngine> {
  requireFiles('topics', address);
  if (address.kind === 'nats') {
    const nats = await packageOf<Nats>('topics', NATS, from);
    const { NatsBus } = await import('./nats/bus.ts');
    return new NatsBus(nats, address, requestTimeoutMs, queueBytes, watch);
  }
  const redis = await packageOf<Redis>('topics', REDIS, from);
  const { RedisBus } = await import('./redis/bus.ts');
  return new RedisBus(redis, address, requestTimeoutMs, queueBytes, watch);
}

async function packageOf<Package>(
  option: string,
  [name, version]: readonly [string, string],
  from: Load,
): Promise<Package> {
  try {
    return (await from(name)) as Package;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    if (!missing || !messageOf(error).includes(name)) throw error;
    throw new WasmpollError(
      'ERR_OPTION',
      `${option}: needs the package ${name}: npm install ${name}@${version}`,
      { cause: error },
    );
  }
}

/** They are read again for each connection. */
function requireFiles(option: string, { files }: ServerAddress): void {
  for (const [name, path] of Object.entries(files)) {
    try {
      readFileSync(path);
    } catch (error) {
      const why = `cannot read the file of ${name}=: ${messageOf(error)}`;
      throw new WasmpollError('ERR_OPTION', `${option}: ${why}`, { cause: error });
    }
  }
}

function requireSqlite(): void {
  if (isBuiltin('node:sqlite')) return;
  throw new WasmpollError(
    'ERR_OPTION',
    `store: sqlite: needs Node 22.13 or later, this is ${process.version}`,
  );
}
