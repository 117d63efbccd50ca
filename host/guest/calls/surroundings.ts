// Surroundings: the host functions that name no connection: the time, random bytes, the operator's
// configuration, and lines for the log.

import { LOG_ERROR, STATUS_BOUNDS, STATUS_LIMIT, STATUS_OK } from '../../../assembly/abi.ts';
import { printable } from '../../text.ts';
import type { Environment, Family, Functions } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Gate } from './gate.ts';

const LOG_BYTES = 4096;

/** As many random bytes as one call gives: getRandomValues takes no more. */
export const RANDOM_BYTES = 65_536;

export class Surroundings implements Family {
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  readonly #environment: Environment;
  readonly #config: Uint8Array;

  constructor(gate: Gate, environment: Environment, config: Uint8Array) {
    this.#gate = gate;
    this.#memory = gate.memory;
    this.#environment = environment;
    this.#config = config;
  }

  connect(): void {}

  functions(): Functions {
    const gate = this.#gate;
    const { clock } = this.#environment;
    return {
      now: (): number => (gate.admit() ? clock.now : 0),
      wall_clock: (): number => (gate.admit() ? clock.wall : 0),
      random: gate.guarded((buffer, length) => this.#random(buffer >>> 0, length >>> 0)),
      config: gate.guardedEarly((buffer, capacity) => this.#give(buffer >>> 0, capacity >>> 0)),
      log: gate.guarded((level, text, length) => this.#log(level, text >>> 0, length >>> 0)),
    };
  }

  #random(buffer: number, length: number): number {
    if (!this.#memory.within(buffer, length)) return STATUS_BOUNDS;
    if (length > RANDOM_BYTES) return STATUS_LIMIT;
    this.#environment.random(this.#memory.view(buffer, length));
    return STATUS_OK;
  }

  #give(buffer: number, capacity: number): number {
    if (!this.#memory.within(buffer, capacity)) return STATUS_BOUNDS;
    const config = this.#config;
    const given = capacity < config.length ? config.subarray(0, capacity) : config;
    this.#memory.view(buffer, given.length).set(given);
    return config.length;
  }

  #log(level: number, text: number, length: number): number {
    if (!this.#memory.within(text, length)) return 0;
    const shown = this.#memory.read(text, Math.min(length, LOG_BYTES));
    const line = printable(new TextDecoder().decode(shown));
    this.#environment.log(Math.min(level >>> 0, LOG_ERROR), line);
    return 0;
  }
}
