// Threads that run a few lines of source, and end in each of the ways in which threads end.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Owner } from './process.ts';

/** The address of a file of the project, for an import in a thread's source. */
export const address = (path: string): string =>
  JSON.stringify(new URL(path, import.meta.url).href);

export const ENDS = ['terminate', 'exit', 'throw'] as const;
export type End = (typeof ENDS)[number];

/**
 * Starts a thread. Its source has `native`, `say(value)`, which tells the test something, and
 * `heard()`, which waits for the test.
 * @returns it, and what it has said first
 */
export async function thread(owner: Owner, source: string): Promise<[Worker, unknown]> {
  const all = `
    import { once } from 'node:events';
    import { parentPort } from 'node:worker_threads';
    import { native } from ${address('../../host/kernel/native.js')};
    const say = (value) => parentPort.postMessage(value);
    const heard = async () => (await once(parentPort, 'message'))[0];
    ${source}
    const how = await heard();
    if (how === 'exit') process.exit(0);
    throw new Error('on purpose');`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(all)}`));
  owner.teardown(async () => {
    await worker.terminate();
  });
  const [said] = (await once(worker, 'message')) as [unknown];
  return [worker, said];
}

/** Ends it. Resolves when it is gone, and all that it takes along. */
export async function end(worker: Worker, how: End): Promise<void> {
  const exited = new Promise((resolve) => {
    worker.once('exit', resolve);
  });
  worker.on('error', () => undefined);
  if (how === 'terminate') void worker.terminate();
  else worker.postMessage(how);
  await exited;
}
