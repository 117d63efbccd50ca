// Callbacks: the way into the guest and back. Each is a transaction: what it asked for takes effect
// when it returns, or not at all; a guest that fails in one is replaced by a fresh instance.
// It does not know when a callback is due.

import { REASON_TRAP } from '../../assembly/abi.ts';
import type { Effects } from '../guest/effects.ts';
import { Guest, type GuestHost, trapOf } from '../guest/guest.ts';
import { checkTakeover } from '../guest/takeover.ts';
import type { Batch } from '../kernel/batch.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Connections } from '../memory/connections.ts';
import type { Control } from '../memory/control-words.ts';
import * as Numbers from '../memory/layout.ts';
import type { Segment } from '../memory/segment.ts';
import { type Layout, type StateBlocks, States } from '../memory/state-blocks.ts';
import type { Stats } from '../memory/stats.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Policy } from '../policy.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Output } from './output.ts';

const {
  BEFORE_BUFFER,
  BUSY,
  COLUMNS,
  DOOMED,
  FLAGS,
  GUEST_BUFFER,
  HANDLE,
  KNOWN,
  LAYOUT,
  REASON,
  STATES_BUFFER,
  UNSAVED,
} = Numbers;

/** What `data` and `end` return when the guest failed; the connection is doomed then. */
export const FAILED = -1;

// How long the host waits before it tries to start a guest again that did not come up.
const RETRY_MS = 1000;

type Callback2 = (connection: number, state: number) => void;

export interface GuestObserver {
  /** The guest failed and was replaced; `why` says in what. */
  restart(why: string): void;
  /** The replacement did not come up; connections were aborted, and new ones are refused. */
  failure(error: unknown): void;
}

export class Callbacks {
  #guest: Guest;
  /** When to try again to start a guest; Infinity while one is running. */
  retryAt = Infinity;
  /** Bytes of a connection's state block. */
  #stateBytes = 0;
  /** The slot whose committed state is in the guest's state block, or −1. */
  #resident = -1;
  /** What the guest failed of, last. */
  #why: unknown = null;
  #module: GuestModule;
  /** A started instance of a module that may take over. */
  #next: { readonly module: GuestModule; readonly guest: Guest } | null = null;
  readonly #host: GuestHost;
  readonly #segment: Segment;
  readonly #table: Int32Array;
  readonly #connections: Connections;
  readonly #batch: Batch;
  readonly #effects: Effects;
  readonly #output: Output;
  readonly #lifecycle: Lifecycle;
  readonly #clock: Clock;
  readonly #stats: Stats;
  readonly #policy: Policy;
  readonly #observer: GuestObserver;
  readonly #control: Control;

  constructor(parts: {
    guest: Guest;
    module: GuestModule;
    host: GuestHost;
    output: Output;
    lifecycle: Lifecycle;
    stats: Stats;
    policy: Policy;
    observer: GuestObserver;
    control: Control;
  }) {
    this.#guest = parts.guest;
    this.#module = parts.module;
    this.#host = parts.host;
    this.#connections = parts.host.connections;
    this.#segment = parts.host.connections.segment;
    this.#table = this.#segment.table;
    this.#batch = parts.host.batch;
    this.#effects = parts.host.effects;
    this.#clock = parts.host.clock;
    this.#output = parts.output;
    this.#lifecycle = parts.lifecycle;
    this.#stats = parts.stats;
    this.#policy = parts.policy;
    this.#observer = parts.observer;
    this.#control = parts.control;
    this.#guest.connect(this.#host);
    this.#bindStates();
  }

  /** Address of the receive window in the guest's memory. */
  get window(): number {
    return this.#guest.window;
  }

  /** A copy of guest memory, for those who watch. */
  read(address: number, length: number): Uint8Array {
    return this.#guest.read(address, length);
  }

