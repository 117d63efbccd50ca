// Develop: builds, serves, waits for what is saved, and swaps, until a signal comes. What does not compile, and what
// the server refuses, leaves the module that is there in service.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Builder, type Built, writeModule } from '../../compiler/build.ts';
import { changed } from '../../compiler/watch.ts';
import { messageOf, TakeoverError, WasmpollError } from '../../errors.ts';
import { type Policy, resolvePolicy } from '../../policy.ts';
import type { Project } from '../../projects/project.ts';
import { serve } from '../../server/serve.ts';
import type { Server } from '../../server/server.ts';
import { report } from '../command-line.ts';
import { readConfig } from '../config-file.ts';
import { type Operation, operate } from '../operation.ts';
import type { Signals } from '../signals.ts';
import { tell } from './build.ts';
import type { DevFlags } from './dev.ts';

type Options = Omit<DevFlags, 'listen'> & {
  readonly listen: readonly string[];
  readonly policy: Partial<Policy>;
};

// Whoever works on a protocol and ends its server does not wait for clients that do nothing.
const QUICK: Partial<Policy> = { graceMs: 1000, drainQuietMs: 0 };

/** Resolves when the server has drained after a signal. */
export async function develop(project: Project, options: Options, signals: Signals): Promise<void> {
  const policy = { ...QUICK, ...options.policy };
  const { folder, source, module } = project;
  const output = path.basename(module);
  const limits = resolvePolicy(policy);
  const builder = new Builder({ folder, source, output, limits, quick: true });
  const scratch = await mkdtemp(path.join(tmpdir(), 'wasmpoll-dev-'));
  // A second signal ends the process at once.
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const { logLevel: level, logFormat: format, accessLog: access } = options;
  const around = { level, ...(format && { format }), ...(access && { access }) };
  try {
    await operate(around, signals, async (operation) => {
      const served = new Served({ ...options, policy }, operation, scratch);
      await loop(builder, served, output, signals);
      await served.end();
    });
  } finally {
    builder.close();
    process.stdin.destroy();
  }
}

async function loop(
  builder: Builder,
  served: Served,
  output: string,
  { stop }: Signals,
): Promise<void> {
  for (let builds = 1; !stop.aborted; builds += 1) {
    const began = performance.now();
    const built = await builder.build();
    if (stop.aborted) return;
    tell(built);
    if (built.ok && built.module !== null) {
      report(`${output}: built in ${Math.round(performance.now() - began)} ms`);
      await served.serve(output, built.module);
    } else if (served.isThere) report('the module before goes on');
    if (builds === 1) void builder.warm().catch(() => undefined);
    const waiting = new AbortController();
    const ended = (): void => waiting.abort();
    stop.addEventListener('abort', ended);
    const enter = served.offer(waiting.signal);
    await changed(built.files, waiting.signal);
    stop.removeEventListener('abort', ended);
    waiting.abort();
    await enter;
  }
}

/** What is served now, from a folder of its own: the source map of what is refused belongs to nobody. */
class Served {
  readonly #options: Options;
  readonly #operation: Operation;
  readonly #scratch: string;
  #server: Server | null = null;
  #builds = 0;
  /** Where the module lies that is served. */
  #folder: string | null = null;
  /** A module that cannot take over the connections there are. */
  #other: string | null = null;

  constructor(options: Options, operation: Operation, scratch: string) {
    this.#options = options;
    this.#operation = operation;
    this.#scratch = scratch;
  }

  get isThere(): boolean {
    return this.#server !== null;
  }

  /** Serves the module, in the place of the one before. What is wrong with it is told. */
  async serve(output: string, module: NonNullable<Built['module']>): Promise<void> {
    this.#builds += 1;
    this.#other = null;
    const folder = path.join(this.#scratch, String(this.#builds));
    const file = await writeModule(folder, output, module);
    try {
      if (this.#server === null) await this.#start(file);
      else await this.#server.swap(file, { config: await readConfig(this.#options) });
      await this.#took(folder);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ERR_CLOSED' || this.#operation.signals.stop.aborted) return;
      if (code !== 'ERR_GUEST' && code !== 'ERR_MODULE') throw error;
      report(`refused: ${messageOf(error)}`);
      if (error instanceof TakeoverError) this.#other = file;
    }
  }

  async #start(protocol: string): Promise<void> {
    const { listen, policy, logData, store, topics, upstream: upstreams } = this.#options;
    const { logger, signals } = this.#operation;
    const server = await serve({
      ...{ protocol, listen, policy, logger, signal: signals.stop },
      config: await readConfig(this.#options),
      ...(logData && { logData }),
      ...(store && { store }),
      ...(topics && { topics }),
      ...(upstreams && { upstreams }),
    });
    this.#server = server;
    this.#operation.watch(path.basename(protocol, '.wasm'), server);
    for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
  }

  /** The module in the folder is served, and the one before is wanted no more. */
  async #took(folder: string): Promise<void> {
    const before = this.#folder;
    this.#folder = folder;
    if (before !== null) await rm(before, { recursive: true, force: true });
  }

  /** Until the signal: a module that cannot take over is served once Enter is pressed, and connections end. */
  async offer(signal: AbortSignal): Promise<void> {
    const file = this.#other;
    if (file === null) return;
    report('press Enter to restart with it: connections are closed');
    if (!(await entered(signal))) return;
    try {
      await this.#server?.swap(file, { drain: true, config: await readConfig(this.#options) });
      await this.#took(path.dirname(file));
    } catch (error) {
      if (!(error instanceof WasmpollError)) throw error;
      report(`refused: ${error.message}`);
    }
  }

  /** Resolves when the server has drained. */
  async end(): Promise<void> {
    await this.#server?.close();
  }
}

/** Whether Enter was pressed before the signal came. Nothing is read from a terminal without need. */
function entered(signal: AbortSignal): Promise<boolean> {
  const { stdin } = process;
  return new Promise((resolve) => {
    const done = (pressed: boolean): void => {
      stdin.off('data', pressing);
      stdin.pause();
      signal.removeEventListener('abort', aborting);
      resolve(pressed);
    };
    const pressing = (): void => done(true);
    const aborting = (): void => done(false);
    if (signal.aborted) return resolve(false);
    signal.addEventListener('abort', aborting);
    stdin.on('data', pressing);
    stdin.resume();
  });
}
