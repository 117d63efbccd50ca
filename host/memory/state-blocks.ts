// States: the state blocks of all connections, in a buffer of their own: a swap of the module that
// changes their layout replaces it. It knows where a block lies, and not what is in it. Long blocks are cut in two:
// first all heads, then all tails, so that connections whose tails are zero have none in memory.

import { WasmpollError } from '../errors.ts';
import type { Batch } from '../kernel/batch.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import { GUEST_BUFFER, MAX_BYTES } from './layout.ts';

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

// A shorter tail would not be worth a copy of its own.
const LEAST_CUT_BYTES = 512;
// A whole number of cache lines, which Batch copies by words. A multiple of 16, as strides are.
const HEAD_BYTES = 256;

export const strideOf = (bytes: number): number => (bytes + 15) & ~15;

/** How much of a block of so many bytes lies in its head. */
const headOf = (bytes: number): number => (bytes < LEAST_CUT_BYTES ? bytes : HEAD_BYTES);

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
  readonly headBytes: number;
  readonly headStride: number;
  /** 0 if blocks are whole. */
  readonly tailBytes: number;
  readonly view: Uint8Array;
  readonly #words: Int32Array;
  readonly #tailStride: number;
  /** Where the tails begin. */
  readonly #tails: number;

  constructor(blocks: StateBlocks) {
    this.blocks = blocks;
    this.bytes = blocks.bytes;
    this.version = blocks.version;
    this.generation = blocks.generation;
    this.view = new Uint8Array(blocks.buffer);
    this.#words = new Int32Array(blocks.buffer);
    this.headBytes = headOf(this.bytes);
    this.tailBytes = this.bytes - this.headBytes;
    this.headStride = strideOf(this.headBytes);
    this.#tailStride = strideOf(this.tailBytes);
    const connections = Math.floor(this.view.length / strideOf(Math.max(1, this.bytes)));
    this.#tails = connections * this.headStride;
  }

  /** Where the slot's block begins. */
  headAt(slot: number): number {
    return slot * this.headStride;
  }

  tailAt(slot: number): number {
    return this.#tails + slot * this.#tailStride;
  }

  /** All of the slot's block becomes zero. */
  clear(slot: number): void {
    const start = this.headAt(slot);
    this.view.fill(0, start, start + this.headBytes);
    const tail = this.tailAt(slot) >> 2;
    const end = tail + (this.#tailStride >> 2);
    for (let at = tail; at < end; at += 1) {
      if (this.#words[at] !== 0) {
        this.#words.fill(0, at, end);
        return;
      }
    }
  }

  /** Queues the copy of the slot's block from the bound buffer in which it lies to a place in the guest. */
  queueCopy(batch: Batch, buffer: number, slot: number, target: number): void {
    const rest = target + this.headBytes;
    if (this.bytes > 0) batch.copy(buffer, this.headAt(slot), GUEST_BUFFER, target, this.headBytes);
    if (this.tailBytes > 0)
      batch.copy(buffer, this.tailAt(slot), GUEST_BUFFER, rest, this.tailBytes);
  }

  /** A copy of the slot's block. */
  read(slot: number): Uint8Array {
    const block = new Uint8Array(this.bytes);
    const [head, tail] = [this.headAt(slot), this.tailAt(slot)];
    block.set(this.view.subarray(head, head + this.headBytes));
    block.set(this.view.subarray(tail, tail + this.tailBytes), this.headBytes);
    return block;
  }

  write(slot: number, block: Uint8Array): void {
    this.view.set(block.subarray(0, this.headBytes), this.headAt(slot));
    this.view.set(block.subarray(this.headBytes), this.tailAt(slot));
  }
}
