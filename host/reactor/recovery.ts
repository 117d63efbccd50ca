// Recovery: takes a segment up that another thread has left, at rest or in the middle of a change.
// It decides which connections are whole; everything that can be derived is derived anew.

import { REASON_ERROR } from '../../assembly/abi.ts';
import type { Connections } from '../memory/connections.ts';
import {
  BUSY,
  CHAIN_BYTES,
  COLUMNS,
  DOOMED,
  FD,
  FLAGS,
  HELD,
  KNOWN,
  LINGERING,
  MASK,
  OPEN,
  OUTPUT,
  STAGED_BYTES,
  STAGED_FLAGS,
  UNSAVED,
} from '../memory/layout.ts';
import type { PageScan, Pages } from '../memory/pages.ts';
import type { StateBlocks } from '../memory/state-blocks.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Output } from './output.ts';

/** What a reactor has left behind. */
export interface Remains {
  readonly segment: ArrayBufferLike;
  readonly states: StateBlocks;
  /** Replaced by a swap that it may not have finished; null when there was none. */
  readonly before: StateBlocks | null;
  /** The slot in whose callback it ended; −1 when it was in none. */
  readonly slot: number;
  /** Why that connection is lost: one of REASON_…. */
  readonly reason: number;
}

interface Parts {
  connections: Connections;
  pages: Pages;
  output: Output;
  lifecycle: Lifecycle;
}

/**
 * Makes lists, counts and timers anew. Connections that were being changed, whose bytes were on their
 * way out of the dead thread's own memory, or whose pages do not add up are doomed, and so is the one
 * in whose callback the thread ended; every other goes on as it stands.
 */
export function recover({ connections, pages, output, lifecycle }: Parts, left: Remains): void {
  const { table } = connections;
  connections.recover();
  const scan = pages.recover();
  if (left.slot >= 0 && left.slot < connections.end && isOpen(table, left.slot)) {
    output.doom(left.slot, left.reason);
  }
  for (let slot = 0; slot < connections.end; slot += 1) {
    const base = slot * COLUMNS;
    if ((table[base + FLAGS]! & OPEN) === 0) continue;
    const whole = claim(table, base, scan);
    const admitted = (table[base + FLAGS]! & (KNOWN | LINGERING)) !== 0;
    // What is staged for others while a callback runs is that callback's alone: it goes with it.
    const staged = left.slot < 0 && table[base + STAGED_BYTES] !== 0;
    const moving = table[base + BUSY] !== 0 || table[base + UNSAVED] !== 0 || staged;
    // First: should this thread end as well, the next one finds no other sign of it.
    if (!whole || !admitted || moving) output.doom(slot, REASON_ERROR);
    // Watched or not, it is taken from epoll before it is closed.
    if ((table[base + FLAGS]! & DOOMED) !== 0 && table[base + FD]! >= 0) table[base + MASK] = 0;
    table[base + BUSY] = 0;
    table[base + UNSAVED] = 0;
    table[base + STAGED_BYTES] = 0;
    table[base + STAGED_FLAGS] = 0;
  }
  scan.finish();
  output.recover();
  for (let slot = 0; slot < connections.end; slot += 1) {
    if (isOpen(table, slot)) lifecycle.revive(slot);
  }
}

// Without a descriptor it was closed already, and what is left of it goes the way of the doomed.
function isOpen(table: Int32Array, slot: number): boolean {
  return (table[slot * COLUMNS + FLAGS]! & OPEN) !== 0;
}

// A chain that is not whole is given up, and what it held with it.
function claim(table: Int32Array, base: number, scan: PageScan): boolean {
  let whole = true;
  for (const chain of [base + OUTPUT, base + HELD]) {
    if (scan.sound(chain)) continue;
    table[chain + CHAIN_BYTES] = 0;
    whole = false;
  }
  return whole || (table[base + FLAGS]! & DOOMED) !== 0;
}
