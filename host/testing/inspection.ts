// Inspection: what a test may see of one connection besides its bytes. It reads what the reactor keeps, and changes
// nothing.

import { ConnectionRows, type Waiting } from '../memory/connection-rows.ts';
import { slotBitsOf } from '../memory/handles.ts';
import { GUEST_TIMER, TIMES } from '../memory/layout.ts';
import { offsetsOf } from '../memory/segment.ts';
import { type StateBlocks, States } from '../memory/state-blocks.ts';

/** A connection between two calls of the harness. */
export interface Inspection {
  /** A copy of its state block, as the last callback has left it. */
  readonly state: Uint8Array;
  /** When its `on_timer` is due, in milliseconds of the virtual clock; null without a timer. */
  readonly timerAt: number | null;
  /** What it waits for; null for its peer. */
  readonly waiting: Waiting;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Output that the peer has not taken. */
  readonly backlogBytes: number;
  /** Input that the guest has not taken. */
  readonly heldBytes: number;
}

export interface Inspected {
  readonly segment: ArrayBufferLike;
  readonly states: StateBlocks;
}

/** @returns null when there is no such connection any more */
export function inspect(
  { segment, states }: Inspected,
  connections: number,
  handle: number,
): Inspection | null {
  const slot = handle & (2 ** slotBitsOf(connections) - 1);
  const rows = new ConnectionRows(segment, connections);
  if (slot >= connections || rows.handle(slot) !== handle || !rows.has(slot)) return null;
  const times = new Float64Array(segment, offsetsOf(connections).times, connections * TIMES);
  const timerAt = times[slot * TIMES + GUEST_TIMER] || null;
  const state = new States(states).read(slot);
  const { waiting, bytesIn, bytesOut, backlogBytes, heldBytes } = rows.row(slot);
  return { state, timerAt, waiting, bytesIn, bytesOut, backlogBytes, heldBytes };
}
