// Link: the worker that the guest runs in, one command at a time. A worker that does not answer in time is ended, and
// with it the guest and all connections. It knows nothing of what a command does.

import type { Answered, Asked, Command, Progress } from '../bench/messages.ts';

/** How long a guest may take for what it is asked. */
export const LIMIT_MS = 2000;
/** Compiling takes its time, too: a second for each so many bytes. */
const BYTES_A_SECOND = 1024 * 1024;
/** Loading the worker's own script, on a machine that is busy. */
const START_MS = 20_000;

/** `ended`: the worker did not answer, and is gone. `dropped`: it had been asked of a worker that is gone. */
export type Outcome =
  | ({ readonly is: 'answered' } & Omit<Answered, 'id'>)
  | { readonly is: 'ended'; readonly progress: Progress | null }
  | { readonly is: 'dropped' };

const DROPPED: Outcome = { is: 'dropped' };

export class Link {
  #worker: Promise<Worker> | null = null;
  #asked = 0;
  #before: Promise<unknown> = Promise.resolve();
  /** Counts workers: what was asked of one is not asked of the next. */
  #generation = 0;

  /** The last sign of life on the way to an answer. */
  #progress: Progress | null = null;

  /** Whether there is no command. */
  idle = true;

  /** Does it after all that was asked before. */
  ask(command: Command): Promise<Outcome> {
    const generation = this.#generation;
    const outcome = this.#before.then(() =>
      generation === this.#generation ? this.#perform(command) : DROPPED,
    );
    this.#before = outcome.catch(() => undefined);
    return outcome;
  }

  async #perform(command: Command): Promise<Outcome> {
    this.idle = false;
    try {
      this.#worker ??= start();
      const worker = await this.#worker;
      this.#asked += 1;
      this.#progress = null;
      const answer = await this.#answer(worker, { id: this.#asked, command });
      if (answer !== null) return { is: 'answered', ...answer };
      worker.terminate();
      this.#worker = null;
      this.#generation += 1;
      return { is: 'ended', progress: this.#progress };
    } finally {
      this.idle = true;
    }
  }

  /** Null when neither it nor a sign of life comes in time. */
  #answer(worker: Worker, asked: Asked): Promise<Answered | null> {
    return new Promise((resolve, reject) => {
      const limit = limitOf(asked.command);
      let timer = setTimeout(() => resolve(null), limit);
      worker.onmessage = ({ data }: MessageEvent<Answered | Progress>) => {
        if (data.id !== asked.id) return;
        clearTimeout(timer);
        if ('view' in data) resolve(data);
        else {
          this.#progress = data;
          timer = setTimeout(() => resolve(null), limit);
        }
      };
      worker.onerror = (event) => {
        clearTimeout(timer);
        reject(new Error(event.message));
      };
      worker.postMessage(asked);
    });
  }
}

function limitOf(command: Command): number {
  const bytes = 'module' in command ? command.module.bytes.length : 0;
  return LIMIT_MS + (bytes / BYTES_A_SECOND) * 1000;
}

function start(): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker('worker.js');
    const timer = setTimeout(() => reject(new Error('worker.js does not start')), START_MS);
    const settle = (done: () => void) => () => {
      clearTimeout(timer);
      done();
    };
    worker.onmessage = settle(() => resolve(worker));
    worker.onerror = settle(() => reject(new Error('worker.js cannot be loaded')));
  });
}
