// WASI preview 1 for one instance: all its functions over one table of descriptors, and the guard that
// stands before each of them.

import type { Native } from '../../kernel/native.ts';
import { Descriptors, type Inherited } from './descriptors.ts';
import { entryFunctions } from './entries.ts';
import { errorTable } from './errno.ts';
import { fileFunctions } from './files.ts';
import { folderFunctions } from './folders.ts';
import type { Host } from './host.ts';
import { WASI_MODULE, type WasiFunction, type WasiFunctions } from './interface.ts';
import { listingFunctions } from './listing.ts';
import { GuestMemory } from './memory.ts';
import { Poller } from './poll.ts';
import { processFunctions } from './process.ts';
import { streamFunctions } from './streams.ts';
import { Exit, Waiter } from './waiter.ts';

export interface Preview1Options {
  readonly native: Native;
  /** The program's name first. */
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** Those that stand in the first elements of `fds`. */
  readonly inherited: readonly Inherited[];
  /** The process's descriptors plus one, by the guest's number; as many as a guest may have. */
  readonly fds: Int32Array;
  /** See Waiter. */
  readonly control: Int32Array;
  readonly wake: number;
  readonly quietMs: number;
}

export class Preview1 {
  readonly memory = new GuestMemory();
  readonly descriptors: Descriptors;
  readonly imports: WebAssembly.Imports;
  readonly #poller: Poller;
  /** Thrown again by every further call: a guest that catches what ends it gets no further. */
  #ended: unknown = null;

  constructor(options: Preview1Options) {
    const { native, inherited } = options;
    const descriptors = new Descriptors(options.fds);
    const shared = new Set(
      inherited.map((entry, index) => (entry.shared ? options.fds[index]! - 1 : -1)),
    );
    inherited.forEach(({ kind, flags, opened }, number) => {
      descriptors.open(number, kind, flags);
      if (opened !== undefined) descriptors.opened.set(number, opened);
    });
    const waiter = new Waiter({
      ...options,
      connections: () => descriptors.connections,
      // Who comes now is refused, and who waits to be accepted is reset; but nobody is at a listener
      // that others have, too.
      stopped: () => {
        for (const fd of descriptors.listeners()) {
          if (!shared.has(fd)) native.shutdown(fd, native.constants.SHUT_RDWR);
        }
      },
    });
    const errors = errorTable(native.errorName);
    const host: Host = { native, memory: this.memory, descriptors, waiter, errors };
    this.descriptors = descriptors;
    this.#poller = new Poller(host);
    const functions: WasiFunctions = {
      ...processFunctions(host, options.args, options.environment),
      ...entryFunctions(host, this.#poller),
      ...streamFunctions(host),
      ...fileFunctions(host),
      ...folderFunctions(host),
      ...listingFunctions(host),
      poll_oneoff: (subscriptions: number, events: number, count: number, result: number) =>
        this.#poller.poll(subscriptions, events, count, result),
    };
    // Null prototypes: a guest must not be able to link `constructor.constructor`.
    const table = Object.create(null) as Record<string, WasiFunction>;
    for (const [name, call] of Object.entries(functions)) table[name] = this.#guarded(call, waiter);
    this.imports = Object.assign(Object.create(null), { [WASI_MODULE]: table });
  }

  #guarded(call: WasiFunction, waiter: Waiter): WasiFunction {
    return (...values) => {
      if (this.#ended !== null) throw this.#ended;
      this.memory.refresh();
      try {
        waiter.notice();
        return call(...values);
      } catch (thrown) {
        this.#ended = thrown;
        throw thrown;
      }
    };
  }

  /**
   * Runs the command to its end.
   * @returns its exit status
   * @throws what it traps with
   */
  start(module: WebAssembly.Module): number {
    try {
      const { exports } = new WebAssembly.Instance(module, this.imports);
      this.memory.attach(exports.memory as WebAssembly.Memory);
      (exports._start as () => void)();
      if (this.#ended === null) return 0;
      throw this.#ended;
    } catch (thrown) {
      const ended = this.#ended ?? thrown;
      if (ended instanceof Exit) return ended.status;
      throw ended;
    }
  }

  close(): void {
    this.#poller.close();
  }
}
