// Upstream calls: the host functions that make connections, or join two of them. Each checks what it is given and
// passes it on.

import { STATUS_BOUNDS, STATUS_DENIED } from '../../../assembly/abi.ts';
import type { Family, Functions, GuestHost } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Gate } from './gate.ts';

// Longer than any name with any host behind it.
const LONGEST_NAME = 512;

export class UpstreamCalls implements Family {
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  // As long as the start-up lasts the gate lets nothing through.
  #outbound!: GuestHost['outbound'];

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#memory = gate.memory;
  }

  connect({ outbound }: GuestHost): void {
    this.#outbound = outbound;
  }

  functions(): Functions {
    const gate = this.#gate;
    return {
      connect: gate.wide((parent, name, length, flags) =>
        this.#connect(parent, name >>> 0, length >>> 0, flags),
      ),
      splice: gate.guarded((a, b) => this.#outbound.splice(a, b)),
    };
  }

  #connect(parent: number, name: number, length: number, flags: number): number {
    if (!this.#memory.within(name, length)) return STATUS_BOUNDS;
    if (length > LONGEST_NAME) return STATUS_DENIED;
    const text = new TextDecoder().decode(this.#memory.read(name, length));
    return this.#outbound.connect(parent, text, flags);
  }
}
