// Replacement: which instance serves next, and what it is told before it does: a fresh one after a
// failure, one of another module in a swap, or one that goes on where another thread has ended.
// It does not know how a guest is entered, nor when one has failed.

import { REASON_TRAP } from '../../assembly/abi.ts';
import { WasmpollError } from '../errors.ts';
import { type Guest, startGuest } from '../guest/guest.ts';
import { checkTakeover } from '../guest/takeover.ts';
import {
  BEFORE_BUFFER,
  BUSY,
  COLUMNS,
  DOOMED,
  FLAGS,
  GUEST_BUFFER,
  KNOWN,
  LAYOUT,
} from '../memory/layout.ts';
import { type Layout, type StateBlocks, States } from '../memory/state-blocks.ts';
import type { GuestModule } from '../module/protocol-module.ts';
import type { Output } from './output.ts';
import type { Parts } from './parts.ts';

// How long the host waits before it tries to start a guest again that did not come up.
const RETRY_MS = 1000;

/** An instance, and what it was made from. */
export interface Started {
  readonly module: GuestModule;
  readonly guest: Guest;
}

/** The way into the guest. */
export interface Entrance {
  /** From now on callbacks go to this instance, which knows no connection yet. */
  install(guest: Guest): void;
  /** The segment has other state blocks than before. */
  bindStates(): void;
  /** Queues what the guest needs before a callback of the slot. */
  load(slot: number): void;
  /** The guest's state block becomes zero, and is the slot's. */
  clear(slot: number): void;
  /** @returns false when the guest failed */
  enter(slot: number, callback: (connection: number, state: number) => void): boolean;
  /** Gives up the connection in whose callback the guest failed, and all that it asked for. */
  lose(slot: number): void;
}

export class Replacement {
  /** When to try again to start a guest; Infinity while one is running. */
  retryAt = Infinity;
  /** When those who are connected will have had the time back that restarts have taken from them. */
  paidAt = 0;
  readonly #parts: Parts;
  readonly #output: Output;
  readonly #entrance: Entrance;
  #guest: Guest;
  #module: GuestModule;
  /** A started instance of a module that may take over. */
  #next: Started | null = null;

  /** @throws WasmpollError ERR_GUEST when the instance does not fit the state blocks that there are */
  constructor(parts: Parts, output: Output, { module, guest }: Started, entrance: Entrance) {
    this.#parts = parts;
    this.#output = output;
    this.#entrance = entrance;
    this.#module = module;
    this.#guest = this.#checked(guest);
  }

  #checked(guest: Guest): Guest {
    const { bytes } = this.#parts.connections.segment.states;
    if (guest.stateBytes === bytes) return guest;
    const found = `state_size() was ${bytes} and is now ${guest.stateBytes}`;
    throw new WasmpollError('ERR_GUEST', `${this.#module.name}: ${found}`);
  }

  /** Starts a fresh instance; connections whose on_restore fails in it are lost as well. */
  restart(): void {
    const { clock } = this.#parts;
    clock.refresh();
    const began = clock.now;
    this.#restart();
    clock.refresh();
    this.paidAt = Math.max(this.paidAt, clock.now) + clock.now - began;
  }

  #restart(): void {
    const { policy, control } = this.#parts;
    this.retryAt = Infinity;
    do {
      try {
        this.#install(this.#checked(startGuest(this.#module, policy, control)));
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

  #install(guest: Guest): void {
    this.#guest = guest;
    this.#entrance.install(guest);
  }

  #restored(): boolean {
    const failed = this.#restore();
    if (failed >= 0) this.#entrance.lose(failed);
    return failed < 0;
  }

  /**
   * Starts an instance of a module that may take over, and keeps it aside; nothing else changes.
   * @returns the layout of its state blocks
   * @throws WasmpollError ERR_GUEST when it does not start or cannot take over the state blocks
   */
  prepare(module: GuestModule): Layout {
    const { policy, control, connections } = this.#parts;
    this.#next = null;
    const guest = startGuest(module, policy, control);
    const layout = { bytes: guest.stateBytes, version: guest.stateVersion };
    checkTakeover(this.#module, connections.segment.states, layout, module, policy);
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
    const { segment } = this.#parts.connections;
    const next = this.#next;
    this.#next = null;
    this.#module = next?.module ?? module;
    const { states } = segment;
    if (blocks.generation !== states.generation) {
      segment.before = states;
      segment.states = new States(blocks);
      this.#entrance.bindStates();
    }
    if (next === null || next.guest.stateBytes !== blocks.bytes) {
      this.restart();
      return;
    }
    this.retryAt = Infinity;
    this.#install(next.guest);
    this.restore();
  }

  /** @returns the slot in whose migrate or on_restore the guest failed, or −1 */
  #restore(): number {
    const failed = this.#migrate();
    if (failed >= 0) return failed;
    const { onRestore } = this.#guest;
    if (onRestore === null) return -1;
    const { connections } = this.#parts;
    for (let slot = 0; slot < connections.end; slot += 1) {
      if (!this.#tells(slot)) continue;
      this.#entrance.load(slot);
      this.#output.run();
      if (!this.#entrance.enter(slot, onRestore)) return slot;
    }
    this.#output.run();
    return -1;
  }

  // Whether the guest knows of the connection, and is to go on with it.
  #tells(slot: number): boolean {
    const { table } = this.#parts.connections;
    return (table[slot * COLUMNS + FLAGS]! & (KNOWN | DOOMED)) === KNOWN;
  }

  /** @returns the slot in whose migrate the guest failed, or −1 */
  #migrate(): number {
    const { connections } = this.#parts;
    const { segment, table } = connections;
    const { before, states } = segment;
    if (before === null) return -1;
    for (let slot = 0; slot < connections.end; slot += 1) {
      const base = slot * COLUMNS;
      if (!this.#tells(slot) || table[base + LAYOUT] === states.generation) continue;
      table[base + BUSY] = 1;
      const migrated = this.#migrateOne(slot, before);
      if (migrated) table[base + LAYOUT] = states.generation;
      table[base + BUSY] = 0;
      if (!migrated) return slot;
    }
    segment.before = null;
    this.#entrance.bindStates();
    return -1;
  }

  // The old block goes into the window; the new one is written back before the next is looked at.
  #migrateOne(slot: number, { bytes, version, stride }: States): boolean {
    const { batch } = this.#parts;
    const { migrate, window } = this.#guest;
    if (migrate === null) throw new Error(`${this.#module.name}: has no migrate`);
    if (bytes > 0) batch.copy(BEFORE_BUFFER, slot * stride, GUEST_BUFFER, window, bytes);
    this.#output.run();
    this.#entrance.clear(slot);
    const entered = this.#entrance.enter(slot, (connection, state) =>
      migrate(connection, window, bytes, version, state),
    );
    if (entered) this.#output.run();
    return entered;
  }

  #giveUp(error: unknown): void {
    const { connections, clock, stats, observer } = this.#parts;
    for (let slot = 0; slot < connections.end; slot += 1) {
      if ((connections.table[slot * COLUMNS + FLAGS]! & KNOWN) !== 0) {
        connections.doom(slot, REASON_TRAP);
      }
    }
    this.retryAt = clock.now + RETRY_MS;
    stats.error('GUEST_START');
    observer.failure(error);
  }
}
