// Testing: a guest module under the production dispatch rules, without sockets, addon or threads.
// Everything that this file imports runs in a browser page; none of it knows Node.

import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import type { RecordedCall } from '../guest/recorded-call.ts';
import { Loopback } from '../kernel/loopback/loopback.ts';
import { loadModule, type ModuleSource } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Failure, Observer } from '../reactor/observer.ts';
import { Reactor } from '../reactor/reactor.ts';
import { Entrance } from './entrance.ts';
import { type Inspection, inspect } from './inspection.ts';
import {
  type ConnectOptions,
  configBytes,
  type HarnessGround,
  type HarnessOptions,
  type HarnessStats,
  type LogLine,
  resolveOptions,
  type SwapOptions,
} from './options.ts';
import type { Peer } from './peer.ts';
import { Peers } from './peers.ts';
import { Program } from './program.ts';
import { makeNotes, recordingsOf } from './recordings.ts';
import { Settling } from './settling.ts';
import type { Upstream } from './upstream.ts';
import { Upstreams } from './upstreams.ts';

export { StoreError, WasmpollError } from '../errors.ts';
export type { Policy } from '../policy.ts';
export type { Failure } from '../reactor/observer.ts';
export type { Inspection } from './inspection.ts';
export type { ConnectOptions, HarnessOptions, HarnessStats, LogLine } from './options.ts';
export { type HeldMessage, TestBus } from './outside/test-bus.ts';
export { type HeldRequest, TestStore } from './outside/test-store.ts';
export { Peer } from './peer.ts';

/**
 * Loads a module and starts it on a simulated network with a virtual clock that stands at 1 ms.
 * Nothing happens between calls: each returns when the guest has done all that it can do.
 * @throws WasmpollError ERR_MODULE, ERR_GUEST or ERR_POLICY, as `serve()` does
 */
export async function harness(
  source: ModuleSource,
  options: HarnessOptions = {},
): Promise<Harness> {
  return (await harnesses(source, options))();
}

/** Loads a module as `harness()` does. @returns each call is a fresh one, which throws ERR_GUEST */
export async function harnesses(
  source: ModuleSource,
  options: HarnessOptions = {},
): Promise<() => Harness> {
  const { policy } = resolveOptions(options);
  const module = await loadModule(source, policy, options.name);
  return () => new Harness(module, resolveOptions(options));
}

export class Harness {
  /** Lines that the guest has logged. */
  readonly logs: LogLine[] = [];
  /** Why the guest was replaced, once for each time. */
  readonly traps: string[] = [];
  /** The same, with what else is known. */
  readonly failures: Failure[] = [];
  /** The store, as `server.store` is. A promise settles when the call returns that has brought the answer. */
  readonly store: Program['store'];
  /** Called before each round: in it `trap()` and `renew()` come between two callbacks. */
  between: (() => void) | null = null;
  readonly #policy: Policy;
  readonly #kernel = new Loopback();
  readonly #program: Program;
  readonly #reactor: Reactor;
  readonly #events = new Uint32Array(3);
  readonly #peers = new Peers();
  readonly #settling: Settling;
  readonly #entrance: Entrance;
  readonly #upstreams: Upstreams;
  #module: Awaited<ReturnType<typeof loadModule>>;
  #config: Uint8Array;
  #now = 1;

