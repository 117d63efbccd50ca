// Server: one served protocol. It puts the parts together, has the event loop call the reactor, and
// takes it all apart again. It knows no byte that is received.

import { EventEmitter } from 'node:events';
import { availableParallelism } from 'node:os';
import { WasmpollError } from '../errors.ts';
import { native } from '../kernel/native.ts';
import { Acceptor } from '../listen/acceptor.ts';
import { type Address, parseAddress, resolveAddress } from '../listen/address.ts';
import { Listener } from '../listen/listener.ts';
import { type GuestModule, loadModule, type ModuleSource } from '../module/protocol-module.ts';
import { resolveProtocol } from '../module/source.ts';
import { MAX_WORKERS, type Policy, resolvePolicy } from '../policy.ts';
import type { Engine, ServerStats } from '../threads/engine.ts';
import { Local } from '../threads/in-thread.ts';
import { Loop } from '../threads/own-loop.ts';
import { type DriveClass, Driver } from '../threads/shared-loop.ts';
import { Supervisor } from '../threads/supervisor.ts';
import { Relay, type ServerEvents } from './events.ts';
import { type Logger, silent } from './logger.ts';

// Descriptors that are left to everything else in the process; redis keeps as many.
const RESERVED_DESCRIPTORS = 32;

export interface ServeOptions {
  /** A bundled name, a path, a file: URL, a module's bytes, or a compiled module. */
  protocol: string | URL | ModuleSource;
  /** `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; port 0 lets the kernel choose. */
  listen: string | readonly string[];
  /**
   * Worker threads, each with a guest of its own; `auto` is as many as there are cores to use. 0 is the
   * thread that calls: nothing then notices a guest that does not return. 1 by default.
   */
  workers?: number | 'auto';
  /** Settings that differ from the defaults. */
  policy?: Partial<Policy>;
  /** Begins the drain, as `close()` does. */
  signal?: AbortSignal;
  /** Where lines go, the guest's included; a pino logger will do. Silent by default. */
  logger?: Logger;
}

export interface SwapOptions {
  /** See `Server.swap`; false by default. */
  drain?: boolean;
}

const OPTIONS = ['protocol', 'listen', 'workers', 'policy', 'signal', 'logger'];

/**
 * Loads the protocol, starts its guest and listens. All of that has succeeded when it resolves.
 * @throws WasmpollError with ERR_OPTION, ERR_POLICY, ERR_ADDRESS, ERR_MODULE or ERR_GUEST; an Error
 *   in Node's form when the system refuses (`listen EADDRINUSE: …`); the signal's reason
 */
export const serve = (options: ServeOptions): Promise<Server> => start(options, Driver);

/** As `serve`, in a process that is there for this server: its event loop may be taken over. */
export const serveAlone = (options: ServeOptions): Promise<Server> => start(options, Loop);

async function start(options: ServeOptions, Turns: DriveClass): Promise<Server> {
  checkOptions(options);
  const policy = fitDescriptors(resolvePolicy(options.policy));
  const { maxConnections } = policy;
  if (maxConnections < (options.policy?.maxConnections ?? 0)) {
    options.logger?.warn({ maxConnections }, 'maxConnections: lowered to the descriptor limit');
  }
  const texts = typeof options.listen === 'string' ? [options.listen] : options.listen;
  const addresses = await Promise.all(texts.map(parseAddress).map(resolveAddress));
  const module = await load(options.protocol, policy);
  options.signal?.throwIfAborted();
  const relay = new Relay(policy, options.logger ?? silent);
  const workers = workersOf(options);
  const engine =
    workers === 0
      ? new Local(native, module, policy, relay, Turns)
      : await Supervisor.start(native, module, policy, workers, relay);
  const listeners = await listenAll(addresses, policy, engine);
  const server = await makeServer(engine, listeners, policy, relay);
  const abort = () => void server.close();
  options.signal?.addEventListener('abort', abort, { once: true });
  void server.closed.then(() => options.signal?.removeEventListener('abort', abort));
  return server;
}

async function load(protocol: ServeOptions['protocol'], policy: Policy): Promise<GuestModule> {
  const { name, source } = await resolveProtocol(protocol, policy.maxModuleBytes);
  return loadModule(source, policy, name);
}

function checkOptions(options: ServeOptions): void {
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
  const texts: readonly unknown[] = Array.isArray(listen) ? listen : [listen];
  if (texts.length === 0 || !texts.every((text) => typeof text === 'string')) {
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
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    bad('signal must be an AbortSignal');
  }
}

/** @returns how many worker threads; 0 for the thread that calls */
function workersOf({ workers = 1 }: ServeOptions): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** The policy with no more connections than there can be descriptors. */
function fitDescriptors(policy: Policy): Policy {
  const possible = native.fileLimit() - RESERVED_DESCRIPTORS;
  if (possible >= policy.maxConnections) return policy;
  if (possible < 1) {
    throw new WasmpollError(
      'ERR_OPTION',
      `the limit of ${native.fileLimit()} file descriptors is too low; raise it (ulimit -n)`,
    );
  }
  return { ...policy, maxConnections: possible };
}

