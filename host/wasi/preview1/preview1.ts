// WASI preview 1 for one instance: all its functions over one table of descriptors, and the guard that
// stands before each of them.

import { entryFunctions } from './entries.ts';
import { fileFunctions } from './files.ts';
import { folderFunctions } from './folders.ts';
import { type Host, type HostOptions, makeHost } from './host.ts';
import { WASI_MODULE, type WasiFunction, type WasiFunctions } from './interface.ts';
import { listingFunctions } from './listing.ts';
import { Poller } from './poll.ts';
import { processFunctions } from './process.ts';
import { streamFunctions } from './streams.ts';
import { CONTROL_RUNS, Exit, Stop } from './waiter.ts';

export interface Preview1Options extends HostOptions {
  /** The program's name first. */
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
}

export class Preview1 {
  readonly host: Host;
  readonly imports: WebAssembly.Imports;
  readonly #control: Int32Array;
  /** Thrown again by every further call: a guest that catches what ends it gets no further. */
  #ended: unknown = null;

  /** @throws SystemError when there can be no epoll set */
  constructor(options: Preview1Options) {
    const host = makeHost(options);
    this.#control = options.control;
    const poller = new Poller(host);
    this.host = host;
    const functions: WasiFunctions = {
      ...processFunctions(host, options.args, options.environment),
      ...entryFunctions(host),
      ...streamFunctions(host),
      ...fileFunctions(host),
      ...folderFunctions(host),
      ...listingFunctions(host),
      poll_oneoff: (subscriptions: number, events: number, count: number, result: number) =>
        poller.poll(subscriptions, events, count, result),
    };
    // Null prototypes: a guest must not be able to link `constructor.constructor`.
    const table = Object.create(null) as Record<string, WasiFunction>;
    for (const [name, call] of Object.entries(functions)) {
      table[name] = this.#guarded(call, name !== 'proc_exit');
    }
    this.imports = Object.assign(Object.create(null), { [WASI_MODULE]: table });
  }

  /** @param stoppable whether a stop may end the guest here, and not what it calls for */
  #guarded(call: WasiFunction, stoppable: boolean): WasiFunction {
    const { memory, waiter } = this.host;
    return (...values) => {
      if (this.#ended !== null) throw this.#ended;
      memory.refresh();
      try {
        if (stoppable) waiter.notice();
        return call(...values);
      } catch (thrown) {
        this.#ended = thrown;
        throw thrown;
      }
    };
  }

  /**
   * Runs the command to its end.
   * @returns its exit status; null when it was stopped
   * @throws what it traps with
   */
  start(module: WebAssembly.Module): number | null {
    Atomics.store(this.#control, CONTROL_RUNS, 1);
    try {
      const { exports } = new WebAssembly.Instance(module, this.imports);
      this.host.memory.attach(exports.memory as WebAssembly.Memory);
      (exports._start as () => void)();
      if (this.#ended === null) return 0;
      throw this.#ended;
    } catch (thrown) {
      const ended = this.#ended ?? thrown;
      if (ended instanceof Exit) return ended.status;
      if (ended instanceof Stop) return null;
      throw ended;
    }
  }

  close(): void {
    this.host.registrations.close();
  }
}
