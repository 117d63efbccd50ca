// Server: one served protocol, from the moment it listens to its end. It passes commands on to the engine
// and the acceptor; serve.ts has made all of them. It knows no byte that is received.

import { WasmpollError } from '../errors.ts';
import { native } from '../kernel/native.ts';
import { Acceptor } from '../listen/acceptor.ts';
import type { Listening } from '../listen/listening.ts';
import type { LoadedProtocol } from '../module/source.ts';
import { checkLive, type LiveSettings, type Policy } from '../policy.ts';
import type { Engine } from '../threads/engine.ts';
import { Course } from './course.ts';
import type { ServerLog } from './events.ts';
import type { Retention, ServeOptions, SwapOptions } from './options.ts';
import type { MessageHandler, OwnSeat, Store } from './own-seat.ts';
import { Serving } from './serving.ts';
import { type ConnectionsPage, type ConnectionsQuery, pageOf } from './status/connections.ts';
import type { ServerStats, ServerStatus } from './status/status.ts';
import { silentOf } from './status/turning.ts';
import { WatchedEmitter } from './watched-emitter.ts';

export class Server extends WatchedEmitter {
  /** Resolves when the server is closed, whoever closed it. */
  readonly closed: Promise<void>;
  /** Reads all certificates again. @throws WasmpollError ERR_TLS, and nothing has changed then */
  readonly reloadTls = (): void => this.#listening.reloadTls();
  readonly #policy: Policy;
  readonly #engine: Engine;
  readonly #own: OwnSeat;
  readonly #log: ServerLog;
  readonly #acceptor: Acceptor;
  readonly #listening: Listening;
  #resolveClosed: () => void = () => undefined;
  readonly #course: Course;
  readonly #serving: Serving;
  #grace: NodeJS.Timeout | undefined;
  /** The counters of a closed server. */
  #last: ServerStats | undefined;