  /** Queues what the guest needs before a callback of this slot: its state block. */
  load(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident === slot) return;
    this.#batch.copy(
      STATES_BUFFER,
      this.#stateOf(slot),
      GUEST_BUFFER,
      this.#guest.state,
      stateBytes,
    );
    this.#resident = slot;
  }

  /** Queues the copy of the state block that the last callback of this slot left. */
  save(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident !== slot) return;
    this.#table[slot * COLUMNS + UNSAVED] = 1;
    this.#output.unsaved = slot;
    this.#batch.copy(
      GUEST_BUFFER,
      this.#guest.state,
      STATES_BUFFER,
      this.#stateOf(slot),
      stateBytes,
    );
  }

  /** As `save`, at once: another callback of the slot comes before the batch is performed. */
  saveNow(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident !== slot) return;
    const target = this.#stateOf(slot);
    this.#batch.copyNow(GUEST_BUFFER, this.#guest.state, STATES_BUFFER, target, stateBytes);
  }

  #stateOf(slot: number): number {
    return slot * this.#segment.states.stride;
  }

  /** on_data; state and data are in the guest. @returns bytes consumed, or FAILED */
  data(slot: number, address: number, length: number): number {
    const guest = this.#guest;
    this.#begin(guest, slot);
    let consumed = 0;
    try {
      try {
        consumed =
          guest.onData(this.#table[slot * COLUMNS + HANDLE]!, guest.state, address, length) >>> 0;
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      return this.#failed(slot, thrown);
    }
    guest.left();
    if (guest.dead !== null) return this.#failed(slot, guest.dead);
    if (consumed > length) {
      return this.#failed(slot, `on_data consumed ${consumed} of ${length} bytes`);
    }
    if (this.#effects.pending) this.#lifecycle.apply(this.#effects.mark);
    return consumed;
  }

  /** on_end; state and data are in the guest. @returns 0 to close, or FAILED */
  end(slot: number, address: number, length: number): number {
    const guest = this.#guest;
    if (guest.onEnd === null) return 0;
    this.#begin(guest, slot);
    let keep = 0;
    try {
      try {
        keep = guest.onEnd(this.#table[slot * COLUMNS + HANDLE]!, guest.state, address, length);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      return this.#failed(slot, thrown);
    }
    return this.#returned(slot) ? Number(keep !== 0) : this.#failed(slot, this.#why);
  }

  /** on_open; the slot may have been another connection's, whose state the guest still has. */
  open(slot: number): void {
    if (this.#resident === slot) this.#resident = -1;
    this.#notify(slot, this.#guest.onOpen);
  }

  drain(slot: number): void {
    this.#notify(slot, this.#guest.onDrain);
  }

  timer(slot: number): void {
    this.#notify(slot, this.#guest.onTimer);
  }

  /** on_close, once: the handle is already unknown to the guest's host functions. */
  close(slot: number): void {
    const guest = this.#guest;
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & KNOWN) === 0) return;
    this.#table[base + FLAGS]! &= ~KNOWN;
    if (guest.onClose === null || this.retryAt !== Infinity) return;
    this.load(slot);
    this.#output.run();
    this.#begin(guest, slot);
    try {
      try {
        guest.onClose(this.#table[base + HANDLE]!, guest.state, this.#table[base + REASON]!);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      this.#failed(slot, thrown);
      return;
    }
    if (!this.#returned(slot)) this.#failed(slot, this.#why);
  }

  #notify(slot: number, callback: Callback2 | null): void {
    if (callback === null) return;
    this.load(slot);
    this.#output.run();
    if (!this.#enter(slot, callback)) this.#failed(slot, this.#why);
  }

  // Whoever takes a guest for hung does so between `enter` and `leave`, and nothing is done by the
  // host in between but to answer host calls.
  #begin(guest: Guest, slot: number): void {
    this.#effects.begin(slot);
    guest.enter();
    this.#control.enter(slot);
  }

  /** @returns false when the guest failed; #why says how */
  #enter(slot: number, callback: Callback2): boolean {
    const guest = this.#guest;
    this.#begin(guest, slot);
    try {
      try {
        callback(this.#table[slot * COLUMNS + HANDLE]!, guest.state);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      this.#why = thrown;
      return false;
    }
    return this.#returned(slot);
  }

  #returned(slot: number): boolean {
    const guest = this.#guest;
    guest.left();
    this.#why = guest.dead;
    if (guest.dead !== null) return false;
    if (this.#effects.pending) this.#lifecycle.apply(this.#effects.mark);
    this.save(slot);
    return true;
  }

  // The callback's effects are taken back, those of earlier ones go out, the connection is lost,
  // and a fresh instance is told of all the others.
  #failed(slot: number, why: unknown): number {
    this.#lose(slot, why);
    this.restart();
    return FAILED;
  }

  #lose(slot: number, why: unknown): void {
    this.#effects.rollback();
    // Its memory may have grown before it failed, and what earlier callbacks sent still lies there.
    this.#guest.left();
    this.#output.run();
    this.#stats.trapped();
    this.#output.doom(slot, REASON_TRAP);
    this.#observer.restart(typeof why === 'string' ? why : trapOf(why));
  }

  /** Starts a fresh instance; connections whose on_restore fails in it are lost as well. */
  restart(): void {
    this.retryAt = Infinity;
    do {
      this.#resident = -1;
      try {
        this.#guest = this.#start();
      } catch (error) {
        this.#giveUp(error);
        return;
      }
    } while (!this.#restored());
  }

  /** Tells the instance of every connection, as one that took over from another thread must. */
  restore(): void {
    if (!this.#restored()) this.restart();
  }

  #restored(): boolean {
    const failed = this.#restore();
    if (failed >= 0) this.#lose(failed, this.#why);
    return failed < 0;
  }

  #start(): Guest {
    const guest = startGuest(this.#module, this.#policy, this.#control);
    const { bytes } = this.#segment.states;
    if (guest.stateBytes !== bytes) {
      throw new Error(
        `${this.#module.name}: state_size() was ${bytes} and is now ${guest.stateBytes}`,
      );
    }
    guest.connect(this.#host);
    return guest;
  }

  /**
   * Starts an instance of a module that may take over, and keeps it aside; nothing else changes.
   * @returns the layout of its state blocks
   * @throws WasmpollError ERR_GUEST when it does not start or cannot take over the state blocks
   */
  prepare(module: GuestModule): Layout {
    this.#next = null;
    const guest = startGuest(module, this.#policy, this.#control);
    const layout = { bytes: guest.stateBytes, version: guest.stateVersion };
    checkTakeover(this.#segment.states, layout, module, this.#policy);
    this.#next = { module, guest };
    return layout;
  }

  /** What was prepared is not wanted. */
  discard(): void {
    this.#next = null;
  }

  /**
   * The module takes over: in the instance that was prepared, if there is one, or in a fresh one.
   * Nothing may be queued.
   * @param blocks the state blocks there are, or empty ones that `migrate` is to fill
   */
  commit(module: GuestModule, blocks: StateBlocks): void {
    const next = this.#next;
    this.#next = null;
    this.#module = next?.module ?? module;
    const { states } = this.#segment;
    if (blocks.generation !== states.generation) {
      this.#segment.before = states;
      this.#segment.states = new States(blocks);
      this.#bindStates();
    }
    if (next === null || next.guest.stateBytes !== blocks.bytes) {
      this.restart();
      return;
    }
    this.retryAt = Infinity;
    this.#resident = -1;
    this.#guest = next.guest;
    this.#guest.connect(this.#host);
    this.restore();
  }

  #bindStates(): void {
    const { states, before } = this.#segment;
    this.#stateBytes = states.bytes;
    this.#batch.bind(STATES_BUFFER, states.view);
    // Nothing holds on to the old ones when they are not needed any more.
    this.#batch.bind(BEFORE_BUFFER, (before ?? states).view);
  }

  /** @returns the slot in whose migrate the guest failed, or −1 */
  #migrate(): number {
    const { before, states } = this.#segment;
    if (before === null) return -1;
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if ((this.#table[base + FLAGS]! & (KNOWN | DOOMED)) !== KNOWN) continue;
      if (this.#table[base + LAYOUT] === states.generation) continue;
      this.#table[base + BUSY] = 1;
      const migrated = this.#migrateOne(slot, before);
      if (migrated) this.#table[base + LAYOUT] = states.generation;
      this.#table[base + BUSY] = 0;
      if (!migrated) return slot;
    }
    this.#segment.before = null;
    this.#bindStates();
    return -1;
  }

  // The old block goes into the window; the new one is written back before the next is looked at.
  #migrateOne(slot: number, { bytes, version, stride }: States): boolean {
    const guest = this.#guest;
    const { migrate, window } = guest;
    if (migrate === null) throw new Error(`${this.#module.name}: has no migrate`);
    if (bytes > 0) this.#batch.copy(BEFORE_BUFFER, slot * stride, GUEST_BUFFER, window, bytes);
    this.#output.run();
    guest.clearState();
    this.#resident = slot;
    const entered = this.#enter(slot, (connection, state) =>
      migrate(connection, window, bytes, version, state),
    );
    if (entered) this.#output.run();
    return entered;
  }

  /** @returns the slot in whose migrate or on_restore the guest failed, or −1 */
  #restore(): number {
    const failed = this.#migrate();
    if (failed >= 0) return failed;
    const { onRestore } = this.#guest;
    if (onRestore === null) return -1;
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      if ((this.#table[slot * COLUMNS + FLAGS]! & (KNOWN | DOOMED)) !== KNOWN) continue;
      this.load(slot);
      this.#output.run();
      if (!this.#enter(slot, onRestore)) return slot;
    }
    this.#output.run();
    return -1;
  }

  #giveUp(error: unknown): void {
    for (let slot = 0; slot < this.#connections.end; slot += 1) {
      if ((this.#table[slot * COLUMNS + FLAGS]! & KNOWN) !== 0) {
        this.#output.doom(slot, REASON_TRAP);
      }
    }
    this.retryAt = this.#clock.now + RETRY_MS;
    this.#stats.error('GUEST_START');
    this.#observer.failure(error);
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
