// Server: one served protocol. It puts the parts together, has the event loop call the reactor, and
// takes it all apart again. It knows no byte that is received.

import { EventEmitter } from 'node:events';
import { REASON_SHUTDOWN } from '../assembly/abi.ts';
import { Acceptor } from './acceptor.ts';
import { type Address, parseAddress, resolveAddress } from './address.ts';
import { Driver } from './driver.ts';
import { messageOf, WasmpollError } from './errors.ts';
import { Listener } from './listener.ts';
import { bytesText, type Logger, logAt, RateLimit, silent } from './log.ts';
import { type GuestModule, loadModule, type ModuleSource } from './module.ts';
import { native } from './native.ts';
import { type Policy, resolvePolicy } from './policy.ts';
import { resolveProtocol } from './protocol.ts';
import { type Observer, Reactor } from './reactor.ts';
import { reasonName } from './reasons.ts';
import type { Snapshot } from './stats.ts';

// Descriptors that are left to everything else in the process; redis keeps as many.
const RESERVED_DESCRIPTORS = 32;

export interface ServeOptions {
  /** A bundled name, a path, a file: URL, a module's bytes, or a compiled module. */
  protocol: string | URL | ModuleSource;
  /** `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; port 0 lets the kernel choose. */
  listen: string | readonly string[];
  /** 0, for now: the server runs in the thread that calls. */
  workers?: number;
  /** Settings that differ from the defaults. */
  policy?: Partial<Policy>;
  /** Begins the drain, as `close()` does. */
  signal?: AbortSignal;
  /** Where lines go, the guest's included; a pino logger will do. Silent by default. */
  logger?: Logger;
}

export interface ServerEvents {
  /** A connection was accepted. */
  open: [{ id: number; address: string }];
  /** A connection is over; `reason` as in docs/abi.md. */
  close: [{ id: number; reason: string }];
  /** The guest failed in a callback and was replaced; one connection was lost. */
  restart: [{ reason: string }];
  /** Something failed that does not end the server: a listener pauses, a guest did not come up. */
  error: [Error];
}

const OPTIONS = ['protocol', 'listen', 'workers', 'policy', 'signal', 'logger'];

/**
 * Loads the protocol, starts its guest and listens. All of that has succeeded when it resolves.
 * @throws WasmpollError with ERR_OPTION, ERR_POLICY, ERR_ADDRESS, ERR_MODULE or ERR_GUEST; an Error
 *   in Node's form when the system refuses (`listen EADDRINUSE: …`); the signal's reason
 */
