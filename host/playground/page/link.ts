// Link: the worker that the guest runs in, one command at a time. A worker that does not answer in time is ended, and
// with it the guest and all connections. It knows nothing of what a command does.

import type { Answered, Asked, Command, View } from '../bench/messages.ts';

/** How long a guest may take for what it is asked. */
export const LIMIT_MS = 2000;
/** Compiling takes its time, too: a second for each so many bytes. */
const BYTES_A_SECOND = 1024 * 1024;
/** Loading the worker's own script, on a machine that is busy. */
const START_MS = 20_000;

/** `ended`: the worker did not answer, and is gone. `dropped`: it had been asked of a worker that is gone. */
export type Outcome =
  | { readonly is: 'answered'; readonly problem: string | null; readonly view: View }
  | { readonly is: 'ended' }
  | { readonly is: 'dropped' };

const DROPPED: Outcome = { is: 'dropped' };

export class Link {
  #worker: Promise<Worker> | null = null;
  #asked = 0;
  #before: Promise<unknown> = Promise.resolve();
  /** Counts workers: what was asked of one is not asked of the next. */
  #generation = 0;

  /** Whether there is a worker, and no command for it. */
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
      const answer = await answerOf(worker, { id: this.#asked, command });
      if (answer !== null) return { is: 'answered', ...answer };
      worker.terminate();
      this.#worker = null;
      this.#generation += 1;
      return { is: 'ended' };
    } finally {
      this.idle = true;
    }
  }
}

function limitOf(command: Command): number {
  const compiling = command.do === 'load' || command.do === 'swap';
  const bytes = compiling ? command.module.bytes.length : 0;
  return LIMIT_MS + (bytes / BYTES_A_SECOND) * 1000;
}

/** Null when none comes in time. */
function answerOf(worker: Worker, asked: Asked): Promise<Answered | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), limitOf(asked.command));
    worker.onmessage = ({ data }: MessageEvent<Answered>) => {
      if (data.id !== asked.id) return;
      clearTimeout(timer);
      resolve(data);
    };
    worker.onerror = (event) => {
      clearTimeout(timer);
      reject(new Error(event.message));
    };
    worker.postMessage(asked);
  });
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
