// Surroundings: the host functions that name no connection: the time, and lines for the log.

import { LOG_ERROR } from '../../../assembly/abi.ts';
import { printable } from '../../text.ts';
import type { Family, Functions, GuestHost } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Gate } from './gate.ts';

const LOG_BYTES = 4096;

export class Surroundings implements Family {
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  /** Null before `connect`. */
  #host: GuestHost | null = null;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#memory = gate.memory;
  }

  connect(host: GuestHost): void {
    this.#host = host;
  }

  functions(): Functions {
    const gate = this.#gate;
    return {
      now: (): number => (gate.admit() ? this.#host!.clock.now : 0),
      log: gate.guarded((level, text, length) => this.#log(level, text >>> 0, length >>> 0)),
    };
  }

  #log(level: number, text: number, length: number): number {
    if (!this.#memory.within(text, length)) return 0;
    const shown = this.#memory.read(text, Math.min(length, LOG_BYTES));
    this.#host!.log(Math.min(level >>> 0, LOG_ERROR), printable(new TextDecoder().decode(shown)));
    return 0;
  }
}
