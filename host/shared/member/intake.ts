// Intake: takes what waits for a program's own seat, and hands each entry to whom it is for. It decides how much
// comes in one turn; what is asked, and who calls, it does not know.

import type { SharedSeat } from '../contract.ts';
import {
  BLOCK,
  BLOCK_COUNT,
  BLOCK_DATA,
  BLOCK_ENTRIES,
  BLOCK_FLAGS,
  BLOCK_KIND,
  BLOCK_MESSAGE,
  BLOCK_MISSED,
  BLOCK_POSITION,
  BLOCK_RECORDS,
  BLOCK_TOPIC,
  ENTRY,
  ENTRY_HANDLE,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_STATUS,
  ENTRY_TAG,
} from '../records.ts';
import { readRecord, recordBytes, type SharedRecord } from './drafts.ts';
import type { Requests } from './requests.ts';
import type { Subscriptions } from './subscriptions.ts';
import { topicText } from './topic-text.ts';

/** Handlers that one turn calls; the rest come in the next. */
const HANDLERS = 256;
/** So many records are routed in the time of one handler: a turn routes 1,024, and a block more at most. */
const RECORDS = 4;

/** Sees to the records of all seats that were routed to the member; see `Shared.routeStore`. */
export type Router = (record: SharedRecord) => void;

export interface Receivers {
  readonly subscriptions: Subscriptions;
  readonly requests: Requests;
}

export class Intake {
  readonly block = new Int32Array(BLOCK);
  /** Nobody when it is null. */
  router: Router | null = null;
  readonly #seat: SharedSeat;
  /** Where the bytes of what is taken are written. */
  readonly #window: Uint8Array;
  readonly #receivers: Receivers;
  readonly #now: () => number;
  /** Of the present block, if it is a message. */
  #topic = '';
  #inTurn = false;
  #closed = false;

  /** @param longest bytes of the longest message, reply or record */
  constructor(seat: SharedSeat, longest: number, receivers: Receivers, now: () => number) {
    this.#seat = seat;
    this.#window = new Uint8Array(longest);
    this.#receivers = receivers;
    this.#now = now;
  }

  /** Takes what waits: HANDLERS entries at most. @returns true when more may wait */
  turn(): boolean {
    if (this.#inTurn) return false;
    this.#inTurn = true;
    try {
      return this.#takeAll();
    } finally {
      this.#inTurn = false;
    }
  }

  #takeAll(): boolean {
    const { block } = this;
    for (let left = HANDLERS; left > 0; ) {
      if (this.#closed) return false;
      if (block[BLOCK_POSITION]! >= block[BLOCK_COUNT]!) {
        const taken = this.#seat.take(this.#window, 0, this.#window.length, this.#now());
        if (taken <= 0) return taken < 0;
        // Once for all whom the message is for.
        this.#topic = topicText(this.#window.subarray(0, block[BLOCK_TOPIC]!));
      }
      left -= this.#serve();
    }
    return true;
  }

  // Moved on first: a handler that throws has had its message. @returns what it counts for among HANDLERS
  #serve(): number {
    const { block } = this;
    const kind = block[BLOCK_KIND]!;
    if (kind === BLOCK_RECORDS) return this.#route();
    const { subscriptions, requests } = this.#receivers;
    const entry = BLOCK_ENTRIES + block[BLOCK_POSITION]! * ENTRY;
    block[BLOCK_POSITION]! += 1;
    const handle = block[entry + ENTRY_HANDLE]!;
    if (kind === BLOCK_MISSED) subscriptions.missed(handle);
    else if (kind === BLOCK_MESSAGE) {
      const from = block[BLOCK_TOPIC]!;
      const data = this.#window.slice(from, from + block[BLOCK_DATA]!);
      subscriptions.deliver(handle, this.#topic, data, block[BLOCK_FLAGS]!);
    } else {
      const from = block[entry + ENTRY_OFFSET]!;
      const bytes = this.#window.subarray(from, from + block[entry + ENTRY_LENGTH]!);
      requests.settle(block[entry + ENTRY_TAG]!, block[entry + ENTRY_STATUS]!, bytes);
    }
    return 1;
  }

  // All at once: no handler is in the way, and a block has as many as the window.
  #route(): number {
    const { block } = this;
    const count = block[BLOCK_COUNT]!;
    block[BLOCK_POSITION] = count;
    for (let [routed, at] = [0, 0]; routed < count; routed += 1) {
      const record = readRecord(this.#window, at);
      at += recordBytes(record.first.length, record.second.length);
      this.router?.(record);
    }
    return Math.ceil(count / RECORDS);
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#closed = true;
  }
}
