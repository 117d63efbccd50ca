// Shared state as tests speak of it: records with names and texts, and what is taken as plain objects. The
// same for the twin and for the addon.

import assert from 'node:assert/strict';
import type { SharedLimits, SharedSeat } from '../../host/shared/contract.ts';
import * as Records from '../../host/shared/records.ts';

export const roomy: SharedLimits = {
  groupBytes: 1 << 24,
  queueBytes: 1 << 24,
  storeBytes: 1 << 24,
  maxJoins: 1024,
};

const HEAD = Records.RECORD * 4;
/** Longer than any record of a test. */
const LOG_BYTES = 1 << 18;
/** What a take may write, unless a test says otherwise. */
const WINDOW_BYTES = 1 << 16;

/** One record. What is left out is 0, or empty. Texts have a character for each byte. */
export interface Asking {
  readonly op: number;
  readonly handle?: number;
  readonly tag?: number;
  readonly flags?: number;
  readonly first?: string;
  readonly second?: string;
  readonly ttl?: number;
  readonly seat?: number;
  readonly expected?: bigint;
  readonly delta?: number;
}

export const join = (handle: number, tag: number, first: string, flags = 0): Asking => ({
  ...{ op: Records.OP_JOIN, handle, tag, first, flags },
});
export const leave = (handle: number, first: string, flags = 0): Asking => ({
  ...{ op: Records.OP_LEAVE, handle, first, flags },
});
export const publish = (handle: number, first: string, second: string, flags = 0): Asking => ({
  ...{ op: Records.OP_PUBLISH, handle, first, second, flags },
});
export const direct = (seat: number, handle: number, first: string, second: string): Asking => ({
  ...{ op: Records.OP_DIRECT, seat, handle, first, second },
});
export const gap: Asking = { op: Records.OP_GAP };
export const get = (handle: number, tag: number, first: string): Asking => ({
  ...{ op: Records.OP_GET, handle, tag, first },
});
export const add = (
  handle: number,
  tag: number,
  first: string,
  delta: number,
  ttl = 0,
): Asking => ({
  ...{ op: Records.OP_ADD, handle, tag, first, delta, ttl },
});

type Condition = { readonly expected?: bigint; readonly ttl?: number };

export const put = (
  handle: number,
  tag: number,
  first: string,
  second: string,
  condition: Condition = {},
): Asking => ({
  ...{ op: Records.OP_PUT, handle, tag, first, second, ...condition },
  flags: condition.expected === undefined ? 0 : Records.FLAG_EXPECTED,
});
export const remove = (handle: number, tag: number, first: string, expected?: bigint): Asking => ({
  ...{ op: Records.OP_DELETE, handle, tag, first },
  ...(expected === undefined ? {} : { expected, flags: Records.FLAG_EXPECTED }),
});

/** Handle and tag. */
export type Recipient = readonly [handle: number, tag: number];

export type Event =
  | { readonly kind: 'nothing' | 'more' }
  | {
      readonly kind: 'message';
      readonly topic: string;
      readonly data: string;
      readonly flags: number;
      readonly to: readonly Recipient[];
    }
  | { readonly kind: 'missed'; readonly to: readonly Recipient[] }
  | { readonly kind: 'replies'; readonly replies: readonly Reply[] }
  | { readonly kind: 'records'; readonly records: readonly Asking[] };

export interface Reply {
  readonly handle: number;
  readonly tag: number;
  readonly status: number;
  /** Of a reply with bytes. */
  readonly version?: bigint;
  readonly value?: string;
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Writes a record. @returns where the next one goes */
export function writeRecord(log: Uint8Array, at: number, asking: Asking): number {
  const { first = '', second = '' } = asking;
  const words = new DataView(log.buffer, log.byteOffset + at, HEAD);
  const set = (index: number, value = 0) => words.setInt32(index * 4, value, true);
  log.fill(0, at, at + HEAD + first.length + second.length + 8);
  set(Records.RECORD_OP, asking.op);
  set(Records.RECORD_HANDLE, asking.handle);
  set(Records.RECORD_TAG, asking.tag);
  set(Records.RECORD_FLAGS, asking.flags);
  set(Records.RECORD_FIRST, first.length);
  set(Records.RECORD_SECOND, second.length);
  set(Records.RECORD_TTL, asking.ttl);
  set(Records.RECORD_SEAT, asking.seat);
  if (asking.expected !== undefined) {
    words.setBigUint64(Records.RECORD_VALUE * 4, asking.expected, true);
  }
  if (asking.delta !== undefined) words.setFloat64(Records.RECORD_VALUE * 4, asking.delta, true);
  log.set(bytesOf(first + second), at + HEAD);
  return at + Math.ceil((HEAD + first.length + second.length) / 8) * 8;
}

/** A seat with its log, block and window. */
export class Seat {
  readonly shared: SharedSeat;
  readonly block: Int32Array;
  readonly #log = new Uint8Array(LOG_BYTES);
  readonly #window = new Uint8Array(WINDOW_BYTES);

