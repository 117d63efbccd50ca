// Connections: the slots of the table, their handles, and the lists of those that are closing, ready,
// or have another backlog than before. It knows nothing of I/O, guests or time.

import { isOpen, slotBitsOf } from './handles.ts';
import * as Numbers from './layout.ts';
import type { Segment } from './segment.ts';

const { BYTES_IN, BYTES_OUT, COLUMNS, CONNECTING, DOOMED, FD, FLAGS, HANDLE, KNOWN } = Numbers;
const { LAST_PROGRESS, LAYOUT, LINK, MANY_BYTES, MASK, OPEN, QUEUED, READY, READY_NEXT } = Numbers;
const { READY_PREVIOUS, REASON, RECEIVED, SENT, SLOTS, TIMES, TOUCHED, TURN_LIMIT } = Numbers;

// A handle is not given out again before this many other slots were freed after it, unless the
// table is full: stale handles that a guest kept stay recognisable for longer.
const RESERVED_SLOTS = 1024;

export class Connections {
  readonly segment: Segment;
  readonly table: Int32Array;
  readonly #times: Float64Array;
  readonly slotBits: number;
  readonly slotMask: number;
  /** Slots in use. */
  open = 0;
  #fresh = 0;
  #freeFirst = -1;
  #freeLast = -1;
  #freeCount = 0;
  #closingFirst = -1;
  #closingLast = -1;
  #readyFirst = -1;
  #readyLast = -1;
  /** Slots in the ready list. */
  ready = 0;
  readonly #touched: Int32Array;
  #touchedCount = 0;

  constructor(segment: Segment) {
    this.segment = segment;
    this.table = segment.table;
    this.#times = segment.times;
    this.slotBits = slotBitsOf(segment.connections);
    this.slotMask = 2 ** this.slotBits - 1;
    this.#touched = new Int32Array(segment.connections);
  }

  /** Slots that have ever been in use are below this one. */
  get end(): number {
    return this.#fresh;
  }

  /** Gives the first connection of a table this handle, which it had in another table, of whatever size. */
  begin(handle: number): void {
    const { table, segment } = this;
    for (let at = 0; at < segment.connections; at += 1) {
      const slot = (handle + at) & this.slotMask;
      table[slot * COLUMNS + HANDLE] = at === 0 ? handle : (1 << this.slotBits) | slot;
      this.#free(slot);
    }
    this.#fresh = segment.connections;
  }

  /** Takes a slot for `fd` and gives it a new handle; −1 when the table is full. */
  take(fd: number): number {
    const { table, segment } = this;
    let slot = -1;
    if (this.#fresh < segment.connections && this.#freeCount < RESERVED_SLOTS) {
      slot = this.#fresh++;
      table[slot * COLUMNS + HANDLE] = (1 << this.slotBits) | slot;
    } else if (this.#freeCount > 0) {
      slot = this.#freeFirst;
      this.#freeFirst = table[slot * COLUMNS + LINK]!;
      this.#freeCount -= 1;
    } else {
      return -1;
    }
    const base = slot * COLUMNS;
    table.fill(0, base + FLAGS, base + COLUMNS);
    table[base + FD] = fd;
    table[base + MASK] = -1;
    segment.times.fill(0, slot * TIMES, slot * TIMES + TIMES);
    table[base + LAYOUT] = segment.states.generation;
    segment.states.clear(slot);
    // Last: whoever takes over the table believes an open row.
    table[base + FLAGS] = OPEN;
    this.open += 1;
    return slot;
  }

  /** Frees the slot; its handle is stale from here on. */
  release(slot: number): void {
    this.#dropReady(slot);
    const base = slot * COLUMNS;
    const { table } = this;
    const generation = (table[base + HANDLE]! >>> this.slotBits) + 1;
    // Generation 0 is skipped when it wraps, so that no handle is ever 0.
    const next = (generation << this.slotBits) | slot;
    table[base + HANDLE] = next >>> this.slotBits === 0 ? (1 << this.slotBits) | slot : next;
    table[base + FLAGS] = 0;
    table[base + FD] = -1;
    this.#free(slot);
    this.open -= 1;
  }

  /**
   * Finds out which slots are in use, after another thread has left the table: the lists are made
   * anew, with nothing in the ready list or the closing queue.
   */
  recover(): void {
    const { table, segment } = this;
    this.#fresh = 0;
    for (let slot = segment.connections - 1; slot >= 0 && this.#fresh === 0; slot -= 1) {
      if (table[slot * COLUMNS + HANDLE] !== 0) this.#fresh = slot + 1;
    }
    for (let slot = 0; slot < this.#fresh; slot += 1) {
      const base = slot * COLUMNS;
      table[base + FLAGS]! &= ~(READY | QUEUED | TOUCHED);
      if ((table[base + FLAGS]! & OPEN) === 0) this.#free(slot);
      else this.open += 1;
    }
  }

