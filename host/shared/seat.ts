// Seat: shared state as one user has it. It reads the log that it is given, and writes what waits into the
// block. What the records do is the twin's.

import { STATUS_OK } from '../../assembly/abi.ts';
import { missed, writeBlock } from './block.ts';
import type { SharedSeat } from './contract.ts';
import { MORE, type Place } from './place.ts';
import { type Asked, readRecord } from './record.ts';
import * as Records from './records.ts';

const {
  BLOCK_COUNT,
  BLOCK_ENTRIES,
  BLOCK_KIND,
  BLOCK_MESSAGE,
  BLOCK_MISSED,
  BLOCK_POSITION,
  BLOCK_REPLIES,
  ENTRY,
  ENTRY_HANDLE,
} = Records;

/** What a seat needs of the whole. */
export interface Performing {
  /** Whether the seat is open still. */
  has(place: Place): boolean;
  /** @returns a status */
  check(place: Place, asked: Asked, joins: number): number;
  /** @returns COMMITTED_… bits */
  commit(place: Place, records: readonly Asked[], now: number): number;
  delivered(members: number): void;
  missed(members: number): void;
  poisoned(): void;
}

export class TwinSeat implements SharedSeat {
  readonly #place: Place;
  readonly #shared: Performing;
  #log: Uint8Array = new Uint8Array();
  #block: Int32Array = new Int32Array(Records.BLOCK);

  constructor(place: Place, shared: Performing) {
    this.#place = place;
    this.#shared = shared;
  }

  bind(log: Uint8Array, block: Int32Array): void {
    this.#log = log;
    this.#block = block;
  }

  check(at: number, joins: number): number {
    if (!this.#shared.has(this.#place)) return STATUS_OK;
    return this.#shared.check(this.#place, readRecord(this.#log, at), joins);
  }

  commit(length: number, now: number): number {
    if (!this.#shared.has(this.#place)) return 0;
    const records: Asked[] = [];
    for (let at = 0; at < length; ) {
      const asked = readRecord(this.#log, at);
      records.push(asked);
      at += asked.whole.length;
    }
    return this.#shared.commit(this.#place, records, now);
  }

  take(target: Uint8Array, offset: number, length: number, now: number): number {
    const found = this.#place.take(length, now);
    writeBlock(this.#block, this.#place.present);
    if (found === MORE) return MORE;
    target.set(found.bytes, offset);
    if (found.kind === BLOCK_MESSAGE) this.#shared.delivered(found.count);
    if (found.kind === BLOCK_MISSED) this.#shared.missed(found.count);
    return found.count;
  }

  again(target: Uint8Array, offset: number): void {
    target.set(this.#place.present.bytes, offset);
  }

  poison(): void {
    const { message, entries } = this.#place.present;
    if (message === null) return;
    this.#place.present = missed(entries);
    this.#block[BLOCK_KIND] = BLOCK_MISSED;
    if (!message.poisoned) this.#shared.poisoned();
    message.poisoned = true;
  }

  leaveAll(handle: number): void {
    this.#place.leaveAll(handle);
  }

  retained(): number {
    return this.#place.kept;
  }

  adopt(handles: Int32Array, count: number, pending: Int32Array): void {
    const live = handles.subarray(0, count);
    this.#place.keepOnly(live);
    const unserved = this.#unservedReplies();
    for (const [index, handle] of live.entries()) {
      const waiting = this.#place.requests.get(handle) ?? 0;
      pending[index] = waiting + unserved.filter((served) => served === handle).length;
    }
  }

  /** Handles of the replies in the block that come after its position, this included. */
  #unservedReplies(): number[] {
    const block = this.#block;
    if (block[BLOCK_KIND] !== BLOCK_REPLIES) return [];
    const handles: number[] = [];
    for (let index = block[BLOCK_POSITION]!; index < block[BLOCK_COUNT]!; index += 1) {
      handles.push(block[BLOCK_ENTRIES + index * ENTRY + ENTRY_HANDLE]!);
    }
    return handles;
  }
}
