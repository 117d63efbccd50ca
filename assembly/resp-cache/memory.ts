// Memory: what clients have read lately, and for how long it may be told again. It holds nothing that a write on its
// way might have changed. It knows no connection.

import { ByteMap, Bytes, now, viewOf } from '../kit';
import { hashOf } from '../kit/byte-map';

/** Keys share so many counters: a write keeps those that share its own from being remembered, too. */
const SLOTS: i32 = 4096;
const MOST_BYTES: i32 = 16 * 1024 * 1024;

class Remembered {
  constructor(
    public reply: ArrayBuffer,
    public until: f64,
  ) {}
}

const replies = new ByteMap<Remembered | null>();
let bytes: i32 = 0;
/** Writes that were sent, for each slot, and those that are not answered. */
const sent = new StaticArray<i32>(SLOTS);
const flying = new StaticArray<i32>(SLOTS);

export const slotOf = (key: Bytes): i32 => <i32>(hashOf(key) & (SLOTS - 1));

/** The reply to GET, if it was read less than its time ago; null otherwise. */
export function recall(key: Bytes): Bytes | null {
  const found = replies.get(key, null);
  if (found === null || found.until <= now()) return null;
  return viewOf(found.reply);
}

/** A write is sent. @returns the key's slot, for `written` */
export function writing(key: Bytes): i32 {
  const slot = slotOf(key);
  sent[slot] += 1;
  flying[slot] += 1;
  const found = replies.get(key, null);
  if (found !== null) {
    bytes -= found.reply.byteLength;
    replies.delete(key);
  }
  return slot;
}

/** It is answered, or never will be. */
export function written(slot: i32): void {
  flying[slot] -= 1;
}

/** How many writes a read has seen; −1 while one is on its way, which it may or may not see. */
export function reading(slot: i32): i32 {
  return flying[slot] > 0 ? -1 : sent[slot];
}

/** Keeps the reply to a read, if nothing was written since it was sent. */
export function remember(key: Bytes, slot: i32, seen: i32, reply: Bytes, ms: f64): void {
  if (seen < 0 || seen !== sent[slot] || reply.length > MOST_BYTES / 64) return;
  const before = replies.get(key, null);
  if (before !== null) bytes -= before.reply.byteLength;
  // Seldom: those that are asked for are soon there again.
  else if (bytes + reply.length > MOST_BYTES) {
    replies.clear();
    bytes = 0;
  }
  bytes += reply.length;
  replies.set(key, new Remembered(reply.copy(), now() + ms));
}
