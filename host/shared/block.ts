// Block: what a take found, and how it is written down for whoever serves it.

import * as Records from './records.ts';
import type { Message } from './retained.ts';

const {
  BLOCK_COUNT,
  BLOCK_DATA,
  BLOCK_ENTRIES,
  BLOCK_FLAGS,
  BLOCK_KIND,
  BLOCK_MISSED,
  BLOCK_TOPIC,
  ENTRY,
  ENTRY_HANDLE,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_STATUS,
  ENTRY_TAG,
} = Records;

export interface Taken {
  readonly kind: number;
  readonly flags: number;
  /** Whom it is for. */
  readonly entries: readonly TakenEntry[];
  /** Entries, or records. */
  readonly count: number;
  /** What is written to the target. */
  readonly bytes: Uint8Array;
  /** How many of them are the topic. */
  readonly topicBytes: number;
  readonly message: Message | null;
}

export interface TakenEntry {
  readonly handle: number;
  readonly tag: number;
  /** Of a reply. */
  readonly reply?: { readonly status: number; readonly offset: number; readonly length: number };
}

export const nothing: Taken = {
  kind: 0,
  flags: 0,
  entries: [],
  count: 0,
  bytes: new Uint8Array(),
  topicBytes: 0,
  message: null,
};

export const missed = (entries: readonly TakenEntry[]): Taken => ({
  ...nothing,
  kind: BLOCK_MISSED,
  entries,
  count: entries.length,
});

export function writeBlock(block: Int32Array, taken: Taken): void {
  block.fill(0, 0, BLOCK_ENTRIES);
  block[BLOCK_KIND] = taken.kind;
  block[BLOCK_COUNT] = taken.count;
  block[BLOCK_FLAGS] = taken.flags;
  block[BLOCK_TOPIC] = taken.topicBytes;
  block[BLOCK_DATA] = taken.bytes.length - taken.topicBytes;
  for (const [index, { handle, tag, reply }] of taken.entries.entries()) {
    const at = BLOCK_ENTRIES + index * ENTRY;
    block[at + ENTRY_HANDLE] = handle;
    block[at + ENTRY_TAG] = tag;
    if (reply === undefined) continue;
    block[at + ENTRY_STATUS] = reply.status;
    block[at + ENTRY_OFFSET] = reply.offset;
    block[at + ENTRY_LENGTH] = reply.length;
  }
}
