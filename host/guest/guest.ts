// Guest: one instance of a guest module: its exports, its memory, and the host functions it may
// call. It checks every pointer. It does not know when a callback is due or what effects do.

import { LOG_ERROR, STATUS_BOUNDS, STATUS_CLOSED, STATUS_STATE } from '../../assembly/abi.ts';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Batch } from '../kernel/batch.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Connections } from '../memory/connections.ts';
import type { Control } from '../memory/control-words.ts';
import * as Numbers from '../memory/layout.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import { printable } from '../text.ts';
import type { Effects } from './effects.ts';

const { GUEST_BUFFER } = Numbers;

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

type Callback2 = (connection: number, state: number) => void;
type Callback3 = (connection: number, state: number, reason: number) => void;
type Callback4 = (connection: number, state: number, data: number, length: number) => number;
type Migration = (
  connection: number,
  old: number,
  oldSize: number,
  oldVersion: number,
  state: number,
) => void;

const LOG_BYTES = 4096;
const BROKEN = 'a host function was interrupted, as by a stack that is full';
const ABORT_UNITS = 512;

export class Guest {
  readonly onData: Callback4;
  readonly onEnd: Callback4 | null;
  readonly onOpen: Callback2 | null;
  readonly onDrain: Callback2 | null;
  readonly onTimer: Callback2 | null;
  readonly onRestore: Callback2 | null;
  readonly onClose: Callback3 | null;
  readonly migrate: Migration | null;
  /** Bytes of a connection's state block. */
  readonly stateBytes: number;
  readonly stateVersion: number;
  /** Address of the one state block that callbacks are given; 0 when there is no state. */
  readonly state: number;
  /** Address of the receive window. */
  readonly window: number;
  /** Why this instance may not be entered again; null while it may. */
  dead: string | null = null;
  readonly #policy: Policy;
  /** Null before `connect`: until then host functions do nothing. */
  #host: GuestHost | null = null;
  #memory: WebAssembly.Memory | null = null;
  #bytes = new Uint8Array(0);
  #calls = 0;

