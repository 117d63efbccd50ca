// Host calls: the functions that a guest may import, with their budget. Each checks what it is given and
// passes it on. It does not know what effects do, nor when a callback runs.

import { LOG_ERROR, STATUS_BOUNDS, STATUS_CLOSED, STATUS_STATE } from '../../assembly/abi.ts';
import type { Batch } from '../kernel/batch.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Connections } from '../memory/connections.ts';
import type { Policy } from '../policy.ts';
import { printable } from '../text.ts';
import type { Effects } from './effects.ts';
import { GuestMemory } from './guest-memory.ts';

/** What a guest reaches through its imports. */
export interface GuestHost {
  readonly batch: Batch;
  readonly connections: Connections;
  readonly effects: Effects;
  readonly clock: Clock;
  /** The peer's address as text, or '' when it is gone. */
  peerAddress(slot: number): string;
  log(level: number, text: string): void;
}

const LOG_BYTES = 4096;
const BROKEN = 'a host function was interrupted, as by a stack that is full';

export class HostCalls {
  readonly memory: GuestMemory;
  /** Why the instance may not be entered again; null while it may. */
  dead: string | null = null;
  readonly #perCallback: number;
  readonly #windowBytes: number;
  /** Address of the receive window. */
  #window = 0;
  /** Both null before `connect`: until then host functions do nothing. */
  #host: GuestHost | null = null;
  #effects: Effects | null = null;
  #calls = 0;

  constructor(policy: Policy) {
    this.#perCallback = policy.hostCallsPerCallback;
    this.#windowBytes = policy.receiveWindowBytes;
    this.memory = new GuestMemory(policy.guestMemoryBytes, (why) => {
      this.dead ??= why;
    });
  }

  /** From here on the functions do what they are for. */
  connect(host: GuestHost, window: number): void {
    this.#window = window;
    this.#host = host;
    this.#effects = host.effects;
  }

  /** A callback is about to run: its budget is full. Afterwards see `dead`, and `memory.review()`. */
  enter(): void {
    this.#calls = this.#perCallback;
  }

  /** Counts a host call; false when the guest may not have an answer any more. */
  #admit(): boolean {
    if (this.#effects === null || this.dead !== null) return false;
    this.#calls -= 1;
    if (this.#calls >= 0) return true;
    this.dead = `more than ${this.#perCallback} host calls in one callback`;
    return false;
  }

  #guarded(call: (a: number, b: number, c: number) => number): typeof call {
    return (a, b, c) => {
      try {
        return this.#admit() ? call(a, b, c) : STATUS_STATE;
      } catch (thrown) {
        throw this.#broken(thrown);
      }
    };
  }

  // A host function that throws, for want of stack most of all, may have done half of its work; a guest
  // can catch what it threw and go on. Storing a constant takes no stack.
  #broken(thrown: unknown): unknown {
    this.dead ??= BROKEN;
    return thrown;
  }

  imports(): WebAssembly.Imports {
    const { memory } = this;
    const windowBytes = this.#windowBytes;
    const wasmpoll = Object.assign(Object.create(null), {
      send: (connection: number, data: number, length: number): number => {
        try {
          if (!this.#admit()) return STATUS_STATE;
          const from = data >>> 0;
          const bytes = length >>> 0;
          if (!memory.within(from, bytes)) return STATUS_BOUNDS;
          const window = this.#window;
          const inWindow = from >= window && from + bytes <= window + windowBytes;
          return this.#effects!.send(connection, from, bytes, inWindow);
        } catch (thrown) {
          throw this.#broken(thrown);
        }
      },
      close: this.#guarded((connection, how) => this.#effects!.close(connection, how)),
      pause: this.#guarded((connection) => this.#effects!.pause(connection)),
      resume: this.#guarded((connection) => this.#effects!.resume(connection)),
      want: this.#guarded((connection, bytes) => this.#effects!.want(connection, bytes)),
      set_timer: this.#guarded((connection, milliseconds) =>
        this.#effects!.timer(connection, milliseconds),
      ),
      peer_address: this.#guarded((connection, buffer, capacity) =>
        this.#peerAddress(connection, buffer >>> 0, capacity >>> 0),
      ),
      now: (): number => (this.#admit() ? this.#host!.clock.now : 0),
      log: this.#guarded((level, text, length) => this.#log(level, text >>> 0, length >>> 0)),
    });
    const env = Object.assign(Object.create(null), {
      abort: (message: number, file: number, line: number, column: number): void => {
        this.#abort(message >>> 0, file >>> 0, line >>> 0, column >>> 0);
      },
    });
    // Null prototypes at both levels: with plain objects a guest can link `constructor`.
    return Object.assign(Object.create(null), { wasmpoll, env }) as WebAssembly.Imports;
  }

  #peerAddress(connection: number, buffer: number, capacity: number): number {
    if (!this.memory.within(buffer, capacity)) return STATUS_BOUNDS;
    const slot = this.#host!.connections.find(connection);
    if (slot < 0) return STATUS_CLOSED;
    const text = new TextEncoder().encode(this.#host!.peerAddress(slot));
    this.memory.write(buffer, text, Math.min(text.length, capacity));
    return text.length;
  }

  #log(level: number, text: number, length: number): number {
    if (!this.memory.within(text, length)) return 0;
    const shown = this.memory.read(text, Math.min(length, LOG_BYTES));
    this.#host!.log(Math.min(level >>> 0, LOG_ERROR), printable(new TextDecoder().decode(shown)));
    return 0;
  }

  // What AssemblyScript calls when it gives up, as a failed assertion does.
  #abort(message: number, file: number, line: number, column: number): void {
    const { memory } = this;
    const where = `${memory.string(file) || 'unknown file'}:${line}:${column}`;
    this.dead ??= printable(`abort: ${memory.string(message) || 'no message'} at ${where}`);
    throw new Error(this.dead);
  }
}
