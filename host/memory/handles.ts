// Handles: what a handle says of a connection, and what its row says of it. Any thread may ask. It changes nothing.

import {
  AWAITING,
  CLOSING,
  COLUMNS,
  CONNECTING,
  DOOMED,
  FLAGS,
  HANDLE,
  HANDSHAKING,
  LINGERING,
  OPEN,
} from './layout.ts';

/** Bits of a handle that name the slot; the others are its generation. */
export const slotBitsOf = (connections: number): number =>
  Math.max(1, 32 - Math.clz32(connections - 1));

/** Any of these, and the guest was not told of the connection yet. */
const BEFORE = AWAITING | HANDSHAKING;

/** The flags of the connection that a handle names; 0 when there is none. */
function flagsOf(table: Int32Array, connections: number, handle: number): number {
  const slot = handle & (2 ** slotBitsOf(connections) - 1);
  if (slot >= connections || table[slot * COLUMNS + HANDLE] !== handle) return 0;
  return table[slot * COLUMNS + FLAGS]!;
}

/** Whether a handle names a connection that is open and not about to end. Any thread may ask. */
export const isOpen = (table: Int32Array, connections: number, handle: number): boolean =>
  (flagsOf(table, connections, handle) & (OPEN | CLOSING | LINGERING | DOOMED | BEFORE)) === OPEN;

/** Whether a handle names a connection that has, or will have, a descriptor to close. Any thread may ask. */
export const isThere = (table: Int32Array, connections: number, handle: number): boolean =>
  (flagsOf(table, connections, handle) & (OPEN | DOOMED)) === OPEN;

/** Whether a handle names a connection that is to be made still. Any thread may ask. */
export const isAwaited = (table: Int32Array, connections: number, handle: number): boolean =>
  (flagsOf(table, connections, handle) & (OPEN | CONNECTING | DOOMED)) === (OPEN | CONNECTING);
