// Server: one served protocol, from the moment it listens to its end. It passes commands on to the engine
// and the acceptor; serve.ts has made all of them. It knows no byte that is received.

import { EventEmitter } from 'node:events';
import { configBytes } from '../config.ts';
import { WasmpollError } from '../errors.ts';
import { native } from '../kernel/native.ts';
import { Acceptor } from '../listen/acceptor.ts';
import type { Listener } from '../listen/listener.ts';
import { loadProtocol } from '../module/source.ts';
import type { Policy } from '../policy.ts';
import type { Engine, ServerStats } from '../threads/engine.ts';
import type { ServerEvents, ServerLog } from './events.ts';
import type { ServeOptions, SwapOptions } from './options.ts';

export class Server extends EventEmitter<ServerEvents> {
  /** Where it listens, as `--listen` takes it, with real ports. */
  readonly addresses: readonly string[];
  /** Resolves when the server is closed, whoever closed it. */
  readonly closed: Promise<void>;
  readonly #policy: Policy;
  readonly #engine: Engine;
  readonly #log: ServerLog;
  readonly #acceptor: Acceptor;
  readonly #resolveClosed: () => void;
  #config: Uint8Array;
  /** Settles with the last swap that was asked for. */
  #swapping: Promise<unknown> = Promise.resolve();
  #grace: NodeJS.Timeout | undefined;
  #closing = false;
  /** The counters of a closed server. */
  #last: ServerStats | undefined;

  /** Use `serve()`. */
  constructor(
    engine: Engine,
    listeners: readonly Listener[],
    policy: Policy,
    log: ServerLog,
    config: Uint8Array,
  ) {
    super();
    this.#config = config;
    this.#engine = engine;
    this.#log = log;
    this.#policy = policy;
    const { promise, resolve } = withResolvers();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.addresses = listeners.map((listener) => listener.address);
    log.emitter = this;
    log.whenQuiet = () => void this.#finish();
    engine.observe(log.interests);
    this.#hook();
    this.#acceptor = new Acceptor({
      native,
      listeners,
      acceptsPerTurn: policy.acceptsPerTurn,
      accepted: (fd, listener) => engine.accept(fd, listener),
      failed: (error) => log.fail(error),
    });
    log.whenStarving = (starved) => this.#acceptor.rest(starved);
  }

  // Without a listener no address is looked up and nothing is sent between threads.
  #hook(): void {
    const { on } = EventEmitter.prototype;
    const observe = (): void => this.#engine.observe(this.#log.interests);
    on.call(this, 'newListener', () => queueMicrotask(observe));
    on.call(this, 'removeListener', observe);
  }

  override removeAllListeners(name?: keyof ServerEvents): this {
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    // All listeners means those of others.
    if (name === undefined) this.#hook();
    this.#engine.observe(this.#log.interests);
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
   *   new workers, while the old ones drain as at `close()`. Needs workers. `config`: another
   *   configuration than before
   * @throws WasmpollError ERR_MODULE, or ERR_GUEST when the guest does not start or cannot take over;
   *   the module before goes on then. ERR_CLOSED when the server drains or is closed,
   *   ERR_OPTION for `drain` without workers, or a `config` that is too large
   */
  async swap(protocol: ServeOptions['protocol'], options: SwapOptions = {}): Promise<void> {
    const { drain = false } = options;
    // Read at once, so that bytes may be changed once this has returned.
    const given = options.config === undefined ? undefined : configBytes(options.config);
    const loading = loadProtocol(protocol, this.#policy);
    const turn = Promise.allSettled([this.#swapping, loading]).then(async () => {
      const module = await loading;
      if (this.#closing) throw new WasmpollError('ERR_CLOSED', 'swap: the server is closed');
      const config = given ?? this.#config;
      await this.#engine.swap({ ...module, config }, drain);
      this.#config = config;
      this.#log.serving(module);
      this.#log.swapped(module.name);
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

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
