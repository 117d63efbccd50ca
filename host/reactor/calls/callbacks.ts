// Callbacks: the way into the guest and back. Each is a transaction: what it asked for takes effect
// when it returns, or not at all; a guest that fails in one is replaced by a fresh instance.
// It does not know when a callback is due.

import { REASON_TRAP } from '../../../assembly/abi.ts';
import type { Guest } from '../../guest/guest.ts';
import * as Words from '../../memory/control-words.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Endings } from '../endings.ts';
import type { Output } from '../output.ts';
import type { Parts } from '../parts.ts';
import type { Apply } from './apply.ts';
import { CutStates } from './cut-states.ts';
import { type Entrance, Replacement, type Started } from './replacement.ts';

const { BEFORE_BUFFER, COLUMNS, FLAGS, GUEST_BUFFER, HANDLE } = Numbers;
const { KNOWN, REASON, SLOTS, STATES_BUFFER, UNSAVED } = Numbers;
const { IN_ON_TICK, ON_CLOSE, ON_DATA, ON_DRAIN, ON_END, ON_OPEN, ON_TICK, ON_TIMER } = Words;

/** What `data` and `end` return when the guest failed; the connection is doomed then. */
export const FAILED = -1;

type Callback2 = (connection: number, state: number) => void;

export class Callbacks implements Entrance {
  readonly replacement: Replacement;
  /** The instance that callbacks go to. */
  guest: Guest;
  /** Bytes of a connection's state block. */
  #stateBytes = 0;
  #stride = 0;
  #cut: CutStates | null = null;
  /** The slot whose committed state is in the guest's state block, or −1. */
  #resident = -1;
  /** What the guest failed of, last. */
  why: unknown = null;
  readonly #parts: Parts;
  readonly #table: Int32Array;
  readonly #batch: Parts['batch'];
  readonly #effects: Parts['effects'];
  readonly #control: Parts['control'];
  readonly #output: Output;
  readonly #apply: Apply;
  readonly #endings: Endings;

