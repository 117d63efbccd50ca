// Connection rows: the table of connections as another thread reads it, while it is being changed. A row may be torn;
// what is looked up by its descriptor is true if the row is still the same afterwards. It knows no address.

import { isThere } from './handles.ts';
import {
  AWAITING,
  BLOCKED,
  BYTES_IN,
  BYTES_OUT,
  CLOSING,
  COLUMNS,
  CONNECTING,
  DECLINED,
  DOOMED,
  ENDED,
  FD,
  FLAGS,
  HANDLE,
  HANDSHAKING,
  HELD_BYTES,
  LINGERING,
  OPEN,
  OUTBOUND,
  OUTPUT_BYTES,
  PARENT,
  PAUSED,
  RECEIVED,
  REQUESTS,
  SENT,
  TIES,
  TIMES,
  WANT,
} from './layout.ts';
import { offsetsOf } from './segment.ts';

/** What a connection waits for; null for its peer. */
export type Waiting = 'backlog' | 'guest' | 'more' | 'requests' | null;

export interface ConnectionRow {
  readonly handle: number;
  readonly fd: number;
  /** The handle of the connection in whose favour it leads to an upstream; 0 if there is none, or not any more. */
  readonly parent: number;
  readonly state: 'connecting' | 'handshake' | 'open' | 'ended' | 'closing' | 'lingering';
  readonly waiting: Waiting;
  /** Monotonic milliseconds. */
  readonly openedMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Output that the peer has not taken. */
  readonly backlogBytes: number;
  /** Input that the guest has not taken. */
  readonly heldBytes: number;
}

/** Numbers by which connections are sorted. */
export type SortKey = 'backlogBytes' | 'heldBytes' | 'bytesIn' | 'bytesOut' | 'openedMs';

export class ConnectionRows {
  /** Slots that there may be. */
  readonly size: number;
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #opened: Float64Array;
  readonly #ties: Int32Array;

  /**
   * @param segment a segment's buffer
   * @param connections how many that has room for
   */
  constructor(segment: ArrayBufferLike, connections: number) {
    const { times, opened, ties } = offsetsOf(connections);
    this.size = connections;
    this.#table = new Int32Array(segment, 0, connections * COLUMNS);
    this.#times = new Float64Array(segment, times, connections * TIMES);
    this.#opened = new Float64Array(segment, opened, connections);
    this.#ties = new Int32Array(segment, ties, connections * TIES);
  }

  /** Whether the slot, or one behind it, has ever been used. */
  used(slot: number): boolean {
    return this.#table[slot * COLUMNS + HANDLE] !== 0;
  }

  /** Whether the slot has a connection with a descriptor, or one that is being made. */
  has(slot: number): boolean {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    if ((flags & (OPEN | DOOMED)) !== OPEN) return false;
    return this.#table[base + FD]! >= 0 || (flags & CONNECTING) !== 0;
  }

  /** Whether the slot has this very connection, with this descriptor. */
  holds(slot: number, { handle, fd }: ConnectionRow): boolean {
    const base = slot * COLUMNS;
    return (
      Atomics.load(this.#table, base + FD) === fd &&
      Atomics.load(this.#table, base + HANDLE) === handle
    );
  }

  /** Whether it leads to an upstream. */
  isOutbound(slot: number): boolean {
    return (this.#table[slot * COLUMNS + FLAGS]! & OUTBOUND) !== 0;
  }

  #parent(slot: number): number {
    const parent = this.isOutbound(slot) ? this.#ties[slot * TIES + PARENT]! : 0;
    return parent !== 0 && isThere(this.#table, this.size, parent) ? parent : 0;
  }

  handle(slot: number): number {
    return this.#table[slot * COLUMNS + HANDLE]!;
  }

  key(slot: number, key: SortKey): number {
    const base = slot * COLUMNS;
    if (key === 'backlogBytes') return this.#table[base + OUTPUT_BYTES]!;
    if (key === 'heldBytes') return this.#table[base + HELD_BYTES]!;
    if (key === 'bytesIn') return bytesIn(this.#table, this.#times, slot);
    if (key === 'bytesOut') return bytesOut(this.#table, this.#times, slot);
    return this.#opened[slot]!;
  }

  row(slot: number): ConnectionRow {
    const base = slot * COLUMNS;
    const flags = this.#table[base + FLAGS]!;
    return {
      handle: this.#table[base + HANDLE]!,
      fd: this.#table[base + FD]!,
      parent: this.#parent(slot),
      state: stateOf(flags),
      waiting: this.#waiting(base, flags),
      openedMs: this.key(slot, 'openedMs'),
      bytesIn: this.key(slot, 'bytesIn'),
      bytesOut: this.key(slot, 'bytesOut'),
      backlogBytes: this.key(slot, 'backlogBytes'),
      heldBytes: this.key(slot, 'heldBytes'),
    };
  }

  #waiting(base: number, flags: number): Waiting {
    if ((flags & BLOCKED) !== 0) return 'backlog';
    if ((flags & PAUSED) !== 0) return 'guest';
    if (this.#table[base + REQUESTS]! > 0) return 'requests';
    const more = this.#table[base + WANT]! > 0 || (flags & DECLINED) !== 0;
    return more && this.#table[base + HELD_BYTES]! > 0 ? 'more' : null;
  }
}

/** Bytes that a slot's connection has received. */
export const bytesIn = (table: Int32Array, times: Float64Array, slot: number): number =>
  times[slot * TIMES + BYTES_IN]! + table[slot * COLUMNS + RECEIVED]!;

/** Bytes of it that the kernel has taken. */
export const bytesOut = (table: Int32Array, times: Float64Array, slot: number): number =>
  times[slot * TIMES + BYTES_OUT]! + table[slot * COLUMNS + SENT]!;

function stateOf(flags: number): ConnectionRow['state'] {
  if ((flags & LINGERING) !== 0) return 'lingering';
  if ((flags & CLOSING) !== 0) return 'closing';
  if ((flags & CONNECTING) !== 0) return 'connecting';
  if ((flags & (AWAITING | HANDSHAKING)) !== 0) return 'handshake';
  return (flags & ENDED) !== 0 ? 'ended' : 'open';
}
