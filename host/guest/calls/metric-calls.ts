// Metric calls: the host functions by which a guest counts. It knows what this instance has declared; the
// values are the reactor's.

import * as Abi from '../../../assembly/abi.ts';
import { type Declaration, LONGEST_NAME, MOST_METRICS } from '../../memory/counts/metrics.ts';
import type { Effects } from '../effects.ts';
import type { Family, Functions, GuestHost } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Gate } from './gate.ts';

const { METRIC_COUNTER, METRIC_HISTOGRAM, STATUS_BOUNDS, STATUS_LIMIT, STATUS_STATE } = Abi;

const NAME = /^[a-z_][a-z0-9_]*$/;

export class MetricCalls implements Family {
  /** In the order of their numbers. */
  readonly declared: Declaration[] = [];
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  /** Null before `connect`, when the start-up is not over. */
  #effects: Effects | null = null;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#memory = gate.memory;
  }

  connect(host: GuestHost): void {
    this.#effects = host.effects;
  }

  functions(): Functions {
    const gate = this.#gate;
    return {
      metric: gate.guardedEarly((kind, name, length) =>
        this.#effects === null ? this.#declare(kind, name >>> 0, length >>> 0) : STATUS_STATE,
      ),
      measure: gate.guarded((id, value) => this.#measure(id, value)),
    };
  }

  #declare(kind: number, address: number, length: number): number {
    if (!this.#memory.within(address, length)) return STATUS_BOUNDS;
    if (kind < METRIC_COUNTER || kind > METRIC_HISTOGRAM) return STATUS_BOUNDS;
    if (length > LONGEST_NAME) return STATUS_LIMIT;
    const name = String.fromCharCode(...this.#memory.read(address, length));
    if (!NAME.test(name)) return STATUS_BOUNDS;
    const known = this.declared.findIndex((metric) => metric.name === name);
    if (known >= 0) return this.declared[known]!.kind === kind ? known : STATUS_BOUNDS;
    if (this.declared.length >= MOST_METRICS) return STATUS_LIMIT;
    return this.declared.push({ kind, name }) - 1;
  }

  // A sum that is not finite once never would be again.
  #measure(id: number, value: number): number {
    const metric = this.declared[id];
    if (metric === undefined || !Number.isFinite(value)) return STATUS_BOUNDS;
    if (metric.kind === METRIC_COUNTER && value < 0) return STATUS_BOUNDS;
    return this.#effects!.measure(id, value);
  }
}