  #free(slot: number): void {
    if (this.#freeCount === 0) this.#freeFirst = slot;
    else this.table[this.#freeLast * COLUMNS + LINK] = slot;
    this.#freeLast = slot;
    this.#freeCount += 1;
  }

  /** Visits each slot that has a descriptor, or will have one. */
  each(visit: (slot: number) => void): void {
    const { table } = this;
    for (let slot = 0; slot < this.#fresh; slot += 1) {
      const base = slot * COLUMNS;
      const flags = table[base + FLAGS]!;
      if ((flags & OPEN) === 0) continue;
      if (table[base + FD]! >= 0 || (flags & CONNECTING) !== 0) visit(slot);
    }
  }

  /** The slot of a handle that the guest may name, or −1 when it is forged, stale or closed. */
  find(handle: number): number {
    const slot = handle & this.slotMask & SLOTS;
    if (slot >= this.#fresh) return -1;
    const base = slot * COLUMNS;
    if (this.table[base + HANDLE] !== handle) return -1;
    return (this.table[base + FLAGS]! & (KNOWN | DOOMED)) === KNOWN ? slot : -1;
  }

  /** Whether a handle names a connection that is open and not about to end. */
  has(handle: number): boolean {
    return isOpen(this.table, this.segment.connections, handle);
  }

  /** The slot of a handle that came with an event, or −1 when it is stale. */
  current(handle: number): number {
    const slot = handle & this.slotMask & SLOTS;
    return slot < this.#fresh && this.table[slot * COLUMNS + HANDLE] === handle ? slot : -1;
  }

  /** Has the connection aborted at the next rest; the first reason stands. */
  doom(slot: number, reason: number): void {
    const { table } = this;
    const base = slot * COLUMNS;
    if ((table[base + FLAGS]! & DOOMED) !== 0) return;
    table[base + REASON] = reason;
    table[base + FLAGS]! |= DOOMED;
    this.pushClosing(slot);
  }

  /** Bytes came from the peer. */
  received(slot: number, bytes: number, now: number): void {
    this.#count(slot, RECEIVED, bytes, now);
  }

  /** The kernel took bytes for the peer. */
  sent(slot: number, bytes: number, now: number): void {
    this.#count(slot, SENT, bytes, now);
  }

  #count(slot: number, column: number, bytes: number, now: number): void {
    this.#times[slot * TIMES + LAST_PROGRESS] = now;
    const sum = this.table[slot * COLUMNS + column]! + bytes;
    this.table[slot * COLUMNS + column] = sum;
    if (sum >= MANY_BYTES) this.carry(slot);
  }

  /** Empties RECEIVED and SENT into the counts that have room for more. */
  carry(slot: number): void {
    const base = slot * COLUMNS;
    const received = this.table[base + RECEIVED]!;
    this.#times[slot * TIMES + BYTES_IN]! += received;
    this.table[base + RECEIVED] = 0;
    this.table[base + TURN_LIMIT]! -= received;
    this.#times[slot * TIMES + BYTES_OUT]! += this.table[base + SENT]!;
    this.table[base + SENT] = 0;
  }

  /** Its backlog has changed. */
  touch(slot: number): void {
    const at = slot * COLUMNS + FLAGS;
    if ((this.table[at]! & TOUCHED) !== 0) return;
    this.table[at]! |= TOUCHED;
    this.#touched[this.#touchedCount++] = slot;
  }

  /** Takes a slot whose backlog has changed since it was last taken here; −1 when there is none. */
  takeTouched(): number {
    if (this.#touchedCount === 0) return -1;
    const slot = this.#touched[--this.#touchedCount]!;
    this.table[slot * COLUMNS + FLAGS]! &= ~TOUCHED;
    return slot;
  }

  /** Puts the slot into the closing queue, once. */
  pushClosing(slot: number): void {
    const { table } = this;
    const base = slot * COLUMNS;
    if ((table[base + FLAGS]! & QUEUED) !== 0) return;
    table[base + FLAGS]! |= QUEUED;
    table[base + LINK] = -1;
    if (this.#closingFirst < 0) this.#closingFirst = slot;
    else table[this.#closingLast * COLUMNS + LINK] = slot;
    this.#closingLast = slot;
  }

  /** The longest waiting slot of the closing queue, or −1. */
  shiftClosing(): number {
    const slot = this.#closingFirst;
    if (slot < 0) return -1;
    const base = slot * COLUMNS;
    this.#closingFirst = this.table[base + LINK]!;
    this.table[base + FLAGS]! &= ~QUEUED;
    return slot;
  }

  /** Puts the slot into the ready list, once. */
  pushReady(slot: number): void {
    const { table } = this;
    const base = slot * COLUMNS;
    if ((table[base + FLAGS]! & READY) !== 0) return;
    table[base + FLAGS]! |= READY;
    table[base + READY_NEXT] = -1;
    table[base + READY_PREVIOUS] = this.#readyLast;
    if (this.#readyLast < 0) this.#readyFirst = slot;
    else table[this.#readyLast * COLUMNS + READY_NEXT] = slot;
    this.#readyLast = slot;
    this.ready += 1;
  }

  /** The longest waiting slot of the ready list, or −1. */
  shiftReady(): number {
    const slot = this.#readyFirst;
    if (slot >= 0) this.#dropReady(slot);
    return slot;
  }

  #dropReady(slot: number): void {
    const { table } = this;
    const base = slot * COLUMNS;
    if ((table[base + FLAGS]! & READY) === 0) return;
    table[base + FLAGS]! &= ~READY;
    const [next, previous] = [table[base + READY_NEXT]!, table[base + READY_PREVIOUS]!];
    if (previous < 0) this.#readyFirst = next;
    else table[previous * COLUMNS + READY_NEXT] = next;
    if (next < 0) this.#readyLast = previous;
    else table[next * COLUMNS + READY_PREVIOUS] = previous;
    this.ready -= 1;
  }
}
