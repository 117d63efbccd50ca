// CommandThread: the thread in which a command runs. It starts it, tells it to stop, and says how it
// ended; when that is wanted, it does not know.

import { messageOf } from '../errors.ts';
import { makeEventFd, ringEventFd } from '../kernel/event-fd.ts';
import type { Native } from '../kernel/native.ts';
import { readScript, Thread } from '../threads/thread.ts';
import {
  CONTROL_CONNECTIONS,
  CONTROL_RUNS,
  CONTROL_STOP,
  CONTROL_WORDS,
  RUN_ENDS,
  RUN_STOPS,
} from './preview1/waiter.ts';
import type { FromRun, RunData } from './preview1/worker.ts';

const script = readScript(new URL('./preview1/worker.cjs', import.meta.url));

/** How a command ended; null if it did not, and was terminated. */
export type End = FromRun | null;

export class CommandThread {
  /** Resolves when the thread is gone. */
  readonly ended: Promise<End>;
  readonly #native: Native;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
  readonly #wake: number;
  readonly #thread: Thread;

  /** @throws an Error in Node's form when the system refuses */
  constructor(native: Native, data: Omit<RunData, 'addon' | 'control' | 'wake' | 'owner'>) {
    this.#native = native;
    this.#wake = makeEventFd(native);
    const control = this.#control.buffer as SharedArrayBuffer;
    try {
      const { owner } = native;
      const own = { ...data, control, wake: this.#wake, owner } satisfies Omit<RunData, 'addon'>;
      this.#thread = new Thread(native, script, own);
    } catch (error) {
      native.close(this.#wake);
      throw error;
    }
    this.ended = this.#end();
  }

  async #end(): Promise<End> {
    let end: End = null;
    await new Promise<void>((resolve) => {
      this.#thread.owner = {
        message: (message) => {
          end = message as FromRun;
        },
        ended: (_, error) => {
          if (error !== null) end = { kind: 'trapped', message: messageOf(error), memoryBytes: 0 };
          resolve();
        },
      };
    });
    this.#native.close(this.#wake);
    return end;
  }

  /** Whether the thread is gone: it has no eventfd any more. */
  get over(): boolean {
    return this.#thread.ended;
  }

  /** Nothing new is accepted; see RUN_STOPS. */
  stop(): void {
    this.#tell(RUN_STOPS);
  }

  /** Whether the command runs, and has no connection open. */
  get idle(): boolean {
    const runs = Atomics.load(this.#control, CONTROL_RUNS) === 1;
    return runs && Atomics.load(this.#control, CONTROL_CONNECTIONS) === 0;
  }

  /** The command ends at its next call, or in the call in which it waits. */
  end(): void {
    this.#tell(RUN_ENDS);
  }

  /** Whatever the command does ends. */
  terminate(): void {
    void this.#thread.terminate();
  }

  // The word first: whoever is woken finds it there.
  #tell(what: number): void {
    Atomics.store(this.#control, CONTROL_STOP, what);
    if (!this.over) ringEventFd(this.#native, this.#wake);
  }
}
