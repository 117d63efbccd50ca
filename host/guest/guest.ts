// Guest: one instance of a guest module: its exports, its start-up, and the two blocks that the host uses
// in its memory. It does not know when a callback is due, nor what host calls do.

import { WasmpollError } from '../errors.ts';
import * as Numbers from '../memory/layout.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { Gate } from './calls/gate.ts';
import type { Environment, GuestHost } from './guest-host.ts';
import type { GuestMemory } from './guest-memory.ts';
import { HostCalls } from './host-calls.ts';
import { trapOf } from './trap.ts';

const { GUEST_BUFFER } = Numbers;

/** One that no connection is given to. */
type Callback0 = () => void;
type Callback2 = (connection: number, state: number) => void;
/** The last is a reason, or a parent. */
type Callback3 = (connection: number, state: number, last: number) => void;
type Callback4 = (connection: number, state: number, data: number, length: number) => number;
/** Topic and data, an address and a length each, lie in the receive window. */
type Delivery = (
  connection: number,
  state: number,
  tag: number,
  flags: number,
  topic: number,
  topicLength: number,
  data: number,
  length: number,
) => void;
type Reply = (
  connection: number,
  state: number,
  tag: number,
  status: number,
  data: number,
  length: number,
) => void;
/** Rows of four words, one for each reply. */
type Replies = (connection: number, state: number, rows: number, count: number) => void;
type Migration = (
  connection: number,
  old: number,
  oldSize: number,
  oldVersion: number,
  state: number,
) => void;

export class Guest {
  readonly onData: Callback4;
  readonly onEnd: Callback4 | null;
  readonly onOpen: Callback2 | null;
  readonly onDrain: Callback2 | null;
  readonly onTimer: Callback2 | null;
  readonly onRestore: Callback2 | null;
  readonly onClose: Callback3 | null;
  readonly onConnect: Callback3 | null;
  readonly onMessage: Delivery | null;
  readonly onMissed: Callback2 | null;
  readonly onReply: Reply | null;
  /** Null where each reply is to be seen by itself. */
  readonly onReplies: Replies | null;
  readonly onStart: Callback0 | null;
  readonly onTick: Callback0 | null;
  readonly migrate: Migration | null;
  /** Bytes of a connection's state block. */
  readonly stateBytes: number;
  readonly stateVersion: number;
  /** Address of the one state block that callbacks are given; 0 when there is no state. */
  readonly state: number;
  /** Address of the receive window. */
  readonly window: number;
  /** Whoever enters the guest looks at these two around each callback. */
  readonly gate: Gate;
  readonly memory: GuestMemory;
  readonly #calls: HostCalls;
  readonly #policy: Policy;

  /**
   * Instantiates the module and runs its start-up, in which most host functions do nothing.
   * @throws WasmpollError ERR_GUEST when the start-up traps or breaks the contract.
   */
  constructor(module: GuestModule, policy: Policy, environment: Environment) {
    this.#policy = policy;
    this.#calls = new HostCalls(policy, environment, module.config ?? new Uint8Array(0));
    this.gate = this.#calls.gate;
    this.memory = this.gate.memory;
    try {
      const imports = this.#calls.imports();
      const given = environment.around?.(imports, this.gate) ?? imports;
      const instance = new WebAssembly.Instance(module.module, given);
      const { exports } = instance;
      this.memory.attach(exports.memory as WebAssembly.Memory);
      optional<Callback0>(exports, '_initialize')?.();
      this.onData = exports.on_data as Callback4;
      this.onEnd = optional<Callback4>(exports, 'on_end');
      this.onOpen = optional<Callback2>(exports, 'on_open');
      this.onDrain = optional<Callback2>(exports, 'on_drain');
      this.onTimer = optional<Callback2>(exports, 'on_timer');
      this.onRestore = optional<Callback2>(exports, 'on_restore');
      this.onClose = optional<Callback3>(exports, 'on_close');
      this.onConnect = optional<Callback3>(exports, 'on_connect');
      this.onMessage = optional<Delivery>(exports, 'on_message');
      this.onMissed = optional<Callback2>(exports, 'on_missed');
      this.onReply = optional<Reply>(exports, 'on_reply');
      this.onReplies = optional<Replies>(exports, 'on_replies');
      this.onStart = optional<Callback0>(exports, 'on_start');
      this.onTick = optional<Callback0>(exports, 'on_tick');
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
      this.memory.clear(this.window, policy.receiveWindowBytes);
      this.clearState();
      if (this.gate.dead !== null) throw new Error(this.gate.dead);
    } catch (thrown) {
      this.#calls.flush();
      throw new WasmpollError('ERR_GUEST', `${module.name}: start-up failed: ${trapOf(thrown)}`);
    }
  }

  /** Gives the guest its host functions; from here on it may be entered. */
  connect(host: GuestHost): void {
    this.#calls.connect(host, this.window);
    host.metrics.adopt(this.#calls.metrics.declared);
    this.memory.follow((bytes) => host.batch.bind(GUEST_BUFFER, bytes));
  }

  /** It has failed, and is not entered again. Its memory may have grown before. */
  end(): void {
    this.memory.review();
    this.#calls.flush();
  }

  #allocate(allocate: (bytes: number) => number, what: string, bytes: number): number {
    const address = allocate(bytes) >>> 0;
    this.memory.refresh();
    const found = `allocate(${bytes}) for the ${what} returned ${address}`;
    if (address === 0) throw new Error(`${found}: out of memory; raise guestMemoryBytes`);
    if (address % 16 !== 0) throw new Error(`${found}, which is not 16-byte aligned`);
    if (!this.memory.within(address, bytes)) throw new Error(`${found}, outside its memory`);
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
    this.memory.clear(this.state, this.stateBytes);
  }
}

function optional<T>(exports: WebAssembly.Exports, name: string): T | null {
  return typeof exports[name] === 'function' ? (exports[name] as T) : null;
}