  /** Use `harness()`. */
  constructor(
    module: Awaited<ReturnType<typeof loadModule>>,
    { policy, config, buffer, random, wallClock, engines, upstreams, record }: HarnessGround,
  ) {
    this.#policy = policy;
    this.#module = module;
    this.#config = config;
    const now = (): number => this.#now;
    const limit = new RateLimit(policy.logLinesPerSecond, now);
    const observer: Observer = {
      open: (connection) => this.#peers.opened(connection),
      data: null,
      close: (ending) => this.#peers.closed(ending),
      fault: () => true,
      restart: (failure) => {
        this.traps.push(failure.why);
        this.failures.push(failure);
      },
      failure: (error) => this.traps.push(String(error)),
      log: (level, text) => limit.admit() && this.logs.push({ level, text }) > 0,
    };
    const own = { wake: () => this.#reactor.wake(), settle: () => this.settle() };
    this.#program = new Program(policy, now, own, engines, this);
    this.store = this.#program.store;
    this.#entrance = new Entrance(this.#kernel, this.#peers, buffer, own.settle);
    const { modes } = this.#entrance;
    this.#upstreams = new Upstreams(upstreams, {
      ...{ ...own, now, kernel: this.#kernel, peers: this.#peers, buffer, modes },
      answer: (...given) => this.#reactor.answer(...given),
    });
    this.#settling = new Settling(buffer, policy.maxConnections);
    this.#reactor = new Reactor({
      ...{ kernel: this.#kernel, module: { ...module, config }, policy, observer, now },
      ...{ wallNow: () => wallClock + this.#now, random, control: this.#settling.control },
      listeners: this.#entrance.buffer,
      tls: { place: { id: 1, seat: 0 }, seat: this.#kernel.seat, modes },
      buffer,
      seat: this.#program.seat,
      routed: engines.store !== undefined,
      ...(record && makeNotes(policy, buffer)),
      upstreams: this.#upstreams.access,
      signalled: () => this.#reactor.openHanded(),
    });
  }

  /** With the option `record`: texts for `replayRecording`, one for each failure; the same once a minute. */
  get recordings(): readonly string[] {
    return recordingsOf(this.failures, this.#module.name, this.#policy);
  }

  /** The virtual clock, in milliseconds. */
  get now(): number {
    return this.#now;
  }

  stats(): HarnessStats {
    const { counts: shared, engines } = this.#program;
    return { ...this.#reactor.snapshot(), shared, engines };
  }

  /** What is known of a connection, by its `Peer.connection`; null once it is over. */
  inspect(connection: number): Inspection | null {
    return inspect(this.#reactor, this.#policy.maxConnections, connection);
  }

  /** Messages that the test has missed, by topic, as `server.on('missed')` tells. */
  get missed(): readonly string[] {
    return this.#program.missed;
  }

  /**
   * Has the handler called with what is published to the topic from now on, as `server.subscribe()` does.
   * @param options `pattern`: the topic has `+` and `#`
   * @returns stops it
   */
  subscribe(...args: Parameters<Program['subscribe']>): () => void {
    return this.#program.subscribe(...args);
  }

  /** Publishes, as `server.publish()` does. */
  publish(...args: Parameters<Program['publish']>): void {
    this.#program.publish(...args);
  }

  /**
   * Gives one connection a message, as `server.send()` does.
   * @param connection `Peer.connection`
   * @returns whether it is on its way
   */
  send(connection: number, topic: string, data: string | Uint8Array): boolean {
    return this.#program.send(this.#reactor.has(connection), connection, topic, data);
  }

  /**
   * Connects a peer. Its receive buffer and the server's hold `bufferBytes` each (16 MiB by
   * default): with a small one the guest meets a peer that does not read.
   */
  connect(options: ConnectOptions = {}): Peer {
    return this.#entrance.connect(options, (fd, listener) => this.#reactor.open(fd, listener));
  }

  /**
   * The upstream of that name, which the test plays. It accepts until it is told to do something else.
   * @throws WasmpollError ERR_OPTION if the harness was made without it
   */
  upstream(name: string): Upstream {
    return this.#upstreams.named(name);
  }

  /**
   * Swaps the module under the live connections, as `server.swap()` does.
   * @param options `config` and `name`: others than before
   * @throws WasmpollError ERR_MODULE, ERR_GUEST or ERR_OPTION; the module before goes on then
   */
  async swap(source: ModuleSource, options: SwapOptions = {}): Promise<void> {
    const config = options.config === undefined ? this.#config : configBytes(options.config);
    const name = options.name ?? this.#module.name;
    const module = await loadModule(source, this.#policy, name);
    this.#reactor.swap({ ...module, config });
    this.#module = module;
    this.#config = config;
    this.settle();
  }

  /** Swaps the module for itself: a fresh instance goes on, as one does after `swap()`. */
  renew(): void {
    this.#reactor.swap({ ...this.#module, config: this.#config });
    this.settle();
  }

  /** The guest fails in a callback that belongs to no connection: all are kept, and a fresh instance goes on. */
  trap(why = 'a trap of the test'): void {
    this.#reactor.rehearsal.fail(why);
    this.settle();
  }

  /** Moves the clock on; every timer that runs out meanwhile does so at its time. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#deadline; next <= end; next = this.#deadline) {
      this.#now = Math.max(this.#now, next);
      this.settle();
    }
    this.#now = end;
    this.settle();
  }

  /** Begins the server's drain: connections are closed once they are quiet. */
  drain(): void {
    this.#reactor.drain();
    this.settle();
  }

  /** Aborts what is left, as the end of the drain's grace does. */
  abort(): void {
    this.#reactor.abort(REASON_SHUTDOWN);
    this.settle();
  }

  /**
   * Runs turns until nothing is ready, as every other method does.
   * @throws WasmpollError ERR_GUEST when callbacks cause each other without end
   */
  settle(): void {
    // A turn of the guest's may be what the program's own side waits for.
    const [program, upstreams] = [this.#program, this.#upstreams];
    const some = (): boolean => program.turn() || upstreams.turn() || this.#turn() || this.#waits();
    this.#settling.run(some, this.#now);
  }

  #turn(): boolean {
    if (this.between === null) return this.#reactor.turn();
    this.between();
    this.#reactor.serve(0);
    return this.#reactor.ready;
  }

  /** A fresh instance is given what is recorded of a callback, for the first connection. See `replay`. */
  repeat(call: RecordedCall): void {
    this.#reactor.rehearsal.repeat(call, this, this.#entrance);
    this.settle();
  }

  get #deadline(): number {
    const parts = [this.#reactor, this.#program, this.#upstreams];
    return Math.min(...parts.map(({ deadline }) => deadline));
  }

  #waits(): boolean {
    const events = this.#reactor.epoll.wait(this.#events, 0);
    return events > 0 || this.#program.waits || this.#upstreams.waits;
  }
}
