// Serving: the module that a server serves, its configuration, and how another takes their place: one swap after the
// other. It knows no connection.

import { type LoadedProtocol, loadProtocol } from '../module/source.ts';
import type { Policy } from '../policy.ts';
import type { Engine } from '../threads/engine.ts';
import type { ServerLog } from './events.ts';
import { configOf, type ServeOptions, type SwapOptions } from './options.ts';
import type { Served } from './status/status.ts';

export class Serving {
  readonly #engine: Engine;
  readonly #policy: Policy;
  readonly #log: ServerLog;
  #config: Uint8Array;
  #served: Served;
  /** Settles with the last swap that was asked for. */
  #swapping: Promise<unknown> = Promise.resolve();

  constructor(
    engine: Engine,
    policy: Policy,
    log: ServerLog,
    module: LoadedProtocol & { readonly config: Uint8Array },
  ) {
    this.#engine = engine;
    this.#policy = policy;
    this.#log = log;
    this.#config = module.config;
    this.#served = servedModule(module, 0);
  }

  get module(): Served {
    return this.#served;
  }

  /** @param check is called when its turn has come; what it throws ends this swap, and no other */
  swap(protocol: ServeOptions['protocol'], options: SwapOptions, check: () => void): Promise<void> {
    const { drain = false } = options;
    // Read at once, so that bytes may be changed once this has returned.
    const given = options.config === undefined ? undefined : configOf(options);
    const loading = loadProtocol(protocol, this.#policy);
    const turn = Promise.allSettled([this.#swapping, loading]).then(async () => {
      const module = await loading;
      check();
      const config = given ?? this.#config;
      await this.#engine.swap({ ...module, config }, drain);
      this.#config = config;
      this.#served = servedModule(module, this.#served.swaps + 1);
      this.#log.serving(module);
      this.#log.swapped(module.name);
    });
    this.#swapping = turn.catch(() => undefined);
    return turn;
  }
}

const servedModule = ({ name, sha256 }: LoadedProtocol, swaps: number): Served => ({
  name,
  sha256,
  loadedAt: Date.now(),
  swaps,
});
