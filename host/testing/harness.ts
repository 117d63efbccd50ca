// Testing: a guest module under the production dispatch rules, without sockets, addon or threads.
// Everything that this file imports runs in a browser page; none of it knows Node.

import { REASON_SHUTDOWN } from '../../assembly/abi.ts';
import { Loopback } from '../kernel/loopback.ts';
import { TLS_AT_ONCE, TLS_LATER, TLS_LISTENERS } from '../kernel/tls-access.ts';
import { ListenerTable } from '../listen/peer/listener-table.ts';
import type { Snapshot } from '../memory/counts/stats.ts';
import { loadModule, type ModuleSource } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Failure, Observer } from '../reactor/observer.ts';
import { Reactor } from '../reactor/reactor.ts';
import type { SharedCounts } from '../shared/counts.ts';
import { type Inspection, inspect } from './inspection.ts';
import {
  type ConnectOptions,
  configBytes,
  type HarnessGround,
  type HarnessOptions,
  LISTENER,
  resolveOptions,
  type SwapOptions,
} from './options.ts';
import { Peer } from './peer.ts';
import { type EnginesStats, Program } from './program.ts';

export { StoreError, WasmpollError } from '../errors.ts';
export type { GuestMetric, GuestMetrics, Histogram, Snapshot } from '../memory/counts/stats.ts';
export type { ModuleSource } from '../module/protocol-module.ts';
export type { Policy } from '../policy.ts';
export type { Failure } from '../reactor/observer.ts';
export type { SharedCounts } from '../shared/counts.ts';
export type { Inspection } from './inspection.ts';
export type { ConnectOptions, HarnessOptions } from './options.ts';
export { Peer } from './peer.ts';
export { type HeldMessage, TestBus } from './test-bus.ts';
export { type HeldRequest, TestStore } from './test-store.ts';

/** A line that the guest has logged; the level is one of LOG_…. */
export interface LogLine {
  readonly level: number;
  readonly text: string;
}

/**
 * Loads a module and starts it on a simulated network with a virtual clock that stands at 1 ms.
 * Nothing happens between calls: each returns when the guest has done all that it can do.
 * @throws WasmpollError ERR_MODULE, ERR_GUEST or ERR_POLICY, as `serve()` does
 */
export async function harness(
  source: ModuleSource,
  options: HarnessOptions = {},
): Promise<Harness> {
  const ground = resolveOptions(options);
  const module = await loadModule(source, ground.policy, options.name);
  return new Harness(module, ground);
}

export interface HarnessStats extends Snapshot {
  /** Topics and keys, of the guest and of the test. */
  shared: SharedCounts;
  /** The options `store` and `topics`; null for what is not there. */
  engines: EnginesStats;
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
  readonly #policy: Policy;
  readonly #name: string;
  readonly #kernel = new Loopback();
  readonly #program: Program;
  readonly #reactor: Reactor;
  readonly #events = new Uint32Array(3);
  readonly #peers = new Map<number, Peer>();
  readonly #capacity = 16 * 1024 * 1024;
  readonly #listeners: ListenerTable;
  /** Their numbers, by what tells them apart. */
  readonly #numbers = new Map<string, number>();
  /** Which of them have TLS. */
  readonly #modes = new Int32Array(TLS_LISTENERS);
  #config: Uint8Array;
  #now = 1;
  #ports = 49_152;
  #opening: Peer | null = null;
  /** What a subscriber does is settled with what it was called for. */
  #settling = false;

  /** Use `harness()`. */
  constructor(
    module: Awaited<ReturnType<typeof loadModule>>,
    { policy, config, buffer, random, wallClock, engines }: HarnessGround,
  ) {
    this.#policy = policy;
    this.#name = module.name;
    this.#config = config;
    const limit = new RateLimit(policy.logLinesPerSecond, () => this.#now);
    const observer: Observer = {
      open: (connection) => {
        const peer = this.#opening ?? this.#peers.get(connection);
        if (peer === undefined) return;
        peer.connection = connection;
        this.#peers.set(connection, peer);
      },
      data: null,
      close: ({ connection, reason }) => {
        const peer = this.#peers.get(connection);
        this.#peers.delete(connection);
        if (peer !== undefined) peer.closeReason = reason;
      },
      fault: () => true,
      restart: (failure) => {
        this.traps.push(failure.why);
        this.failures.push(failure);
      },
      failure: (error) => this.traps.push(String(error)),
      log: (level, text) => limit.admit() && this.logs.push({ level, text }) > 0,
    };
    const own = { wake: () => this.#reactor.wake(), settle: () => this.settle() };
    this.#program = new Program(policy, () => this.#now, own, engines, this);
    this.store = this.#program.store;
    this.#listeners = ListenerTable.make(buffer);
    this.#reactor = new Reactor({
      kernel: this.#kernel,
      module: { ...module, config },
      policy,
      observer,
      now: () => this.#now,
      wallNow: () => wallClock + this.#now,
      random,
      listeners: this.#listeners.buffer,
      tls: { place: { id: 1, seat: 0 }, seat: this.#kernel.seat, modes: this.#modes },
      buffer,
      seat: this.#program.seat,
      routed: engines.store !== undefined,
    });
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
    const { address = `127.0.0.1:${this.#ports++}`, bufferBytes = this.#capacity } = options;
    const { listener = LISTENER, local = listener, tls = false, proxy = false } = options;
    const mode = tls !== false ? TLS_AT_ONCE : options.starttls === true ? TLS_LATER : 0;
    const number = this.#listener(listener, proxy, mode);
    const { fd, client } = this.#kernel.connect(bufferBytes, address, local);
    const peer = new Peer(client, () => this.settle());
    const facts = typeof tls === 'object' ? tls : {};
    this.#kernel.seat.facts = facts;
    this.#opening = peer;
    const handle = this.#reactor.open(fd, number);
    this.#opening = null;
    // The header comes first.
    if (proxy && tls !== false) this.#kernel.seat.expect(handle, facts);
    // Told of as open when its header has come, and its handshake is done.
    if (proxy || tls !== false) this.#peers.set(handle, peer);
    if (tls !== false && options.shakes !== false && !proxy) peer.shake();
    else this.settle();
    return peer;
  }

  #listener(name: string, proxied: boolean, mode: number): number {
    const key = `${proxied} ${mode} ${name}`;
    const number = this.#numbers.get(key) ?? this.#listeners.add({ name, proxied });
    this.#numbers.set(key, number);
    this.#modes[number] = mode;
    return number;
  }

  /**
   * Swaps the module under the live connections, as `server.swap()` does.
   * @param options `config` and `name`: others than before
   * @throws WasmpollError ERR_MODULE, ERR_GUEST or ERR_OPTION; the module before goes on then
   */
  async swap(source: ModuleSource, options: SwapOptions = {}): Promise<void> {
    const config = options.config === undefined ? this.#config : configBytes(options.config);
    const module = await loadModule(source, this.#policy, options.name ?? this.#name);
    this.#reactor.swap({ ...module, config });
    this.#config = config;
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

  /** Runs turns until nothing is ready. Every other method does so itself. */
  settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    try {
      // A turn of the guest's may be what the program's own side waits for.
      while (this.#program.turn() || this.#reactor.turn() || this.#waits());
    } finally {
      this.#settling = false;
    }
  }

  get #deadline(): number {
    return Math.min(this.#reactor.deadline, this.#program.deadline);
  }

  #waits(): boolean {
    return this.#program.waits || this.#reactor.epoll.wait(this.#events, 0) > 0;
  }
}