export class Server extends EventEmitter<ServerEvents> {
  /** Where it listens, as `--listen` takes it, with real ports. */
  readonly addresses: readonly string[];
  /** Resolves when the server is closed, whoever closed it. */
  readonly closed: Promise<void>;
  readonly #policy: Policy;
  readonly #engine: Engine;
  readonly #relay: Relay;
  readonly #acceptor: Acceptor;
  readonly #resolveClosed: () => void;
  /** Settles with the last swap that was asked for. */
  #swapping: Promise<unknown> = Promise.resolve();
  #grace: NodeJS.Timeout | undefined;
  #closing = false;
  /** The counters of a closed server. */
  #last: ServerStats | undefined;

  /** Use `serve()`. */
  constructor(engine: Engine, listeners: readonly Listener[], policy: Policy, relay: Relay) {
    super();
    this.#engine = engine;
    this.#relay = relay;
    this.#policy = policy;
    const { promise, resolve } = withResolvers();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.addresses = listeners.map((listener) => listener.address);
    relay.emitter = this;
    relay.whenQuiet = () => void this.#finish();
    engine.observe(relay.interests);
    this.#hook();
    this.#acceptor = new Acceptor({
      native,
      listeners,
      acceptsPerTurn: policy.acceptsPerTurn,
      accepted: (fd) => engine.accept(fd),
      failed: (error) => relay.fail(error),
    });
  }

  // Without a listener no address is looked up and nothing is sent between threads.
  #hook(): void {
    const { on } = EventEmitter.prototype;
    const observe = (): void => this.#engine.observe(this.#relay.interests);
    on.call(this, 'newListener', () => queueMicrotask(observe));
    on.call(this, 'removeListener', observe);
  }

  override removeAllListeners(name?: keyof ServerEvents): this {
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    // All listeners means those of others.
    if (name === undefined) this.#hook();
    this.#engine.observe(this.#relay.interests);
    return this;
  }

  /** Counters since the start, and what is held now. */
  stats(): ServerStats {
    return this.#last ?? this.#engine.snapshot();
  }

  /**
   * Swaps the module under the live connections, between two turns of each worker. Their state
   * blocks are carried over when `state_size()` and `state_version()` agree, otherwise through
   * `migrate`. Calls are carried out one after the other.
   * @param options `drain`: a module that cannot take over the state blocks serves new connections, in
   *   new workers, while the old ones drain as at `close()`. Needs workers
   * @throws WasmpollError ERR_MODULE, or ERR_GUEST when the guest does not start or cannot take over;
   *   the module before goes on then. ERR_CLOSED when the server drains or is closed,
   *   ERR_OPTION for `drain` without workers
   */
  async swap(protocol: ServeOptions['protocol'], options: SwapOptions = {}): Promise<void> {
    const { drain = false } = options;
    // Read at once, so that bytes may be changed once this has returned.
    const loading = load(protocol, this.#policy);
    const turn = Promise.allSettled([this.#swapping, loading]).then(async () => {
      const module = await loading;
      if (this.#closing) throw new WasmpollError('ERR_CLOSED', 'swap: the server is closed');
      await this.#engine.swap(module, drain);
      this.#relay.swapped(module.name);
    });
    this.#swapping = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Drains: stops listening, closes each connection once it is quiet (`drainQuietMs`), and aborts
   * what is left after `graceMs`. Idempotent.
   * @returns `closed`
   */
  close(): Promise<void> {
    if (this.#closing) return this.closed;
    this.#closing = true;
    // Later: a logger or a signal may call this in the middle of a turn, and no microtask runs in one.
    queueMicrotask(() => this.#drain());
    return this.closed;
  }

  #drain(): void {
    this.#acceptor.close();
    this.#grace = setTimeout(() => this.#engine.abort(), this.#policy.graceMs);
    this.#engine.drain();
  }

  async #finish(): Promise<void> {
    clearTimeout(this.#grace);
    this.#last = this.#engine.snapshot();
    await this.#engine.close();
    this.#resolveClosed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** All or none: when one cannot be opened, those before it are closed again, and the engine. */
async function listenAll(
  addresses: readonly Address[],
  policy: Policy,
  engine: Engine,
): Promise<Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const address of addresses) listeners.push(new Listener(native, address, policy));
    return listeners;
  } catch (error) {
    for (const listener of listeners) closeQuietly(listener);
    await engine.close();
    throw error;
  }
}

async function makeServer(
  engine: Engine,
  listeners: readonly Listener[],
  policy: Policy,
  relay: Relay,
): Promise<Server> {
  try {
    return new Server(engine, listeners, policy, relay);
  } catch (error) {
    for (const listener of listeners) closeQuietly(listener);
    await engine.close();
    throw error;
  }
}

// What is reported is why the server cannot start, not what came after it.
function closeQuietly(listener: Listener): void {
  try {
    listener.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
