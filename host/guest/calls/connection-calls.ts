// Connection calls: the host functions that name a connection. Each checks what it is given and passes it
// on to the effects, which do the rest.

import * as Abi from '../../../assembly/abi.ts';
import type { Policy } from '../../policy.ts';
import type { Effects } from '../effects.ts';
import type { Family, Functions, GuestHost } from '../guest-host.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Gate } from './gate.ts';

const { STATUS_ABSENT, STATUS_BOUNDS, STATUS_CLOSED, STATUS_STATE } = Abi;

// Longer than any key there is.
const KEY_BYTES = 64;

export class ConnectionCalls implements Family {
  readonly #gate: Gate;
  readonly #memory: GuestMemory;
  readonly #windowBytes: number;
  /** Address of the receive window. */
  #window = 0;
  /** Both null before `connect`. */
  #host: GuestHost | null = null;
  #effects: Effects | null = null;

  constructor(gate: Gate, policy: Policy) {
    this.#gate = gate;
    this.#memory = gate.memory;
    this.#windowBytes = policy.receiveWindowBytes;
  }

  connect(host: GuestHost, window: number): void {
    this.#window = window;
    this.#host = host;
    this.#effects = host.effects;
  }

  functions(): Functions {
    const gate = this.#gate;
    const memory = this.#memory;
    const windowBytes = this.#windowBytes;
    return {
      send: (connection: number, data: number, length: number): number => {
        try {
          if (!gate.admit()) return STATUS_STATE;
          const from = data >>> 0;
          const bytes = length >>> 0;
          if (!memory.within(from, bytes)) return STATUS_BOUNDS;
          const window = this.#window;
          const inWindow = from >= window && from + bytes <= window + windowBytes;
          return this.#effects!.send(connection, from, bytes, inWindow);
        } catch (thrown) {
          throw gate.broken(thrown);
        }
      },
      close: gate.guarded((connection, how) => this.#effects!.close(connection, how)),
      pause: gate.guarded((connection) => this.#effects!.pause(connection)),
      resume: gate.guarded((connection) => this.#effects!.resume(connection)),
      want: gate.guarded((connection, bytes) => this.#effects!.want(connection, bytes)),
      set_timer: gate.guarded((connection, milliseconds) =>
        this.#effects!.timer(connection, milliseconds),
      ),
      start_tls: gate.guarded((connection) => this.#effects!.startTls(connection)),
      peer_address: gate.guarded((connection, buffer, capacity) =>
        this.#peerAddress(connection, buffer >>> 0, capacity >>> 0),
      ),
      property: (connection, key, keyLength, buffer, capacity): number => {
        try {
          if (!gate.admit()) return STATUS_STATE;
          const [at, length] = [key! >>> 0, keyLength! >>> 0];
          return this.#property(connection!, at, length, buffer! >>> 0, capacity! >>> 0);
        } catch (thrown) {
          throw gate.broken(thrown);
        }
      },
    };
  }

  #peerAddress(connection: number, buffer: number, capacity: number): number {
    if (!this.#memory.within(buffer, capacity)) return STATUS_BOUNDS;
    const slot = this.#host!.connections.find(connection);
    if (slot < 0) return STATUS_CLOSED;
    return this.#give(this.#host!.facts.peerAddress(slot), buffer, capacity);
  }

  #property(
    connection: number,
    key: number,
    keyLength: number,
    buffer: number,
    capacity: number,
  ): number {
    if (!this.#memory.within(key, keyLength)) return STATUS_BOUNDS;
    if (!this.#memory.within(buffer, capacity)) return STATUS_BOUNDS;
    const slot = this.#host!.connections.find(connection);
    if (slot < 0) return STATUS_CLOSED;
    if (keyLength > KEY_BYTES) return STATUS_ABSENT;
    const name = new TextDecoder().decode(this.#memory.read(key, keyLength));
    const value = this.#host!.facts.property(slot, name);
    return value === null ? STATUS_ABSENT : this.#give(value, buffer, capacity);
  }

  /** As much of it as there is room for. @returns its full length */
  #give(value: string | Uint8Array, buffer: number, capacity: number): number {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    this.#memory.write(buffer, bytes, Math.min(bytes.length, capacity));
    return bytes.length;
  }
}
