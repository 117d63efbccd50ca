// Host calls: all that a guest may import, put together from the families in calls/. It knows the names of
// the import modules, and leaves each function to its family.

import type { Policy } from '../policy.ts';
import { printable } from '../text.ts';
import { WASI_MODULE } from '../wasi/preview1/interface.ts';
import { ConnectionCalls } from './calls/connection-calls.ts';
import { Gate } from './calls/gate.ts';
import { MetricCalls } from './calls/metric-calls.ts';
import { SharedCalls } from './calls/shared-calls.ts';
import { Surroundings } from './calls/surroundings.ts';
import { UpstreamCalls } from './calls/upstream-calls.ts';
import { WasiStubs } from './calls/wasi-stubs.ts';
import type { Environment, Family, Functions, GuestHost } from './guest-host.ts';

export class HostCalls {
  readonly gate: Gate;
  readonly metrics: MetricCalls;
  readonly #wasi: WasiStubs;
  /** What is imported from `wasmpoll`. */
  readonly #families: readonly Family[];

  constructor(policy: Policy, environment: Environment, config: Uint8Array) {
    const gate = new Gate(policy);
    this.gate = gate;
    this.metrics = new MetricCalls(gate);
    this.#wasi = new WasiStubs(gate, environment);
    this.#families = [
      new ConnectionCalls(gate, policy),
      new SharedCalls(gate, policy),
      new UpstreamCalls(gate),
      new Surroundings(gate, environment, config),
      this.metrics,
    ];
  }

  /** From here on the functions do what they are for; `window` is the receive window's address. */
  connect(host: GuestHost, window: number): void {
    for (const family of this.#families) family.connect(host, window);
    this.gate.open();
  }

  /** The instance ends: nothing that it has written is kept back. */
  flush(): void {
    this.#wasi.lines.flush();
  }

  imports(): WebAssembly.Imports {
    const wasmpoll = bare(...this.#families.map((family) => family.functions()));
    const env = bare({
      abort: (message: number, file: number, line: number, column: number): void => {
        this.#abort(message >>> 0, file >>> 0, line >>> 0, column >>> 0);
      },
    });
    const wasi = { [WASI_MODULE]: bare(this.#wasi.functions()) };
    return Object.assign(Object.create(null), { wasmpoll, env, ...wasi }) as WebAssembly.Imports;
  }

  // What AssemblyScript calls when it gives up, as a failed assertion does.
  #abort(message: number, file: number, line: number, column: number): void {
    const { gate } = this;
    const { memory } = gate;
    const where = `${memory.string(file) || 'unknown file'}:${line}:${column}`;
    gate.dead ??= printable(`abort: ${memory.string(message) || 'no message'} at ${where}`);
    throw new Error(gate.dead);
  }
}

// Null prototypes at both levels: with plain objects a guest can link `constructor`.
const bare = (...functions: readonly Functions[]): Functions =>
  Object.assign(Object.create(null), ...functions) as Functions;
