// The segment: what outlives a guest — connection table and pages in one buffer, state blocks in
// another — with one writer. It knows where things lie and nothing of what they mean.

import { WasmpollError } from '../errors.ts';
import type { BufferConstructor } from '../kernel/contract.ts';
import { PAGE_BYTES } from '../policy.ts';
import { COLUMNS, MAX_BYTES, TIES, TIMES } from './layout.ts';
import { newStates, type StateBlocks, States, strideOf } from './state-blocks.ts';

/** What holds a segment, to go on with. */
export interface Buffers {
  readonly segment: ArrayBufferLike;
  readonly states: StateBlocks;
  /** Replaced by a swap that may not be finished; null when there was none. */
  readonly before: StateBlocks | null;
}

export class Segment {
  readonly connections: number;
  readonly pages: number;
  readonly bytes: Uint8Array;
  /** `connections` rows of COLUMNS. */
  readonly table: Int32Array;
  /** `connections` rows of TIMES. */
  readonly times: Float64Array;
  /** When each was opened. Nothing on the way of a message looks here. */
  readonly opened: Float64Array;
  /** `connections` rows of TIES. */
  readonly ties: Int32Array;
  /**
   * For each page the next one of its chain or of the free list; −1 ends it. When it is less, the page is
   * cut into blocks, and this is their size, negated.
   */
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
    existing?: Buffers,
  ) {
    this.connections = sizes.connections;
    this.pages = Math.floor(sizes.poolBytes / PAGE_BYTES);
    const offsets = offsetsOf(this.connections);
    this.pagesOffset = align(offsets.links + this.pages * 4);
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
    this.times = new Float64Array(buffer, offsets.times, this.connections * TIMES);
    this.opened = new Float64Array(buffer, offsets.opened, this.connections);
    this.ties = new Int32Array(buffer, offsets.ties, this.connections * TIES);
    this.pageLinks = new Int32Array(buffer, offsets.links, this.pages);
    const layout = { bytes: sizes.stateBytes, version: sizes.stateVersion ?? 0 };
    this.states = new States(existing?.states ?? newStates(layout, this.connections, 0, Buffer));
    if (existing !== undefined && existing.before !== null)
      this.before = new States(existing.before);
  }
}

/** Where the tables behind the one of connections start, in bytes. */
export function offsetsOf(connections: number) {
  const times = align(connections * COLUMNS * 4);
  const opened = align(times + connections * TIMES * 8);
  const ties = align(opened + connections * 8);
  return { times, opened, ties, links: align(ties + connections * TIES * 4) };
}

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
