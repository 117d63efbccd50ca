// Position: one worker's place. It outlives the threads in it: the epoll with its registrations, the
// segment, the control words and the descriptors on their way belong to it, and each thread borrows
// them. It knows how to start, watch and replace one; balance and drain are the supervisor's.

import { Worker } from 'node:worker_threads';
import { REASON_HUNG, REASON_TRAP } from '../../assembly/abi.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Epoll } from '../kernel/contract.ts';
import { monotonicMs } from '../kernel/monotonic.ts';
import type { Native } from '../kernel/native.ts';
import { Control } from '../memory/control-words.ts';
import { COLUMNS, FD, FLAGS, OPEN } from '../memory/layout.ts';
import { type Layout, type StateBlocks, statesAfter } from '../memory/state-blocks.ts';
import { Stats } from '../memory/stats.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import { bitsOf, type Interests, interestsOf } from './engine.ts';
import { Watchdog } from './watchdog.ts';
import type { FromWorker, ToWorker, WorkerData } from './worker.ts';

const script = new URL('./worker.js', import.meta.url);

// A thread's JavaScript heap holds the host's own objects, no connection's data.
const HEAP_MB = 128;

// Replacements that die before their first callback: 1 s, doubled up to 30 s, with jitter so that
// positions do not fall into step.
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 30_000;

const NOBODY = { slot: -1, reason: REASON_TRAP };

export interface PositionObserver {
  message(position: Position, message: FromWorker): void;
  /** The thread ended and will be replaced. */
  died(position: Position, why: string): void;
}

export class Position {
  readonly index: number;
  readonly stats: Stats;
  /** The thread serves. */
  ready = false;
  /** It has said that no connection is left. */
  quiet = false;
  draining = false;
  /** Threads that were replaced. */
  restarts = 0;
  readonly #native: Native;
  #module: GuestModule;
  readonly #policy: Policy;
  readonly #observer: PositionObserver;
  readonly #control: Control;
  readonly #epoll: Epoll;
  readonly #eventFd: number;
  readonly #watchdog: Watchdog;
  readonly #ticks: NodeJS.Timeout;
  #worker: Worker | null = null;
  #segment: SharedArrayBuffer | null = null;
  #states: StateBlocks | null = null;
  /** The state blocks before a swap that may not be finished. */
  #before: StateBlocks | null = null;
  /** What was prepared: with it the next thread starts once it is committed. */
  #next: { readonly module: GuestModule; readonly states: StateBlocks } | null = null;
  #swaps = 0;
  #prepared: { resolve: () => void; reject: (error: unknown) => void } | null = null;
  #committed: (() => void) | null = null;
  #handed = 0;
  /** In whose callback a thread ended, as long as no successor has taken note of it. */
  #lost = NOBODY;
  #hung = false;
  #error: unknown = null;
  #backoffMs = FIRST_BACKOFF_MS;
  #callbacksAtStart = 0;
  #pause: NodeJS.Timeout | undefined;
  #closing = false;
  #closed: Promise<void> | null = null;
  #started: { resolve: () => void; reject: (error: unknown) => void } | null = null;

