// Replacement: which instance serves next, and what it is told before it does: a fresh one after a
// failure, one of another module in a swap, or one that goes on where another thread has ended.
// It does not know how a guest is entered, nor when one has failed.

import { REASON_TRAP } from '../../../assembly/abi.ts';
import { WasmpollError } from '../../errors.ts';
import { type Guest, startGuest } from '../../guest/start.ts';
import { checkTakeover } from '../../guest/takeover.ts';
import { IN_ON_START, MIGRATE, ON_RESTORE, ON_START } from '../../memory/control-words.ts';
import { BEFORE_BUFFER, BUSY, COLUMNS, DOOMED, FLAGS, KNOWN, LAYOUT } from '../../memory/layout.ts';
import { type Layout, type StateBlocks, States } from '../../memory/state-blocks.ts';
import type { GuestModule } from '../../module/protocol-module.ts';
import type { Output } from '../output.ts';
import type { Parts } from '../parts.ts';

// How long the host waits before it tries to start a guest again that did not come up.
const RETRY_MS = 1000;

// What a restart takes is given back so many times, since it takes more than can be measured: the
// connection is closed, the instance before is collected, and code is cold.
const PAID_BACK = 2;

/** An instance, and what it was made from. */
export interface Started {
  readonly module: GuestModule;
  readonly guest: Guest;
}

type Callback = (connection: number, state: number) => void;

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
  /**
   * @param slot or one of IN_…; `which` is one of ON_…, MIGRATE
   * @returns false when the guest failed
   */
  enter(slot: number, callback: Callback, which: number): boolean;
  /** What the guest failed of, last. */
  readonly failure: string;
  /**
   * Gives up the connection in whose callback the guest failed, if it is one's, and all that it asked for.
   * @param what stands before why it failed, for those who watch
   */
  lose(slot: number, what?: string): void;
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
  module: GuestModule;
  /** A started instance of a module that may take over. */
  #next: Started | null = null;

  /** @throws WasmpollError ERR_GUEST when the instance does not fit the state blocks that there are */
  constructor(parts: Parts, output: Output, { module, guest }: Started, entrance: Entrance) {
    this.#parts = parts;
    this.#output = output;
    this.#entrance = entrance;
    this.module = module;
    this.#guest = this.#checked(guest);
  }

  #checked(guest: Guest): Guest {
    const { bytes } = this.#parts.connections.segment.states;
    if (guest.stateBytes === bytes) return guest;
    const found = `state_size() was ${bytes} and is now ${guest.stateBytes}`;
    throw new WasmpollError('ERR_GUEST', `${this.module.name}: ${found}`);
  }

  /**
   * The first instance goes into service.
   * @throws WasmpollError ERR_GUEST when its on_start fails
   */
  begin(): void {
    const { onStart } = this.#guest;
    if (onStart === null || this.#entrance.enter(IN_ON_START, onStart, ON_START)) return;
    const why = this.#entrance.failure;
    this.#guest.end();
    this.#parts.epoll.close();
    throw new WasmpollError('ERR_GUEST', `${this.module.name}: on_start failed: ${why}`);
  }

  /**
   * Starts a fresh instance; connections whose on_restore fails in it are lost as well.
   * @param starts false when on_start is not to be called, since it has failed before
   */
  restart(starts = true): void {
    const { clock } = this.#parts;
    clock.refresh();
    const began = clock.now;
    this.#restart(starts);
    clock.refresh();
    // What was owed before is owed still: nobody was served meanwhile.
    const owed = Math.max(0, this.paidAt - began) + PAID_BACK * (clock.now - began);
    this.paidAt = clock.now + owed;
  }

  #restart(starts: boolean): void {
    this.retryAt = Infinity;
    for (let calls = starts; ; ) {
      try {
        this.#install(this.#checked(startGuest(this.module, this.#parts)));
      } catch (error) {
        this.#giveUp(error);
        return;
      }
      if (!this.#restored()) continue;
      if (!calls || this.#begun()) return;
      calls = false;
    }
  }

  /**
   * Tells the instance of every connection, as one that took over from another thread must.
   * @param starts as for `restart`
   */
  restore(starts = true): void {
    if (!this.#restored()) this.restart(starts);
    else if (starts && !this.#begun()) this.restart(false);
  }

  /** on_start. @returns false when the guest failed: the next instance goes into service without it */
  #begun(): boolean {
    const { onStart } = this.#guest;
    if (onStart === null) return true;
    const entered = this.#entrance.enter(IN_ON_START, onStart, ON_START);
    if (entered) this.#output.run();
    else this.#entrance.lose(IN_ON_START, 'on_start is left out, since it failed: ');
    return entered;
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
    const { policy, connections } = this.#parts;
    this.#next = null;
    const guest = startGuest(module, this.#parts);
    const layout = { bytes: guest.stateBytes, version: guest.stateVersion };
    checkTakeover(this.module, connections.segment.states, layout, module, policy);
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
    this.module = next?.module ?? module;
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
      if (!this.#entrance.enter(slot, onRestore, ON_RESTORE)) return slot;
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
  #migrateOne(slot: number, before: States): boolean {
    const { batch } = this.#parts;
    const { migrate, window } = this.#guest;
    if (migrate === null) throw new Error(`${this.module.name}: has no migrate`);
    const { bytes, version } = before;
    before.queueCopy(batch, BEFORE_BUFFER, slot, window);
    this.#output.run();
    this.#entrance.clear(slot);
    const callback: Callback = (connection, state) =>
      migrate(connection, window, bytes, version, state);
    const entered = this.#entrance.enter(slot, callback, MIGRATE);
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
