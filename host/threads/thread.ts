// Thread: how every thread of the package is started, and what its owner hears of it. The script is a text
// that was read before: a thread needs no file to start. It knows no guest and no message but the first.

import { readFileSync, realpathSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { checkDescriptors, THREAD_DESCRIPTORS } from '../kernel/descriptors.ts';
import type { Native } from '../kernel/native.ts';

// A thread's JavaScript heap holds the host's own objects, no connection's data.
const HEAP_MB = 128;

const NANOSECONDS_OF_MS = 1e6;
const MS_OF_HIGH_HALF = 2 ** 32 / NANOSECONDS_OF_MS;

/** What a thread that may be kept ready says first, with its clock; its owner hears `begun`. */
export interface Begun {
  /** From `threadClock()`. */
  readonly begun: number;
}

/** Reads a script for threads; scripts/bundle.mjs has made it, with all that it imports. */
export const readScript = (url: URL): string =>
  `${readFileSync(url, 'utf8')}\n//# sourceURL=${url.href}`;

export interface ThreadOwner {
  /** Its script runs. */
  begun?(): void;
  message(message: unknown): void;
  /** @param error what the thread threw, or why it did not start; null when it was terminated */
  ended(code: number, error: unknown): void;
}

export class Thread {
  /** Whoever is told; nobody when it is null. */
  owner: ThreadOwner | null = null;
  /** Its script runs, or has run: it had all that a thread needs. */
  begun = false;
  ended = false;
  readonly #worker: Worker;
  readonly #native: Native;
  readonly #time = new Uint32Array(2);
  /** As long as it is not known, 0. */
  #clock = 0;
  #error: unknown = null;

  /**
   * Starts a thread.
   * @param script from `readScript`
   * @param data for the script, structured-cloneable
   * @throws an Error when the system has no thread, or too few descriptors for one
   */
  constructor(native: Native, script: string, data: object) {
    // A thread that cannot open what it needs leaves an epoll behind, which nobody could close.
    checkDescriptors(native, THREAD_DESCRIPTORS);
    leaveMissingFolder();
    this.#native = native;
    this.#worker = new Worker(script, {
      eval: true,
      workerData: { ...data, addon: native.file },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      // Flags, arguments and preloads of the program that embeds the package are none of its business.
      execArgv: [],
      argv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#worker.on('message', (message: Partial<Begun>) => {
      if (message.begun === undefined) {
        this.owner?.message(message);
        return;
      }
      this.begun = true;
      this.#clock = message.begun;
      this.owner?.begun?.();
    });
    this.#worker.on('error', (error) => {
      this.#error = error;
    });
    this.#worker.on('exit', (code) => {
      this.ended = true;
      this.owner?.ended(code, this.#error);
    });
  }

  /** Milliseconds that it has run on a processor; NaN when nobody knows. */
  get ranMs(): number {
    const time = this.#time;
    if (this.#clock === 0 || this.#native.clockTime(this.#clock, time) < 0) return NaN;
    return time[1]! * MS_OF_HIGH_HALF + time[0]! / NANOSECONDS_OF_MS;
  }

  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  /** Whether the process stays alive for it. */
  set counts(counts: boolean) {
    if (counts) this.#worker.ref();
    else this.#worker.unref();
  }

  /** Resolves when it is gone. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

// No thread starts in a folder that was deleted. Relative paths lead nowhere from there: nothing is lost by
// leaving it. process.cwd() would not tell, it remembers.
function leaveMissingFolder(): void {
  try {
    realpathSync.native('.');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') process.chdir('/');
  }
}
