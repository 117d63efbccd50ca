// Seat: one worker's place. Threads come and go; what they work on stays, in holdings.ts and
// swap.ts, and each thread borrows it. A seat knows how to start, watch and replace a thread; balance
// and drain are the supervisor's.

import { messageOf, WasmpollError } from '../../errors.ts';
import { monotonicMs } from '../../kernel/monotonic.ts';
import { Backoff } from '../backoff.ts';
import type { FromWorker, ToWorker, WorkerData } from '../messages.ts';
import type { SpareThread, Thread } from '../spare-thread.ts';
import type { Failure, SeatHoldings } from './holdings.ts';
import { SeatOutage } from './outage.ts';
import { Pulse } from './pulse.ts';
import { type Candidate, SeatSwap } from './swap.ts';
import { Watchdog } from './watchdog.ts';

// Between replacements that die before their first callback.
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 30_000;

export interface SeatObserver {
  message(seat: Seat, message: FromWorker): void;
  /** The thread ended and will be replaced. */
  died(seat: Seat, failure: Failure): void;
  /** `outage.starved` has changed. */
  starving(): void;
}

export class Seat {
  readonly index: number;
  readonly holdings: SeatHoldings;
  readonly swap: SeatSwap;
  /** The thread serves. */
  ready = false;
  /** It has said that no connection is left. */
  quiet = false;
  draining = false;
  /** Threads that were replaced. */
  restarts = 0;
  readonly outage: SeatOutage;
  readonly #pulse = new Pulse(() => {
    if (this.ready) this.post({ kind: 'look' });
  });
  readonly #threads: SpareThread;
  readonly #observer: SeatObserver;
  readonly #watchdog: Watchdog;
  readonly #ticks: NodeJS.Timeout;
  readonly #backoff = new Backoff(FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS);
  #thread: Thread | null = null;
  #hung = false;
  #error: unknown = null;
  #pause: NodeJS.Timeout | undefined;
  #closing = false;
  #closed: Promise<void> | null = null;
  #started: { resolve: () => void; reject: (error: unknown) => void } | null = null;

  /** @param module with which it starts */
  constructor(
    index: number,
    holdings: SeatHoldings,
    threads: SpareThread,
    module: WorkerData['module'],
    observer: SeatObserver,
  ) {
    this.index = index;
    this.holdings = holdings;
    this.#threads = threads;
    this.swap = new SeatSwap(module, holdings.policy);
    this.#observer = observer;
    this.outage = new SeatOutage(holdings, {
      failure: (message) => observer.message(this, { kind: 'failure', message }),
      starving: () => observer.starving(),
    });
    this.#watchdog = new Watchdog(holdings.policy.callbackTimeoutMs);
    this.#ticks = setInterval(() => this.#tick(), this.#watchdog.intervalMs).unref();
  }

  /** Starts the first thread. Rejects when its guest does not start; then only `close` may follow. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#spawn();
    });
  }

  observe(interests: SeatHoldings['interests']): void {
    this.holdings.interests = interests;
    this.post({ kind: 'observe' });
  }

  #spawn(): void {
    const { module, states, before, count } = this.swap;
    const { lent, segment, lost } = this.holdings;
    const remains =
      segment === null || states === null ? {} : { remains: { segment, states, before, ...lost } };
    const { draining } = this;
    const data: WorkerData = { ...lent, module, draining, swaps: count, ...remains };
    this.#hung = false;
    this.#error = null;
    this.quiet = false;
    this.#watchdog.reset();
    this.holdings.started();
    try {
      this.#thread = this.#threads.take();
    } catch (error) {
      this.#notStarted(error);
      return;
    }
    this.#thread.owner = {
      message: (message) => this.#receive(message as FromWorker),
      ended: (code, error) => this.#ended(code, error),
    };
    this.#thread.post(data);
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'ready') {
      this.holdings.segment ??= message.segment;
      this.swap.states ??= message.states;
      this.ready = true;
      this.outage.end();
      this.#threads.refillSoon();
      this.#started?.resolve();
      this.#started = null;
      this.swap.served(message.swaps);
      this.#pulse.started();
    } else if (message.kind === 'swapped') this.swap.served(message.swaps);
    else if (message.kind === 'prepared') this.swap.preparedWith(message.layout);
    else if (message.kind === 'dial') this.holdings.calls?.dial(message.request);
    else if (message.kind === 'cancel') this.holdings.calls?.cancel(message.handle);
    else if (message.kind === 'looked') this.#pulse.answered();
    else if (message.kind === 'unprepared') this.swap.unprepared(message.message);
    else if (message.kind === 'refused') {
      this.#error = message.error;
      void this.#thread?.terminate();
    } else this.#observer.message(this, message);
  }

  /** Resolves when its thread has served all that came before; if it does not, in a moment all the same. */
  look(): Promise<void> {
    return this.ready ? this.#pulse.look() : Promise.resolve();
  }

  /** Resolves when its thread, or one that replaces it, has turned; when it is closed, too. */
  turned(): Promise<void> {
    return this.#closing ? Promise.resolve() : this.#pulse.turned();
  }

  /**
   * First step of a swap: the worker starts an instance of the module and keeps it aside. A seat
   * whose thread is being replaced has nothing to prepare: the next one starts with the module.
   * @throws WasmpollError ERR_GUEST; nothing has changed then but what `discard` takes back
   */
  async prepare(candidate: Candidate): Promise<void> {
    this.swap.prepare(candidate);
    if (!this.ready) return;
    this.post({ kind: 'prepare', module: candidate.module });
    await this.swap.answer();
  }

  /** What was prepared is not wanted. */
  discard(): void {
    this.swap.discard();
    this.post({ kind: 'discard' });
  }

  /**
   * Second step: from here on this seat has the module that was prepared, whatever becomes of its
   * thread. Resolves when it serves with it, or when no thread comes up at once.
   */
  commit(): Promise<void> {
    const states = this.swap.commit();
    if (this.#thread === null) return Promise.resolve();
    this.post({ kind: 'commit', module: this.swap.module, states, swaps: this.swap.count });
    return this.swap.taken();
  }

  // The decision is the watchdog's; the exchange makes it true: either the callback has returned by
  // now and nothing happens, or the thread will never leave it and the segment is at rest.
  #tick(): void {
    const { control } = this.holdings;
    const { sequence } = control;
    const thread = this.#thread;
    if (thread === null || !this.#watchdog.hung(sequence, monotonicMs(), thread.ranMs)) return;
    if (!control.condemn(sequence)) return;
    this.#hung = true;
    void thread.terminate();
  }

  #ended(code: number, thrown: unknown): void {
    const [begun, served] = [this.#thread?.begun === true, this.ready];
    this.#thread = null;
    this.ready = false;
    if (this.#closing) return;
    this.#error ??= thrown;
    if (!begun || (!served && this.outage.explains(this.#error))) {
      this.#notStarted(this.#error);
      return;
    }
    const { inside, inCallback, returned, serving } = this.holdings.ended(this.#hung);
    const why = this.#why(code, inCallback);
    if (this.#started !== null) {
      this.#started.reject(this.#refusal(why));
      this.#started = null;
      return;
    }
    this.outage.begin();
    this.holdings.stats.error(this.#hung ? 'HUNG' : 'WORKER');
    this.restarts += 1;
    this.#observer.died(this, { ...serving, why, place: null });
    const { asked } = this.swap;
    // Outside a callback it was starting an instance, of the new module most likely.
    this.swap.answered(inside && !inCallback ? this.#refusal(why) : null);
    if (inCallback || returned || asked) {
      this.#backoff.reset();
      this.#spawn();
      return;
    }
    this.swap.settle();
    this.#pause = setTimeout(() => this.#spawn(), this.#backoff.next());
  }

  /** The system has no thread to give, or not what one needs. */
  #notStarted(error: unknown): void {
    const why = `no thread can be started: ${messageOf(error)}`;
    this.#thread = null;
    this.holdings.ended(false);
    if (this.#started !== null) {
      this.#started.reject(error instanceof Error ? error : new Error(why));
      this.#started = null;
      return;
    }
    this.holdings.stats.error('WORKER');
    this.swap.answered(null);
    this.swap.settle();
    const delay = this.outage.failed(why, error);
    this.#pause = setTimeout(() => this.#spawn(), delay);
  }

  #why(code: number, inCallback: boolean): string {
    if (this.#hung) {
      const what = inCallback ? 'a callback' : 'start-up';
      return `${what} did not return within ${this.holdings.policy.callbackTimeoutMs} ms`;
    }
    if (this.#error === null) return `the worker thread ended with exit code ${code}`;
    return messageOf((this.#error as { message?: unknown }).message ?? this.#error);
  }

  #refusal(why: string): Error {
    const { name } = this.swap.starting;
    return new WasmpollError('ERR_GUEST', this.#hung ? `${name}: ${why}` : why, {
      cause: this.#error,
    });
  }

  post(message: ToWorker): void {
    this.#thread?.post(message);
  }

  /** Ends the thread and closes everything; descriptors that are left are reset. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing = true;
    this.#pulse.answered();
    this.swap.answered(new WasmpollError('ERR_CLOSED', 'swap: the server is closed'));
    this.swap.settle();
    clearInterval(this.#ticks);
    clearTimeout(this.#pause);
    this.outage.end();
    await this.#thread?.terminate();
    this.holdings.close();
  }
}
