// The segment: what outlives a guest — connection table and pages in one buffer, state blocks in
// another — with one writer. It knows where things lie and nothing of what they mean.

import { WasmpollError } from '../errors.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import { PAGE_BYTES } from '../policy.ts';
import { newStates, type StateBlocks, States, strideOf } from './state-blocks.ts';

// A connection's row in the table, as Int32 columns.
export const COLUMNS = 24;
/** The handle under which guest and epoll know the connection; changes when the slot is freed. */
export const HANDLE = 0;
export const FLAGS = 1;
export const FD = 2;
/** The epoll mask in force; −1 while the descriptor is not watched. */
export const MASK = 3;
/** Next slot in the free list or in the closing queue; a slot is never in both. */
export const LINK = 4;
/** Neighbours in the ready list. */
export const READY_NEXT = 5;
export const READY_PREVIOUS = 20;
/** Two page chains of four columns each: first page, last page, offset in the first, bytes. */
export const OUTPUT = 6;
export const HELD = 10;
export const CHAIN_FIRST = 0;
export const CHAIN_LAST = 1;
export const CHAIN_START = 2;
export const CHAIN_BYTES = 3;
export const OUTPUT_BYTES = OUTPUT + CHAIN_BYTES;
export const HELD_BYTES = HELD + CHAIN_BYTES;
/** Bytes that must be there before the next on_data; 0 for any. */
export const WANT = 14;
/** Bytes sent by the guest that the kernel has not been offered yet. */
export const STAGED_BYTES = 15;
/** Flags that the running callback will have set when it returns. */
export const STAGED_FLAGS = 16;
export const REASON = 17;
/** The turn in which TURN_BYTES were received. */
export const TURN = 18;
export const TURN_BYTES = 19;
/** 1 while the row, or what it stands for in the kernel, is being changed. */
export const BUSY = 21;
/** 1 while the state that its last callback left is in the guest's memory alone. */
export const UNSAVED = 22;
/** The generation of state blocks in which its own lies; see states.ts. */
export const LAYOUT = 23;

// A connection's times, as Float64 columns in monotonic milliseconds; 0 is unset.
export const TIMES = 5;
export const LAST_PROGRESS = 0;
export const OUTPUT_SINCE = 1;
export const HELD_SINCE = 2;
export const LINGER_UNTIL = 3;
export const GUEST_TIMER = 4;

// I/O rows name places in it by Int32.
const MAX_BYTES = 2 ** 31 - 1;

export class Segment {
  readonly connections: number;
  readonly pages: number;
  readonly bytes: Uint8Array;
  /** `connections` rows of COLUMNS. */
  readonly table: Int32Array;
  /** `connections` rows of TIMES. */
  readonly times: Float64Array;
  /** For each page the next one of its chain or of the free list; −1 ends it. */
  readonly pageLinks: Int32Array;
  /** The state blocks. */
  states: States;
  /** Those that a swap has replaced, while some connections' blocks still lie there. */
  before: States | null = null;
  /** Where the pages start, in bytes. */
  readonly pagesOffset: number;

  /**
   * @param existing the buffers of an earlier segment of the same sizes, to go on with
   * @throws WasmpollError ERR_POLICY when it would be larger than I/O rows can tell
   */
  constructor(
    sizes: { connections: number; stateBytes: number; stateVersion?: number; poolBytes: number },
    Buffer: BufferConstructor,
    existing?: {
      readonly segment: ArrayBufferLike;
      readonly states: StateBlocks;
      readonly before: StateBlocks | null;
    },
  ) {
    this.connections = sizes.connections;
    this.pages = Math.floor(sizes.poolBytes / PAGE_BYTES);
    const timesOffset = align(this.connections * COLUMNS * 4);
    const linksOffset = align(timesOffset + this.connections * TIMES * 8);
    this.pagesOffset = align(linksOffset + this.pages * 4);
    const own = this.pagesOffset + this.pages * PAGE_BYTES;
    const total = own + this.connections * strideOf(sizes.stateBytes);
    if (total > MAX_BYTES) {
      throw new WasmpollError(
        'ERR_POLICY',
        `policy: ${this.connections} connections with ${sizes.stateBytes} bytes of state each and a ` +
          `pool of ${sizes.poolBytes} bytes take ${total} bytes; lower maxConnections or poolBytes ` +
          `to stay within ${MAX_BYTES}`,
      );
    }
    // The kernel gives the memory when it is first touched, so size here is address space only.
    const buffer = existing?.segment ?? new Buffer(own);
    this.bytes = new Uint8Array(buffer);
    this.table = new Int32Array(buffer, 0, this.connections * COLUMNS);
    this.times = new Float64Array(buffer, timesOffset, this.connections * TIMES);
    this.pageLinks = new Int32Array(buffer, linksOffset, this.pages);
    const layout = { bytes: sizes.stateBytes, version: sizes.stateVersion ?? 0 };
    this.states = new States(existing?.states ?? newStates(layout, this.connections, 0, Buffer));
    if (existing !== undefined && existing.before !== null)
      this.before = new States(existing.before);
  }
}

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
