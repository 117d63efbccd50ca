// Replies: each is handed over by itself, or, to a guest that takes them so, together with those behind it that are
// for the same connection. It knows the block and the rows of on_replies, and not when a reply is due.

import { GUEST_BUFFER } from '../../memory/layout.ts';
import * as Form from '../../shared/form.ts';
import * as Records from '../../shared/records.ts';
import type { Parts } from '../parts.ts';
import type { Callbacks } from './callbacks.ts';
import type { SharedCallbacks } from './shared-callbacks.ts';

const { BLOCK_COUNT, BLOCK_DATA, BLOCK_ENTRIES, BLOCK_POSITION, ENTRY } = Records;
const { ENTRY_HANDLE, ENTRY_LENGTH, ENTRY_OFFSET, ENTRY_STATUS, ENTRY_TAG } = Records;

const { WORD } = Form;

/** Of a row (docs/abi.md): tag, status, address and length. */
const ROW_BYTES = 4 * WORD;
/** What the replies of one callback may have together; the first of them may have more. */
const TOGETHER_BYTES = 64 * 1024;
/** What an answer has besides its value, at most, as protocols go. */
const AROUND_BYTES = 64;
/** A guest may ask for so many effects, and make so many host calls, for each of them. */
const EFFECTS_EACH = 8;

export class Replies {
  readonly #block: Int32Array;
  readonly #batch: Parts['batch'];
  readonly #callbacks: Callbacks;
  readonly #into: SharedCallbacks;
  readonly #windowBytes: number;
  readonly #most: number;
  readonly #mostBytes: number;

  constructor(parts: Parts, callbacks: Callbacks, into: SharedCallbacks) {
    const { hostCallsPerCallback, maxStagedBytes, maxStagedSends, receiveWindowBytes } =
      parts.policy;
    this.#block = parts.control.block;
    this.#batch = parts.batch;
    this.#callbacks = callbacks;
    this.#into = into;
    this.#windowBytes = receiveWindowBytes;
    // What one callback may do is meant for one reply, or at least for as many as are sure to fit.
    this.#most = Math.floor(Math.min(hostCallsPerCallback, maxStagedSends) / EFFECTS_EACH);
    this.#mostBytes = Math.min(TOGETHER_BYTES, maxStagedBytes / 2);
  }

  /**
   * How many replies from the block's position on one callback is to be given.
   * @param budget how many may be served now
   */
  together(budget: number): number {
    if (this.#callbacks.guest.onReplies === null) return 1;
    const block = this.#block;
    const position = block[BLOCK_POSITION]!;
    // The row of an entry has its place behind the bytes, whichever entries go together.
    const room = Math.floor((this.#windowBytes - this.#rowsAt) / ROW_BYTES);
    const end = Math.min(block[BLOCK_COUNT]!, room, position + Math.min(budget, this.#most));
    let at = BLOCK_ENTRIES + position * ENTRY;
    const handle = block[at + ENTRY_HANDLE]!;
    let left = this.#mostBytes;
    let next = position;
    for (; next < end; next += 1, at += ENTRY) {
      left -= block[at + ENTRY_LENGTH]! + AROUND_BYTES;
      if (block[at + ENTRY_HANDLE] !== handle || left < 0) break;
    }
    return Math.max(1, next - position);
  }

  /** @param position of the first of them. @returns whether the guest has returned */
  serve(slot: number, position: number, count: number): boolean {
    const block = this.#block;
    const first = BLOCK_ENTRIES + position * ENTRY;
    if (count === 1) {
      const [tag, status] = [block[first + ENTRY_TAG]!, block[first + ENTRY_STATUS]!];
      const [offset, length] = [block[first + ENTRY_OFFSET]!, block[first + ENTRY_LENGTH]!];
      return this.#into.reply(slot, tag, status, offset, length);
    }
    const batch = this.#batch;
    const { window } = this.#callbacks;
    const rows = window + this.#rowsAt + position * ROW_BYTES;
    let row = rows;
    for (let at = first; at < first + count * ENTRY; at += ENTRY, row += ROW_BYTES) {
      batch.putWord(GUEST_BUFFER, row, block[at + ENTRY_TAG]!);
      batch.putWord(GUEST_BUFFER, row + WORD, block[at + ENTRY_STATUS]!);
      batch.putWord(GUEST_BUFFER, row + 2 * WORD, window + block[at + ENTRY_OFFSET]!);
      batch.putWord(GUEST_BUFFER, row + 3 * WORD, block[at + ENTRY_LENGTH]!);
    }
    return this.#into.replies(slot, rows, count);
  }

  /** Where in the window rows begin: behind the bytes of the block. */
  get #rowsAt(): number {
    return (this.#block[BLOCK_DATA]! + WORD - 1) & -WORD;
  }
}
