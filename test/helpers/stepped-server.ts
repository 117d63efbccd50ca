// Stepped server: `serve()` of a copy of the host whose threads end at the statement that they are told. It knows how
// a thread learns of that, and not what it does until then.

import { setEnvironmentData } from 'node:worker_threads';
import { build } from 'esbuild';
import type { serve } from '../../host/index.ts';
import { steppedHost, steppedPath } from './statement-steps.ts';

const KEY = 'wasmpoll statements';
const LEFT = 0;
const NEXT = 1;

// The end of a thread by itself is that of a thread that is terminated: no statement follows, no `finally`.
const BANNER = `
const statements = require('node:worker_threads').getEnvironmentData(${JSON.stringify(KEY)});
globalThis.wasmpollStep = () => {
  if (Atomics.load(statements, ${LEFT}) <= 0 || Atomics.sub(statements, ${LEFT}, 1) !== 1) return;
  Atomics.store(statements, ${LEFT}, Atomics.exchange(statements, ${NEXT}, 0));
  process.exit(1);
};`;

/** When threads end. */
export class Statements {
  readonly #words = new Int32Array(new SharedArrayBuffer(8));

  constructor() {
    setEnvironmentData(KEY, this.#words);
  }

  /** The thread ends at the statement with this number from now on, and the one after it at the other, if it is not 0. */
  arm(first: number, second = 0): void {
    Atomics.store(this.#words, NEXT, second);
    Atomics.store(this.#words, LEFT, first);
  }

  /** All threads that were to end have ended. */
  get spent(): boolean {
    return Atomics.load(this.#words, LEFT) <= 0;
  }

  /** No thread ends from now on. */
  disarm(): void {
    this.arm(0);
  }
}

/** Loads the copy, which threads have in one script as they have the host. */
export async function steppedServe(name: string): Promise<typeof serve> {
  const load = steppedHost(name);
  const folder = steppedPath(name);
  await build({
    absWorkingDir: folder,
    entryPoints: ['host/threads/worker.js', 'host/wasi/preview1/worker.js'],
    outdir: '.',
    outbase: '.',
    outExtension: { '.js': '.cjs' },
    banner: { js: BANNER },
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    logLevel: 'error',
  });
  const host = (await load('host/index')) as { serve: typeof serve };
  return host.serve;
}