  constructor(
    shared: SharedSeat,
    block: Int32Array = new Int32Array(new SharedArrayBuffer(Records.BLOCK * 4)),
  ) {
    this.shared = shared;
    this.block = block;
    shared.bind(this.#log, block);
  }

  check(asking: Asking, joins = 0): number {
    writeRecord(this.#log, 0, asking);
    return this.shared.check(0, joins);
  }

  commit(askings: readonly Asking[], now = 0): number {
    let length = 0;
    for (const asking of askings) length = writeRecord(this.#log, length, asking);
    return this.shared.commit(length, now);
  }

  take(length = WINDOW_BYTES, now = 0): Event {
    const count = this.shared.take(this.#window, 0, length, now);
    this.#hasHead(count);
    return count < 0 ? { kind: 'more' } : this.#event();
  }

  /** All that waits, in the order in which it is taken. */
  takeAll(length = WINDOW_BYTES, now = 0): Event[] {
    const events: Event[] = [];
    for (;;) {
      const event = this.take(length, now);
      if (event.kind === 'nothing') return events;
      if (event.kind !== 'more') events.push(event);
    }
  }

  /** What the present block says, with its bytes written anew. */
  again(): Event {
    this.#window.fill(0xff);
    this.shared.again(this.#window, 0);
    return this.#event();
  }

  #hasHead(count: number): void {
    const { block } = this;
    const words = [Records.BLOCK_POSITION, Records.BLOCK_INSIDE, Records.BLOCK_ENTRIES - 1];
    for (const word of words) assert.equal(block[word], 0, `word ${word} of the block`);
    assert.equal(block[Records.BLOCK_COUNT], Math.max(count, 0));
  }

  #event(): Event {
    const kind = this.block[Records.BLOCK_KIND];
    const entries = this.block[Records.BLOCK_COUNT]!;
    const indices = Array.from({ length: entries }, (_, index) => index);
    switch (kind) {
      case Records.BLOCK_MESSAGE: {
        const [topicBytes, dataBytes] = [
          this.#word(Records.BLOCK_TOPIC),
          this.#word(Records.BLOCK_DATA),
        ];
        const text = textOf(this.#window.subarray(0, topicBytes + dataBytes));
        return {
          kind: 'message',
          topic: text.slice(0, topicBytes),
          data: text.slice(topicBytes),
          flags: this.#word(Records.BLOCK_FLAGS),
          to: indices.map((index) => this.#recipient(index)),
        };
      }
      case Records.BLOCK_MISSED:
        return { kind: 'missed', to: indices.map((index) => this.#recipient(index)) };
      case Records.BLOCK_REPLIES:
        return { kind: 'replies', replies: indices.map((index) => this.#reply(index)) };
      case Records.BLOCK_RECORDS:
        return { kind: 'records', records: this.#records(entries) };
      default:
        assert.equal(kind, 0);
        return { kind: 'nothing' };
    }
  }

  #word(index: number): number {
    return this.block[index]!;
  }

  #entry(index: number, column: number): number {
    return this.block[Records.BLOCK_ENTRIES + index * Records.ENTRY + column]!;
  }

  #recipient(index: number): Recipient {
    return [this.#entry(index, Records.ENTRY_HANDLE), this.#entry(index, Records.ENTRY_TAG)];
  }

  #reply(index: number): Reply {
    const [handle, tag] = this.#recipient(index);
    const status = this.#entry(index, Records.ENTRY_STATUS);
    const offset = this.#entry(index, Records.ENTRY_OFFSET);
    const length = this.#entry(index, Records.ENTRY_LENGTH);
    if (length === 0) return { handle, tag, status };
    assert.equal(offset % 8, 0);
    const bytes = this.#window.subarray(offset, offset + length);
    const version = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    return { handle, tag, status, version, value: textOf(bytes.subarray(8)) };
  }

  #records(count: number): Asking[] {
    const records: Asking[] = [];
    let at = 0;
    for (let index = 0; index < count; index += 1) {
      const words = new DataView(this.#window.buffer, at, HEAD);
      const word = (column: number) => words.getInt32(column * 4, true);
      const [first, second] = [word(Records.RECORD_FIRST), word(Records.RECORD_SECOND)];
      const bytes = this.#window.subarray(at + HEAD, at + HEAD + first + second);
      records.push({
        op: word(Records.RECORD_OP),
        handle: word(Records.RECORD_HANDLE),
        tag: word(Records.RECORD_TAG),
        flags: word(Records.RECORD_FLAGS),
        first: textOf(bytes.subarray(0, first)),
        second: textOf(bytes.subarray(first)),
        ttl: word(Records.RECORD_TTL),
        seat: word(Records.RECORD_SEAT),
        expected: words.getBigUint64(Records.RECORD_VALUE * 4, true),
      });
      at += Math.ceil((HEAD + first + second) / 8) * 8;
    }
    assert.equal(at, this.#word(Records.BLOCK_DATA));
    return records;
  }
}
