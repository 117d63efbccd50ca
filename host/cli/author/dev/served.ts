// Served: what `wasmpoll dev` serves now, with what takes the place of one module by the next. It knows neither
// compilers nor when something was saved.

import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Built, writeModule } from '../../../compiler/build.ts';
import { makeScratch } from '../../../compiler/scratch.ts';
import { CrashModules } from '../../../crashes/crash-modules.ts';
import { messageOf, TakeoverError, WasmpollError } from '../../../errors.ts';
import type { Policy } from '../../../policy.ts';
import { serve } from '../../../server/serve.ts';
import { report } from '../../command-line.ts';
import { readConfig } from '../../config-file.ts';
import type { Operation } from '../../operation.ts';
import type { DevFlags } from './command.ts';

export type ServedOptions = Omit<DevFlags, 'listen'> & {
  readonly listen: readonly string[];
  readonly policy: Partial<Policy>;
};

interface Other {
  readonly file: string;
  readonly wasm: Uint8Array;
}

/** Serves from a folder of its own: the source map of what is refused belongs to nobody. */
export class Served {
  readonly #options: ServedOptions;
  readonly #operation: Operation;
  #scratch: string | null = null;
  #server: Awaited<ReturnType<typeof serve>> | null = null;
  #builds = 0;
  /** Where the module lies that is served. */
  #file: string | null = null;
  /** A module that cannot take over the connections there are. */
  #other: Other | null = null;
  readonly #records: string | null;
  readonly #modules: CrashModules | null;

  /** @param records where recordings are kept; null if nothing is recorded */
  constructor(options: ServedOptions, operation: Operation, records: string | null) {
    this.#options = options;
    this.#operation = operation;
    this.#records = records;
    const kept = records ?? options.crashFolder;
    this.#modules = kept === undefined ? null : new CrashModules(kept);
  }

  get isThere(): boolean {
    return this.#server !== null;
  }

  /** Serves the module, in the place of the one before. What is wrong with it is told. */
  async serve(output: string, module: NonNullable<Built['module']>): Promise<void> {
    this.#builds += 1;
    this.#other = null;
    this.#scratch ??= await madeToBeRemoved();
    const folder = path.join(this.#scratch, String(this.#builds));
    const file = await writeModule(folder, output, module);
    const { wasm } = module;
    try {
      if (this.#server === null) await this.#start(file);
      else await this.#server.swap(file, { config: await readConfig(this.#options) });
      await this.#took(file, wasm);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ERR_CLOSED' || this.#operation.signals.stop.aborted) return;
      if (code !== 'ERR_GUEST' && code !== 'ERR_MODULE') throw error;
      const alone = this.#server?.stats().connections.open === 0;
      if (error instanceof TakeoverError && alone) return this.#restart({ file, wasm });
      report(`refused: ${messageOf(error)}`);
      if (error instanceof TakeoverError) this.#other = { file, wasm };
    }
  }

  async #start(protocol: string): Promise<void> {
    const { listen, policy, logData, store, topics, upstream, crashFolder } = this.#options;
    const { logger, signals } = this.#operation;
    const again = async (): Promise<{ protocol: string; config: Uint8Array }> => {
      const config = await readConfig(this.#options);
      return { protocol: this.#file ?? protocol, config };
    };
    const { config } = await again();
    const server = await serve({
      ...{ protocol, listen, policy, logger, config, signal: signals.stop },
      ...(logData && { logData }),
      ...(store && { store }),
      ...(topics && { topics }),
      ...(upstream && { upstreams: upstream }),
      ...(crashFolder && { crashFolder }),
      ...(this.#records && { recordFolder: this.#records }),
      histograms: this.#operation.isWatched,
    });
    this.#server = server;
    const name = path.basename(protocol, '.wasm');
    this.#operation.watch(name, server);
    this.#operation.show(name, server, again);
    for (const address of server.addresses) process.stdout.write(`listening on ${address}\n`);
  }

  /** The module is served, and the one before is wanted no more. */
  async #took(file: string, wasm: Uint8Array): Promise<void> {
    const before = this.#file;
    this.#file = file;
    if (before !== null) await rm(path.dirname(before), { recursive: true, force: true });
    await this.#modules?.serve(path.basename(file, '.wasm'), wasm);
  }

  /** Until the signal: a module that cannot take over is served once Enter is pressed, and connections end. */
  async offer(signal: AbortSignal): Promise<void> {
    const other = this.#other;
    if (other === null) return;
    report('press Enter to restart with it: connections are closed');
    if (await entered(signal)) await this.#restart(other);
  }

  /** Serves a module to those who come from now on. */
  async #restart({ file, wasm }: Other): Promise<void> {
    try {
      await this.#server?.swap(file, { drain: true, config: await readConfig(this.#options) });
      await this.#took(file, wasm);
    } catch (error) {
      if (!(error instanceof WasmpollError)) throw error;
      report(`refused: ${error.message}`);
    }
  }

  /** Resolves when the server has drained. */
  async end(): Promise<void> {
    await this.#server?.close();
    await this.#modules?.end();
  }
}

async function madeToBeRemoved(): Promise<string> {
  const scratch = await makeScratch('wasmpoll-dev-');
  // A second signal ends the process at once.
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  return scratch;
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