  /** @throws WasmpollError ERR_GUEST when the instance does not fit the state blocks that there are */
  constructor(parts: Parts, output: Output, apply: Apply, endings: Endings, started: Started) {
    this.#parts = parts;
    this.#table = parts.connections.table;
    this.#batch = parts.batch;
    this.#effects = parts.effects;
    this.#control = parts.control;
    this.#output = output;
    this.#apply = apply;
    this.#endings = endings;
    this.replacement = new Replacement(parts, output, started, this);
    this.guest = started.guest;
    this.guest.connect(this.#parts);
    this.bindStates();
  }

  install(guest: Guest): void {
    guest.connect(this.#parts);
    this.guest = guest;
    this.#resident = -1;
  }

  bindStates(): void {
    const { states, before } = this.#parts.connections.segment;
    this.#stateBytes = states.bytes;
    this.#stride = states.headStride;
    this.#cut = states.tailBytes === 0 ? null : new CutStates(states, this.#batch, this.#table);
    this.#batch.bind(STATES_BUFFER, states.view);
    // Nothing holds on to the old ones when they are not needed any more.
    this.#batch.bind(BEFORE_BUFFER, (before ?? states).view);
  }

  /** Address of the receive window in the guest's memory. */
  get window(): number {
    return this.guest.window;
  }

  /** A copy of guest memory, for those who watch. */
  read(address: number, length: number): Uint8Array {
    return this.guest.memory.read(address, length);
  }

  /** Queues what the guest needs before a callback of this slot: its state block. */
  load(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident === slot) return;
    const { state } = this.guest;
    if (this.#cut !== null) this.#cut.load(slot, state);
    else this.#batch.copy(STATES_BUFFER, slot * this.#stride, GUEST_BUFFER, state, stateBytes);
    this.#resident = slot;
  }

  /** As `load`, at once. */
  loadNow(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident === slot) return;
    const { state } = this.guest;
    if (this.#cut !== null) this.#cut.loadNow(slot, state);
    else this.#batch.copyWords(STATES_BUFFER, slot * this.#stride, GUEST_BUFFER, state, stateBytes);
    this.#resident = slot;
  }

  /** The guest's state block becomes zero, and is the slot's. */
  clear(slot: number): void {
    this.guest.clearState();
    this.#resident = slot;
  }

  /** Queues the copy of the state block that the last callback of this slot left. */
  save(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident !== slot) return;
    this.#table[(slot & SLOTS) * COLUMNS + UNSAVED] = 1;
    this.#output.unsaved = slot;
    const { state } = this.guest;
    if (this.#cut !== null) this.#cut.save(slot, state);
    else this.#batch.copy(GUEST_BUFFER, state, STATES_BUFFER, slot * this.#stride, stateBytes);
  }

  /** As `save`, at once: another callback comes before the batch is performed. */
  saveNow(slot: number): void {
    const stateBytes = this.#stateBytes;
    if (stateBytes === 0 || this.#resident !== slot) return;
    const { state } = this.guest;
    if (this.#cut !== null) this.#cut.saveNow(slot, state);
    else this.#batch.copyWords(GUEST_BUFFER, state, STATES_BUFFER, slot * this.#stride, stateBytes);
  }

  /** on_data; state and data are in the guest. @returns bytes consumed, or FAILED */
  data(slot: number, address: number, length: number): number {
    const guest = this.guest;
    this.begin(guest, slot, ON_DATA);
    const handle = this.#table[(slot & SLOTS) * COLUMNS + HANDLE]!;
    let consumed = 0;
    // Without `finally`, which V8 makes more of: what is inlined into the caller would be less.
    try {
      consumed = guest.onData(handle, guest.state, address, length) >>> 0;
    } catch (thrown) {
      this.#control.leave();
      return this.#failed(slot, thrown);
    }
    this.#control.leave();
    guest.memory.review();
    const { dead } = guest.gate;
    if (dead !== null || consumed > length) {
      return this.#failed(slot, dead ?? `on_data consumed ${consumed} of ${length} bytes`);
    }
    if (this.#effects.pending) this.#apply.from(this.#effects.mark);
    return consumed;
  }

  /** on_end; state and data are in the guest. @returns 0 to close, or FAILED */
  end(slot: number, address: number, length: number): number {
    const guest = this.guest;
    if (guest.onEnd === null) return 0;
    this.begin(guest, slot, ON_END);
    let keep = 0;
    try {
      keep = guest.onEnd(this.#table[slot * COLUMNS + HANDLE]!, guest.state, address, length);
    } catch (thrown) {
      this.#control.leave();
      return this.#failed(slot, thrown);
    }
    this.#control.leave();
    return this.returned(slot) ? Number(keep !== 0) : this.#failed(slot, this.why);
  }

  /** on_open; the slot may have been another connection's, whose state the guest still has. */
  open(slot: number): void {
    if (this.#resident === slot) this.#resident = -1;
    this.notify(slot, this.guest.onOpen, ON_OPEN);
  }

  drain(slot: number): void {
    this.notify(slot, this.guest.onDrain, ON_DRAIN);
  }

  timer(slot: number): void {
    this.notify(slot, this.guest.onTimer, ON_TIMER);
  }

  /** on_tick, which belongs to no connection. @returns false when it has failed */
  tick(): boolean {
    const { onTick } = this.guest;
    if (onTick === null) return true;
    this.#output.run();
    return this.enter(IN_ON_TICK, onTick, ON_TICK) || this.#failed(IN_ON_TICK, this.why) !== FAILED;
  }

  /** on_close, once: the handle is already unknown to the guest's host functions. */
  close(slot: number): void {
    const base = slot * COLUMNS;
    if ((this.#table[base + FLAGS]! & KNOWN) === 0) return;
    this.#table[base + FLAGS]! &= ~KNOWN;
    const { onClose } = this.guest;
    if (onClose === null || this.replacement.retryAt !== Infinity) return;
    const reason = this.#table[base + REASON]!;
    this.notify(slot, (connection, state) => onClose(connection, state, reason), ON_CLOSE);
  }

  notify(slot: number, callback: Callback2 | null, which: number): void {
    if (callback === null) return;
    this.load(slot);
    this.#output.run();
    if (!this.enter(slot, callback, which)) this.#failed(slot, this.why);
  }

  // Whoever takes a guest for hung does so between `enter` and `leave`, and nothing is done by the
  // host in between but to answer host calls.
  begin(guest: Guest, slot: number, which: number): void {
    this.#effects.begin(slot);
    guest.gate.enter();
    this.#control.enter(slot, which);
  }

  enter(slot: number, callback: Callback2, which: number): boolean {
    const guest = this.guest;
    this.begin(guest, slot, which);
    try {
      try {
        if (slot >= 0) callback(this.#table[slot * COLUMNS + HANDLE]!, guest.state);
        else callback(0, 0);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      this.why = thrown;
      return false;
    }
    return this.returned(slot);
  }

  returned(slot: number): boolean {
    if (!this.settled()) return false;
    // What belongs to no connection may have written to the block of one: it is loaded again.
    if (slot >= 0) this.save(slot);
    else this.#resident = -1;
    return true;
  }

  /** As `returned`; the state is still to be saved. */
  settled(): boolean {
    const guest = this.guest;
    guest.memory.review();
    this.why = guest.gate.dead;
    if (guest.gate.dead !== null) return false;
    if (this.#effects.pending) this.#apply.from(this.#effects.mark);
    return true;
  }

  // The callback's effects are taken back, those of earlier ones go out, the connection is lost,
  // and a fresh instance is told of all the others.
  #failed(slot: number, why: unknown): number {
    this.why = why;
    this.lose(slot);
    this.replacement.restart();
    return FAILED;
  }

  get failure(): string {
    return this.#endings.inWords(this.why);
  }

  lose(slot: number, what = ''): void {
    this.#effects.rollback();
    this.#parts.shared.rollback();
    this.#parts.outbound.rollback();
    // What earlier callbacks have sent still lies in its memory.
    this.guest.end();
    this.#output.run();
    this.#parts.stats.trapped();
    if (slot >= 0) this.#parts.connections.doom(slot, REASON_TRAP);
    this.#endings.failed(slot, what, this.why, this.replacement.module);
  }
}
