// States: the state blocks of all connections, in a buffer of their own: a swap of the module that
// changes their layout replaces it. It knows where a block lies, and not what is in it.

import { WasmpollError } from '../errors.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import { MAX_BYTES } from './layout.ts';

/** What `state_size()` and `state_version()` of a module say. */
export interface Layout {
  readonly bytes: number;
  readonly version: number;
}

/** State blocks as they go from thread to thread. */
export interface StateBlocks extends Layout {
  readonly buffer: ArrayBufferLike;
  /** Counts changes of the layout; a connection's row says in which of them its block lies. */
  readonly generation: number;
}

// What is bound for I/O is never empty.
const LEAST_BYTES = 64;

export const strideOf = (bytes: number): number => (bytes + 15) & ~15;

/** @throws WasmpollError ERR_POLICY when there would be more than I/O rows can tell */
export function newStates(
  { bytes, version }: Layout,
  connections: number,
  generation: number,
  Buffer: BufferConstructor,
): StateBlocks {
  const total = Math.max(LEAST_BYTES, connections * strideOf(bytes));
  if (total > MAX_BYTES) {
    throw new WasmpollError(
      'ERR_POLICY',
      `policy: ${connections} connections with ${bytes} bytes of state each take ${total} bytes; ` +
        `lower maxConnections to stay within ${MAX_BYTES}`,
    );
  }
  return { bytes, version, generation, buffer: new Buffer(total) };
}

export const agree = (a: Layout, b: Layout): boolean =>
  a.bytes === b.bytes && a.version === b.version;

/** The same blocks when the layout stays, new and empty ones otherwise. */
export function statesAfter(
  now: StateBlocks,
  next: Layout,
  connections: number,
  Buffer: BufferConstructor,
): StateBlocks {
  if (agree(now, next)) return now;
  return newStates(next, connections, (now.generation + 1) | 0, Buffer);
}

export class States {
  /** For another thread, or for whoever goes on with it. */
  readonly blocks: StateBlocks;
  readonly bytes: number;
  readonly version: number;
  readonly generation: number;
  readonly stride: number;
  readonly view: Uint8Array;

  constructor(blocks: StateBlocks) {
    this.blocks = blocks;
    this.bytes = blocks.bytes;
    this.version = blocks.version;
    this.generation = blocks.generation;
    this.stride = strideOf(blocks.bytes);
    this.view = new Uint8Array(blocks.buffer);
  }

  /** All of the slot's block becomes zero. */
  clear(slot: number): void {
    const start = slot * this.stride;
    this.view.fill(0, start, start + this.bytes);
  }
}
