// Spare thread: one that is loaded and parked, so that a replacement needs no time, no file and no
// descriptor. It knows how to keep one ready; what a thread is used for it does not know.

import { checkDescriptors, THREAD_DESCRIPTORS } from '../kernel/descriptors.ts';
import type { Native } from '../kernel/native.ts';
import { Backoff } from './backoff.ts';
import { readScript, Thread } from './thread.ts';

export type { Thread } from './thread.ts';

const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 5000;
// A thread that starts takes some 50 ms of a processor. Those whom a replacement has kept waiting come first.
const CALM_MS = 100;

export class SpareThread {
  readonly #script = readScript(new URL('./worker.cjs', import.meta.url));
  readonly #native: Native;
  readonly #backoff = new Backoff(FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS);
  #thread: Thread | null = null;
  #pause: NodeJS.Timeout | undefined;
  #settled: () => void = () => undefined;
  #closed = false;

  constructor(native: Native) {
    this.#native = native;
  }

  /**
   * Makes sure that so many threads can be started at once.
   * @throws a SystemError when there are too few descriptors
   */
  check(threads: number): void {
    checkDescriptors(this.#native, threads * THREAD_DESCRIPTORS);
  }

  /**
   * The parked thread, or a new one. It is for one use; `refill` or `refillSoon` is to be called when that has begun.
   * @throws an Error when the system has no thread
   */
  take(): Thread {
    const thread = this.#thread;
    if (thread?.begun !== true) return new Thread(this.#native, this.#script, {});
    this.#thread = null;
    thread.owner = null;
    thread.counts = true;
    return thread;
  }

  /** As `refill`, but in a moment. */
  refillSoon(): void {
    if (this.#closed || this.#thread !== null || this.#pause !== undefined) return;
    this.#refillIn(CALM_MS);
  }

  /** Makes a new one ready, unless there is one. When it fails it tries again by itself. */
  refill(): void {
    if (this.#closed || this.#thread !== null || this.#pause !== undefined) return;
    try {
      const thread = new Thread(this.#native, this.#script, {});
      this.#thread = thread;
      thread.counts = false;
      thread.owner = {
        begun: () => this.#begun(),
        message: () => undefined,
        ended: () => this.#retry(),
      };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#retry();
    }
  }

  #begun(): void {
    this.#backoff.reset();
    this.#settled();
  }

  #retry(): void {
    this.#thread = null;
    this.#settled();
    if (!this.#closed) this.#refillIn(this.#backoff.next());
  }

  #refillIn(ms: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.refill();
    }, ms).unref();
  }

  /** Resolves when there is one, or when the try to make one has failed. */
  ready(): Promise<void> {
    if (this.#thread?.begun !== false) return Promise.resolve();
    return new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    await this.#thread?.terminate();
  }
}