  constructor(parts: {
    index: number;
    native: Native;
    module: GuestModule;
    policy: Policy;
    observer: PositionObserver;
  }) {
    this.index = parts.index;
    this.#native = parts.native;
    this.#module = parts.module;
    this.#policy = parts.policy;
    this.#observer = parts.observer;
    this.#control = new Control(new SharedArrayBuffer(Control.bytes));
    this.stats = new Stats(this.#control.counts);
    this.#epoll = parts.native.epoll();
    this.#eventFd = parts.native.eventfd(0);
    this.#epoll.add(this.#eventFd, parts.native.constants.EPOLLIN, 0, 0);
    this.#watchdog = new Watchdog(parts.policy.callbackTimeoutMs);
    this.#ticks = setInterval(() => this.#tick(), this.#watchdog.intervalMs);
    this.#ticks.unref();
  }

  /** Starts the first thread. Rejects when its guest does not start; then only `close` may follow. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#spawn();
    });
  }

  get interests(): Interests {
    return interestsOf(this.#control.interests);
  }

  set interests(interests: Interests) {
    this.#control.interests = bitsOf(interests);
    this.post({ kind: 'observe' });
  }

  #spawn(): void {
    const data: WorkerData = {
      module: this.#module,
      policy: this.#policy,
      control: this.#control.buffer as SharedArrayBuffer,
      epollFd: this.#epoll.fd,
      eventFd: this.#eventFd,
      draining: this.draining,
      swaps: this.#swaps,
      ...(this.#segment === null || this.#states === null
        ? {}
        : {
            left: {
              segment: this.#segment,
              states: this.#states,
              before: this.#before,
              ...this.#lost,
            },
          }),
    };
    this.#hung = false;
    this.#error = null;
    this.quiet = false;
    this.#watchdog.reset();
    this.#callbacksAtStart = this.#control.callbacks;
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB };
    // Flags of the program that embeds the server are none of a worker's business.
    this.#worker = new Worker(script, { workerData: data, resourceLimits, execArgv: [], argv: [] });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.once('error', (error) => {
      this.#error = error;
    });
    this.#worker.once('exit', (code) => this.#exited(code));
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'ready') {
      this.#segment ??= message.segment;
      this.#states ??= message.states;
      this.ready = true;
      this.#started?.resolve();
      this.#started = null;
      this.#swapped(message.swaps);
    } else if (message.kind === 'swapped') this.#swapped(message.swaps);
    else if (message.kind === 'prepared') this.#answered(this.#refusalOf(message.layout));
    else if (message.kind === 'unprepared') {
      this.#answered(new WasmpollError('ERR_GUEST', message.message));
    } else if (message.kind === 'refused') {
      this.#error = message.error;
      void this.#worker?.terminate();
    } else this.#observer.message(this, message);
  }

  /** The layout of the state blocks that connections have here. */
  get layout(): Layout {
    return this.#states!;
  }

  /**
   * First step of a swap: the worker starts an instance of the module and keeps it aside. A place
   * whose thread is being replaced has nothing to prepare: the next one starts with the module.
   * @throws WasmpollError ERR_GUEST; nothing has changed then but what `discard` takes back
   */
  async prepare(module: GuestModule, layout: Layout): Promise<void> {
    if (this.#before !== null) {
      const why = 'a worker is still taking over from the swap before; try again';
      throw new WasmpollError('ERR_GUEST', `${module.name}: ${why}`);
    }
    const { maxConnections } = this.#policy;
    const states = statesAfter(this.#states!, layout, maxConnections, SharedArrayBuffer);
    this.#next = { module, states };
    if (!this.ready) return;
    await new Promise<void>((resolve, reject) => {
      this.#prepared = { resolve, reject };
      this.post({ kind: 'prepare', module });
    });
  }

  /** What was prepared is not wanted. */
  discard(): void {
    this.#next = null;
    this.post({ kind: 'discard' });
  }

  /**
   * Second step: from here on this place has the module that was prepared, whatever becomes of its
   * thread. Resolves when it serves with it, or when no thread comes up at once.
   */
  commit(): Promise<void> {
    const { module, states } = this.#next!;
    this.#next = null;
    this.#module = module;
    if (states !== this.#states) this.#before = this.#states;
    this.#states = states;
    this.#swaps += 1;
    if (this.#worker === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#committed = resolve;
      this.post({ kind: 'commit', module, states, swaps: this.#swaps });
    });
  }

  #refusalOf({ bytes, version }: Layout): Error | null {
    const states = this.#next?.states;
    if (states === undefined || (states.bytes === bytes && states.version === version)) return null;
    return new WasmpollError('ERR_GUEST', 'state_size() or state_version() is not always the same');
  }

  #answered(refusal: Error | null): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (refusal === null) prepared?.resolve();
    else prepared?.reject(refusal);
  }

  // A thread that began before the swap says less than is wanted.
  #swapped(swaps: number): void {
    if (swaps !== this.#swaps) return;
    this.#before = null;
    this.#settle();
  }

  #settle(): void {
    this.#committed?.();
    this.#committed = null;
  }

  // The decision is the watchdog's; the exchange makes it true: either the callback has returned by
  // now and nothing happens, or the thread will never leave it and the segment is at rest.
  #tick(): void {
    const { sequence } = this.#control;
    if (this.#worker === null || !this.#watchdog.hung(sequence, monotonicMs())) return;
    if (!this.#control.condemn(sequence)) return;
    this.#hung = true;
    void this.#worker.terminate();
  }

  #exited(code: number): void {
    this.#worker = null;
    this.ready = false;
    if (this.#closing) return;
    const { inside } = this.#control;
    const inCallback = inside && this.#control.slot >= 0;
    if (inCallback) {
      this.#lost = { slot: this.#control.slot, reason: this.#hung ? REASON_HUNG : REASON_TRAP };
    } else if (this.#control.hasRecovered) this.#lost = NOBODY;
    const served = this.#control.callbacks !== this.#callbacksAtStart;
    this.#control.reset();
    const why = this.#why(code, inCallback);
    if (this.#started !== null) {
      this.#started.reject(this.#refusal(why));
      this.#started = null;
      return;
    }
    this.stats.error(this.#hung ? 'HUNG' : 'WORKER');
    this.restarts += 1;
    this.#observer.died(this, why);
    const asked = this.#prepared !== null;
    // Outside a callback it was starting an instance, of the new module most likely.
    this.#answered(inside && !inCallback ? this.#refusal(why) : null);
    if (inCallback || served || asked) {
      this.#backoffMs = FIRST_BACKOFF_MS;
      this.#spawn();
      return;
    }
    this.#settle();
    const delay = this.#backoffMs * (0.75 + Math.random() / 2);
    this.#backoffMs = Math.min(LONGEST_BACKOFF_MS, this.#backoffMs * 2);
    this.#pause = setTimeout(() => this.#spawn(), delay);
  }

  #why(code: number, inCallback: boolean): string {
    if (this.#hung) {
      const what = inCallback ? 'a callback' : 'start-up';
      return `${what} did not return within ${this.#policy.callbackTimeoutMs} ms`;
    }
    if (this.#error === null) return `the worker thread ended with exit code ${code}`;
    return messageOf((this.#error as { message?: unknown }).message ?? this.#error);
  }

  #refusal(why: string): Error {
    const { name } = this.#next?.module ?? this.#module;
    return new WasmpollError('ERR_GUEST', this.#hung ? `${name}: ${why}` : why, {
      cause: this.#error,
    });
  }

  /** Descriptors that are open here or on their way. */
  get load(): number {
    return (this.#handed - this.#control.finishedCount) | 0;
  }

  /** @returns false when too many are on their way; the descriptor stays the caller's then */
  hand(fd: number): boolean {
    if (!this.#control.hand(fd)) return false;
    this.#handed = (this.#handed + 1) | 0;
    this.#native.write(this.#eventFd, ONE, 0, ONE.length);
    return true;
  }

  post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  /** Ends the thread and closes everything; descriptors that are left are reset. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    this.#answered(new WasmpollError('ERR_CLOSED', 'swap: the server is closed'));
    this.#settle();
    clearInterval(this.#ticks);
    clearTimeout(this.#pause);
    await this.#worker?.terminate();
    this.#resetLeft();
    this.#epoll.close();
    this.#native.close(this.#eventFd);
  }

  #resetLeft(): void {
    for (let fd = this.#control.take(); fd >= 0; fd = this.#control.take()) this.#native.close(fd);
    if (this.#segment === null) return;
    const rows = this.#policy.maxConnections;
    const table = new Int32Array(this.#segment, 0, rows * COLUMNS);
    for (let slot = 0; slot < rows; slot += 1) {
      const fd = table[slot * COLUMNS + FD]!;
      if ((table[slot * COLUMNS + FLAGS]! & OPEN) !== 0 && fd >= 0) this.#native.reset(fd);
    }
  }
}

/** What is written to an eventfd: 1 as u64, in the machine's order. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