export async function serve(options: ServeOptions): Promise<Server> {
  checkOptions(options);
  const policy = fitDescriptors(resolvePolicy(options.policy));
  const { maxConnections } = policy;
  if (maxConnections < (options.policy?.maxConnections ?? 0)) {
    options.logger?.warn({ maxConnections }, 'maxConnections: lowered to the descriptor limit');
  }
  const texts = typeof options.listen === 'string' ? [options.listen] : options.listen;
  const addresses = await Promise.all(texts.map(parseAddress).map(resolveAddress));
  const { name, source } = await resolveProtocol(options.protocol, policy.maxModuleBytes);
  const module = await loadModule(source, policy, name);
  options.signal?.throwIfAborted();
  const server = new Server(module, policy, addresses, options.logger ?? silent);
  const abort = () => void server.close();
  options.signal?.addEventListener('abort', abort, { once: true });
  void server.closed.then(() => options.signal?.removeEventListener('abort', abort));
  return server;
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
  if ((options.workers ?? 0) !== 0) {
    bad(`workers must be 0 in this version, got ${String(options.workers)}`);
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    bad('signal must be an AbortSignal');
  }
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
  readonly #logger: Logger;
  readonly #reactor: Reactor;
  readonly #acceptor: Acceptor;
  readonly #driver: Driver;
  readonly #observer: Observer;
  readonly #resolveClosed: () => void;
  #grace: NodeJS.Timeout | undefined;
  #closing = false;

  /** Use `serve()`. */
  constructor(module: GuestModule, policy: Policy, addresses: readonly Address[], logger: Logger) {
    super();
    this.#policy = policy;
    this.#logger = logger;
    const { promise, resolve } = withResolvers();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#observer = this.#makeObserver();
    this.#observe();
    const { on } = EventEmitter.prototype;
    on.call(this, 'newListener', () => queueMicrotask(() => this.#observe()));
    on.call(this, 'removeListener', () => this.#observe());
    this.#reactor = new Reactor({
      kernel: native,
      module,
      policy,
      observer: this.#observer,
      now: () => performance.now(),
      buffer: SharedArrayBuffer,
    });
    const listeners = listenAll(addresses, policy, () => this.#reactor.close());
    this.addresses = listeners.map((listener) => listener.address);
    this.#driver = new Driver(native, this.#reactor, () => this.#finishIfDrained());
    this.#acceptor = new Acceptor({
      native,
      listeners,
      acceptsPerTurn: policy.acceptsPerTurn,
      accepted: (fd) => this.#accepted(fd),
      failed: (error) => this.#fail(error),
    });
  }

  #makeObserver(): Observer {
    const limit = new RateLimit(this.#policy.logLinesPerSecond, () => performance.now());
    return {
      open: null,
      data: null,
      close: null,
      restart: (why) => {
        if (limit.admit()) this.#logger.error({ reason: why }, 'guest failed and was replaced');
        this.#emit('restart', { reason: why });
      },
      failure: (error) => this.#fail(error instanceof Error ? error : new Error(messageOf(error))),
      log: (level, text) => {
        if (!limit.admit()) return false;
        logAt(this.#logger, level, { from: 'guest' }, text);
        return true;
      },
    };
  }

  #observe(): void {
    const debug = this.#logger.isLevelEnabled?.('debug') ?? this.#logger !== silent;
    const observer = this.#observer;
    observer.open =
      !debug && this.listenerCount('open') === 0
        ? null
        : (id, address) => {
            this.#logger.debug({ id, address }, 'connected');
            this.#emit('open', { id, address });
          };
    observer.close =
      !debug && this.listenerCount('close') === 0
        ? null
        : (id, reason) => {
            this.#logger.debug({ id, reason: reasonName(reason) }, 'closed');
            this.#emit('close', { id, reason: reasonName(reason) });
          };
    observer.data = debug
      ? (id, bytes) => this.#logger.debug({ id, data: bytesText(bytes) }, 'received')
      : null;
  }

  // Later, so that a listener may do anything, even close the server, though a turn is running.
  #emit<Name extends keyof ServerEvents>(name: Name, value: ServerEvents[Name][0]): void {
    if (this.listenerCount(name) === 0) return;
    queueMicrotask(() => {
      (this as EventEmitter).emit(name, value);
    });
  }

  #fail(error: Error): void {
    this.#logger.error({ code: (error as { code?: string }).code }, error.message);
    this.#emit('error', error);
  }

  #accepted(fd: number): void {
    this.#reactor.open(fd);
    this.#driver.schedule();
  }

  /** Counters since the start, and what is held now. */
  stats(): Snapshot {
    return this.#reactor.snapshot();
  }

  /**
   * Drains: stops listening, closes each connection once it is quiet (`drainQuietMs`), and aborts
   * what is left after `graceMs`. Idempotent.
   * @returns `closed`
   */
  close(): Promise<void> {
    if (this.#closing) return this.closed;
    this.#acceptor.close();
    this.#closing = true;
    this.#reactor.drain();
    this.#grace = setTimeout(() => {
      this.#reactor.abort(REASON_SHUTDOWN);
      this.#driver.schedule();
    }, this.#policy.graceMs);
    this.#driver.schedule();
    return this.closed;
  }

  #finishIfDrained(): void {
    if (!this.#closing || this.#reactor.connections > 0) return;
    clearTimeout(this.#grace);
    this.#driver.close();
    this.#reactor.close();
    this.#resolveClosed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** All or none: when one cannot be opened, those before it are closed again. */
function listenAll(addresses: readonly Address[], policy: Policy, undo: () => void): Listener[] {
  const listeners: Listener[] = [];
  try {
    for (const address of addresses) listeners.push(new Listener(native, address, policy));
    return listeners;
  } catch (error) {
    undo();
    for (const listener of listeners) closeQuietly(listener);
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