  /**
   * Instantiates the module and runs its start-up, in which host functions do nothing.
   * @throws WasmpollError ERR_GUEST when the start-up traps or breaks the contract.
   */
  constructor(module: GuestModule, policy: Policy) {
    this.#policy = policy;
    try {
      const instance = new WebAssembly.Instance(module.module, this.#imports());
      const { exports } = instance;
      this.#memory = exports.memory as WebAssembly.Memory;
      this.#refresh();
      optional<() => void>(exports, '_initialize')?.();
      this.onData = exports.on_data as Callback4;
      this.onEnd = optional<Callback4>(exports, 'on_end');
      this.onOpen = optional<Callback2>(exports, 'on_open');
      this.onDrain = optional<Callback2>(exports, 'on_drain');
      this.onTimer = optional<Callback2>(exports, 'on_timer');
      this.onRestore = optional<Callback2>(exports, 'on_restore');
      this.onClose = optional<Callback3>(exports, 'on_close');
      this.migrate = optional<Migration>(exports, 'migrate');
      this.stateBytes = (optional<() => number>(exports, 'state_size')?.() ?? 0) >>> 0;
      this.stateVersion = optional<() => number>(exports, 'state_version')?.() ?? 0;
      if (this.stateBytes > policy.maxStateBytes) {
        throw new Error(
          `state_size() is ${this.stateBytes} bytes, over the limit of ${policy.maxStateBytes}; ` +
            'make the state smaller or raise maxStateBytes',
        );
      }
      const allocate = exports.allocate as (bytes: number) => number;
      this.window = this.#allocate(allocate, 'receive window', policy.receiveWindowBytes);
      this.state =
        this.stateBytes === 0 ? 0 : this.#allocate(allocate, 'state block', this.stateBytes);
      this.#refuseOverlap();
      this.#bytes.fill(0, this.window, this.window + policy.receiveWindowBytes);
      this.#bytes.fill(0, this.state, this.state + this.stateBytes);
      if (this.dead !== null) throw new Error(this.dead);
    } catch (thrown) {
      throw new WasmpollError('ERR_GUEST', `${module.name}: start-up failed: ${trapOf(thrown)}`, {
        cause: thrown,
      });
    }
  }

  /** Gives the guest its host functions; from here on it may be entered. */
  connect(host: GuestHost): void {
    this.#host = host;
    host.batch.bind(GUEST_BUFFER, this.#bytes);
  }

  #allocate(allocate: (bytes: number) => number, what: string, bytes: number): number {
    const address = allocate(bytes) >>> 0;
    this.#refresh();
    const found = `allocate(${bytes}) for the ${what} returned ${address}`;
    if (address === 0) throw new Error(`${found}: out of memory; raise guestMemoryBytes`);
    if (address % 16 !== 0) throw new Error(`${found}, which is not 16-byte aligned`);
    if (bytes > this.#bytes.length - address) throw new Error(`${found}, outside its memory`);
    return address;
  }

  #refuseOverlap(): void {
    const windowEnd = this.window + this.#policy.receiveWindowBytes;
    if (this.state === 0 || this.state >= windowEnd) return;
    if (this.state + this.stateBytes <= this.window) return;
    throw new Error('allocate() returned overlapping blocks for receive window and state block');
  }

  /** The state block becomes zero. */
  clearState(): void {
    this.#bytes.fill(0, this.state, this.state + this.stateBytes);
  }

  /** A callback is about to run: its budget is full. */
  enter(): void {
    this.#calls = this.#policy.hostCallsPerCallback;
  }

  /** The callback has returned: a memory that grew is bound anew before anything is copied. */
  left(): void {
    if (this.#bytes.length === 0) this.#refresh();
  }

  /** A copy of bytes in the guest's memory. */
  read(address: number, length: number): Uint8Array {
    return this.#bytes.slice(address, address + length);
  }

  #refresh(): void {
    // The start function runs before the memory is known; for it the memory is empty.
    if (this.#memory === null) return;
    const bytes = new Uint8Array(this.#memory.buffer);
    // Bound first: when the stack ends here, in a host call, the old view still tells that it is stale.
    this.#host?.batch.bind(GUEST_BUFFER, bytes);
    this.#bytes = bytes;
    if (this.#bytes.length > this.#policy.guestMemoryBytes) {
      this.dead ??= `memory grew to ${this.#bytes.length} bytes, over guestMemoryBytes`;
    }
  }

  /** One audited place: whether (address, length), both read as unsigned, lies in the memory. */
  #within(address: number, length: number): boolean {
    if (this.#bytes.length === 0) this.#refresh();
    const size = this.#bytes.length;
    return length <= size && address <= size - length;
  }

  /** Counts a host call; false when the guest may not have an answer any more. */
  #admit(): boolean {
    if (this.#host === null || this.dead !== null) return false;
    this.#calls -= 1;
    if (this.#calls >= 0) return true;
    this.dead = `more than ${this.#policy.hostCallsPerCallback} host calls in one callback`;
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

  #imports(): WebAssembly.Imports {
    const windowBytes = this.#policy.receiveWindowBytes;
    const wasmpoll = Object.assign(Object.create(null), {
      send: (connection: number, data: number, length: number): number => {
        try {
          if (!this.#admit()) return STATUS_STATE;
          const from = data >>> 0;
          const bytes = length >>> 0;
          if (!this.#within(from, bytes)) return STATUS_BOUNDS;
          const { window } = this;
          const inWindow = from >= window && from + bytes <= window + windowBytes;
          return this.#host!.effects.send(connection, from, bytes, inWindow);
        } catch (thrown) {
          throw this.#broken(thrown);
        }
      },
      close: this.#guarded((connection, how) => this.#host!.effects.close(connection, how)),
      pause: this.#guarded((connection) => this.#host!.effects.pause(connection)),
      resume: this.#guarded((connection) => this.#host!.effects.resume(connection)),
      want: this.#guarded((connection, bytes) => this.#host!.effects.want(connection, bytes)),
      set_timer: this.#guarded((connection, milliseconds) =>
        this.#host!.effects.timer(connection, milliseconds),
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
    if (!this.#within(buffer, capacity)) return STATUS_BOUNDS;
    const slot = this.#host!.connections.find(connection);
    if (slot < 0) return STATUS_CLOSED;
    const text = new TextEncoder().encode(this.#host!.peerAddress(slot));
    const written = Math.min(text.length, capacity);
    for (let index = 0; index < written; index += 1) this.#bytes[buffer + index] = text[index]!;
    return text.length;
  }

  #log(level: number, text: number, length: number): number {
    if (!this.#within(text, length)) return 0;
    const shown = this.#bytes.slice(text, text + Math.min(length, LOG_BYTES));
    this.#host!.log(Math.min(level >>> 0, LOG_ERROR), printable(new TextDecoder().decode(shown)));
    return 0;
  }

  // AssemblyScript passes two strings: UTF-16 with their length in bytes in the four bytes before.
  #abort(message: number, file: number, line: number, column: number): void {
    if (this.#bytes.length === 0) this.#refresh();
    const where = `${this.#string(file) || 'unknown file'}:${line}:${column}`;
    this.dead ??= printable(`abort: ${this.#string(message) || 'no message'} at ${where}`);
    throw new Error(this.dead);
  }

  #string(address: number): string {
    if (address < 4 || !this.#within(address - 4, 4)) return '';
    const view = new DataView(this.#bytes.buffer);
    const length = Math.min(view.getUint32(address - 4, true), ABORT_UNITS * 2);
    if (!this.#within(address, length)) return '';
    const units = [];
    for (let at = address; at + 1 < address + length; at += 2) units.push(view.getUint16(at, true));
    return String.fromCharCode(...units);
  }
}

/** Starts an instance; as long as that takes the worker counts as inside the guest. */
export function startGuest(module: GuestModule, policy: Policy, control: Control): Guest {
  control.enter(-1);
  try {
    return new Guest(module, policy);
  } finally {
    control.leave();
  }
}

function optional<T>(exports: WebAssembly.Exports, name: string): T | null {
  return typeof exports[name] === 'function' ? (exports[name] as T) : null;
}

/** What stopped the guest and where, on one line: `unreachable in on_data`. */
export function trapOf(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  // V8 names a function of the module as `at name (wasm://wasm/…)`.
  const frame = /at ([^\s]+) \(wasm:/.exec(stack);
  return messageOf(thrown) + (frame === null ? '' : ` in ${frame[1]}`);
}