  /** Use `serve()`. */
  constructor(
    engine: Engine,
    own: OwnSeat,
    listening: Listening,
    policy: Policy,
    log: ServerLog,
    module: LoadedProtocol & { readonly config: Uint8Array },
  ) {
    super();
    this.#serving = new Serving(engine, policy, log, module);
    this.#engine = engine;
    this.#own = own;
    this.#log = log;
    this.#policy = policy;
    this.#course = new Course(() => this.#drain());
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#listening = listening;
    log.emitter = this;
    log.whenQuiet = () => void this.#finish();
    log.leftOutBefore = () => this.#engine.snapshot().logLinesDropped;
    // Without a listener no address is looked up and nothing is sent between threads.
    this.watch(() => this.observeLog());
    this.observeLog();
    this.#acceptor = new Acceptor({
      native,
      acceptsPerTurn: policy.acceptsPerTurn,
      accepted: (fd, listener) => engine.accept(fd, listener),
      failed: (error) => log.fail(error),
    });
    listening.start(this.#acceptor);
    log.whenStarving = (starved) => this.#acceptor.rest(starved);
  }

  /** Looks anew what is to be told of each connection: the logger's level may have changed. */
  observeLog(): void {
    this.#engine.observe(this.#log.interests);
  }

  /** Where it listens, as `--listen` takes it, with real ports. */
  get addresses(): readonly string[] {
    return this.#listening.addresses;
  }

  /**
   * Listens on these from now on, and on nothing else, as `serve()` would. What stays the same stays open, and
   * connections that came by what is closed go on.
   * @throws WasmpollError ERR_ADDRESS or ERR_CLOSED, or an Error in Node's form; nothing has changed then
   */
  async listen(listen: ServeOptions['listen']): Promise<void> {
    const change = await this.#listening.prepare(listen);
    if (this.#course.closing) throw new WasmpollError('ERR_CLOSED', 'listen: the server is closed');
    change();
  }

  /** Counters since the start, and what is held now. */
  stats(): ServerStats {
    return this.#last ?? this.#count();
  }

  /** What it is, what it serves, and how each of its parts is doing. */
  status(): ServerStatus {
    return {
      state: this.#course.state,
      startedAt: this.#course.startedAt,
      uptimeMs: this.#course.uptimeMs,
      module: this.#serving.module,
      listeners: this.#listening.states,
      policy: this.#policy,
      workers: this.#last === undefined ? this.#engine.roster.workers() : [],
      stats: this.stats(),
    };
  }

  /**
   * Asks each worker for a sign that it turns, and waits so long for it, or for one that replaces the worker.
   * By default five times `callbackTimeoutMs` and a second: a guest that hangs has been dealt with by then, on
   * a machine that lets its thread wait as well.
   * @returns the numbers of the workers that gave none
   */
  stuck(withinMs = 5 * this.#policy.callbackTimeoutMs + 1000): Promise<number[]> {
    return silentOf(this.#engine.roster.turned(), withinMs);
  }

  /**
   * A page of the connections, for operators. It is read while workers go on: each row is as it was a moment ago.
   * Rejects with a WasmpollError, ERR_OPTION, when there is no such page.
   */
  async connections(query: ConnectionsQuery = {}): Promise<ConnectionsPage> {
    const tables = this.#last === undefined ? this.#engine.roster.tables() : [];
    return pageOf(tables, query);
  }

  /**
   * Ends a connection as a drain does: what was sent still goes out. Its reason is `shutdown`.
   * @param options `abort`: by a reset, at once
   * @returns whether it is there; a worker that is busy ends it in a moment
   */
  disconnect(id: number, { abort = false }: { abort?: boolean } = {}): boolean {
    return this.#last === undefined && this.#engine.roster.disconnect(id, abort);
  }

  #count(): ServerStats {
    const { counts: shared, engines } = this.#own;
    const upstreams = this.#own.upstreams(() => this.#engine.roster.tables());
    const counted = this.#listening.counted(this.#engine.snapshot());
    return { ...counted, logLinesDropped: this.#log.leftOut, shared, engines, upstreams };
  }

  /** The keys that guests have in common, for the program as well. */
  get store(): Store {
    return this.#own.store;
  }

  /**
   * Calls the handler with each message that is published to the topic from now on, by guests or by the program, and
   * with those that are retained. What it throws is an `error` event; a `missed` event says that messages were lost,
   * since more waited than queueBytes. At most 256 handlers are called before the event loop turns.
   * @param topic with `pattern`, it has MQTT's wildcards: `orders/+`, `orders/#`
   * @returns stops it: no call comes afterwards
   * @throws WasmpollError ERR_OPTION, ERR_LIMIT when groupBytes leaves no room, ERR_CLOSED once `closed` resolves
   */
  subscribe(
    topic: string,
    handler: MessageHandler,
    options: { pattern?: boolean } = {},
  ): () => void {
    return this.#own.member.subscribe(topic, handler, options);
  }

  /**
   * Publishes a message, text as UTF-8, to all who have joined the topic: connections, by their guests, and
   * the program's own subscriptions. It is never held up: who cannot keep pace misses messages, and is told.
   * @param options `retain`: it is kept for those who join later, for `ttlMs` if given; without data it ends that
   * @throws WasmpollError ERR_OPTION, ERR_LIMIT when groupBytes leaves no room to retain it, ERR_CLOSED
   */
  publish(topic: string, data: string | Uint8Array, options: Retention = {}): void {
    this.#own.member.publish(topic, data, options);
  }

  /**
   * Gives a message to one connection: its guest's `on_message` is called with DIRECT.
   * @param id from an `open` event
   * @returns whether it is on its way: false when the connection is gone or closes, when its guest takes no
   *   messages, and when more than queueBytes waits for its worker
   * @throws WasmpollError ERR_OPTION, ERR_CLOSED
   */
  send(id: number, topic: string, data: string | Uint8Array): boolean {
    return this.#own.send(id, (known) => this.#engine.find(known), topic, data);
  }

  /**
   * Swaps the module under the live connections, between two turns of each worker. Their state blocks are carried over
   * when `state_size()` and `state_version()` agree, otherwise through `migrate`. Calls are carried out one by one.
   * @param options `drain`: a module that cannot take over the state blocks serves new connections, in new workers,
   *   while the old ones drain as at `close()`. Needs workers. `config`: another configuration than before
   * @throws WasmpollError ERR_MODULE, or ERR_GUEST when the guest does not start or cannot take over; the module before
   *   goes on then. ERR_CLOSED when the server drains or is closed, ERR_OPTION for `drain` without workers, or a `config`
   *   that is too large
   */
  async swap(protocol: ServeOptions['protocol'], options: SwapOptions = {}): Promise<void> {
    return this.#serving.swap(protocol, options, () => {
      if (this.#course.closing) throw new WasmpollError('ERR_CLOSED', 'swap: the server is closed');
    });
  }

  /**
   * The guest may connect to these from now on, and to nothing else. Connections go on, also where an upstream is gone.
   * @throws WasmpollError ERR_OPTION, ERR_TLS or ERR_CLOSED; nothing has changed then
   */
  setUpstreams(upstreams: NonNullable<ServeOptions['upstreams']>): void {
    this.#engine.setUpstreams(this.#own.setUpstreams(upstreams));
  }

  /** Puts other limits in force, also for connections that are open. @throws WasmpollError ERR_POLICY */
  adjust(limits: LiveSettings): void {
    this.#engine.adjust(checkLive(limits));
    Object.assign(this.#policy, limits);
  }

  /** Says that it is about to close: `status().state` is `leaving`, and all else goes on as before. */
  leave(): void {
    this.#course.leave();
  }

  /**
   * Drains, after `drainDelayMs` in which it is `leaving`: stops listening, closes each connection once it is quiet
   * (`drainQuietMs`), and aborts what is left after `graceMs`. Idempotent.
   * @returns `closed`
   */
  close(): Promise<void> {
    this.#course.close(this.#policy.drainDelayMs);
    return this.closed;
  }

  /** As `close`, without `drainDelayMs`, or without what is left of it. */
  drain(): Promise<void> {
    this.#course.drain();
    return this.closed;
  }

  #drain(): void {
    this.#acceptor.close();
    this.#grace = setTimeout(() => this.#engine.abort(), this.#policy.graceMs);
    this.#engine.drain();
  }

  async #finish(): Promise<void> {
    clearTimeout(this.#grace);
    this.#log.end();
    this.#last = this.#count();
    await this.#engine.close();
    await this.#own.close();
    this.#listening.close();
    this.#course.state = 'closed';
    this.#resolveClosed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
