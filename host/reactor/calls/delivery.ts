// Delivery: messages and replies go to those of this seat whom they are for, a block at a time. The block
// lies in shared memory and says how far it is served, so that a successor goes on with it. It does not know
// who has published, nor when a turn has time for it.
//
// A row is busy before the position moves on, and until its callback has returned: wherever a thread ends, an
// entry was delivered, or is left to the successor, or costs its own connection and no other.

import * as Numbers from '../../memory/layout.ts';
import { Outbox } from '../../memory/outbox.ts';
import * as Records from '../../shared/records.ts';
import type { Deadlines } from '../deadlines.ts';
import type { Flow } from '../flow.ts';
import type { Parts } from '../parts.ts';
import type { Callbacks } from './callbacks.ts';
import { Replies } from './replies.ts';
import { SharedCallbacks } from './shared-callbacks.ts';

const { BLOCKED, BUSY, COLUMNS, FLAGS, GONE, HANDLE, MISSED } = Numbers;
const { OUTPUT_BYTES, REQUESTS } = Numbers;
const {
  BLOCK_COUNT,
  BLOCK_DATA,
  BLOCK_ENTRIES,
  BLOCK_FLAGS,
  BLOCK_INSIDE,
  BLOCK_KIND,
  BLOCK_MESSAGE,
  BLOCK_POSITION,
  BLOCK_REPLIES,
  BLOCK_TOPIC,
  ENTRY,
  ENTRY_HANDLE,
  ENTRY_TAG,
} = Records;

export class Delivery {
  readonly #connections: Parts['connections'];
  readonly #table: Int32Array;
  readonly #clock: Parts['clock'];
  readonly #shared: Parts['shared'];
  readonly #block: Int32Array;
  readonly #effects: Parts['effects'];
  readonly #batch: Parts['batch'];
  readonly #outbox: Outbox;
  readonly #flow: Flow;
  readonly #deadlines: Deadlines;
  readonly #callbacks: Callbacks;
  readonly #into: SharedCallbacks;
  readonly #replies: Replies;
  readonly #perTurn: number;
  readonly #windowBytes: number;
  /** With a backlog of so many bytes a connection is not slow, even if the kernel takes nothing of the outbox. */
  readonly #quickBytes: number;
  /** The budget has kept it from what is due: it comes first in the next round. */
  first = false;
  /** The window has the bytes of the block. */
  #written = false;
  /** What is queued is the next entry's own connection's, and may go out with what that sends. */
  #carried = false;

  constructor(
    parts: Parts,
    outbox: Outbox,
    flow: Flow,
    deadlines: Deadlines,
    callbacks: Callbacks,
  ) {
    this.#connections = parts.connections;
    this.#table = parts.connections.table;
    this.#clock = parts.clock;
    this.#shared = parts.shared;
    this.#block = parts.control.block;
    this.#effects = parts.effects;
    this.#batch = parts.batch;
    this.#outbox = outbox;
    this.#flow = flow;
    this.#deadlines = deadlines;
    this.#callbacks = callbacks;
    this.#into = new SharedCallbacks(parts, outbox, flow, callbacks);
    this.#replies = new Replies(parts, callbacks, this.#into);
    this.#perTurn = parts.policy.messagesPerTurn;
    this.#windowBytes = parts.policy.receiveWindowBytes;
    this.#quickBytes = parts.policy.highWaterBytes - Outbox.mostBytes;
  }

  /** Something may wait. */
  get due(): boolean {
    return this.#shared.due;
  }

  /** The seat's descriptor was readable, which may be for other reasons. */
  signalled(): void {
    if (this.#shared.seat !== null) this.#shared.due = true;
  }

  /** Delivers what waits, as much of it as the budget allows; `due` stays when there may be more. */
  run(): void {
    // Input has come into the window since.
    this.#written = false;
    this.#carried = false;
    for (let left = this.#perTurn; left > 0 && this.#more(); ) {
      left -= this.#next(left);
      if (this.#clock.spent()) break;
    }
    this.#flow.post();
  }

  /**
   * Whether there is an entry to serve. What callbacks have sent from the window goes out before other bytes
   * come there.
   */
  #more(): boolean {
    const block = this.#block;
    const rest = block[BLOCK_POSITION]! < block[BLOCK_COUNT]!;
    if (rest && this.#written) return true;
    this.#flow.flush();
    const { memory, window } = this.#callbacks.guest;
    const seat = this.#shared.seat!;
    this.#written = true;
    if (rest) {
      seat.again(memory.bytes, window);
      return true;
    }
    const taken = seat.take(memory.bytes, window, this.#windowBytes, this.#clock.now);
    if (taken === 0) this.#shared.due = false;
    return taken > 0;
  }

  /** @returns how many entries were served, of as many as may be */
  #next(budget: number): number {
    const block = this.#block;
    const position = block[BLOCK_POSITION]!;
    const at = BLOCK_ENTRIES + position * ENTRY;
    const reply = block[BLOCK_KIND] === BLOCK_REPLIES;
    const slot = this.#connections.find(block[at + ENTRY_HANDLE]!);
    // Whether it is slow may depend on what becomes of what is in the outbox. If not, all that it is sent goes out
    // together.
    if (slot >= 0 && this.#outbox.count > 0) {
      const quick = this.#table[slot * COLUMNS + OUTPUT_BYTES]! <= this.#quickBytes;
      if (reply || (!quick && this.#outbox.has(slot))) this.#flow.post();
    }
    if (slot < 0 || this.#withheld(slot, reply)) {
      if (slot >= 0 && reply) this.#shared.replied(slot);
      block[BLOCK_POSITION] = position + 1;
    } else if (reply) return this.#serveReplies(slot, position, budget);
    else this.#serveMember(slot, at);
    return 1;
  }

  #serveReplies(slot: number, position: number, budget: number): number {
    const base = slot * COLUMNS;
    this.#callbacks.load(slot);
    // Nothing of others is on its way while the guest runs: if it does not return, that would be lost.
    if (!this.#carried) this.#flow.flush();
    this.#carried = false;
    if ((this.#table[base + FLAGS]! & GONE) !== 0) return 1;
    const count = this.#replies.together(budget);
    this.#table[base + BUSY] = 1;
    this.#block[BLOCK_POSITION]! += count;
    for (let left = count; left > 0; left -= 1) this.#shared.replied(slot);
    if (this.#replies.serve(slot, position, count)) this.#saved(slot, position + count);
    else this.#fail(slot);
    // It may be quiet now.
    if (this.#table[base + REQUESTS] === 0) this.#deadlines.schedule(slot);
    this.#table[base + BUSY] = 0;
    return count;
  }

  #serveMember(slot: number, at: number): void {
    const block = this.#block;
    const table = this.#table;
    const base = slot * COLUMNS;
    // What was too large for the outbox would be lost if the guest did not return; and a backlog may have grown.
    if (this.#batch.count > 0 || this.#effects.pending) this.#flow.flush();
    const flags = table[base + FLAGS]!;
    if ((flags & (GONE | BLOCKED)) !== 0) return;
    this.#callbacks.loadNow(slot);
    table[base + BUSY] = 1;
    block[BLOCK_POSITION]! += 1;
    if (block[BLOCK_KIND] !== BLOCK_MESSAGE) this.#tell(slot);
    else if ((flags & MISSED) === 0 || this.#caughtUp(slot)) this.#message(slot, at);
    table[base + BUSY] = 0;
  }

  // Who is closing gets nothing. A slow one is told later that it has missed messages.
  #withheld(slot: number, reply: boolean): boolean {
    const at = slot * COLUMNS + FLAGS;
    const flags = this.#table[at]!;
    if ((flags & GONE) !== 0) return true;
    if (reply || (flags & BLOCKED) === 0) return false;
    this.#table[at] = flags | MISSED;
    return true;
  }

  #message(slot: number, at: number): void {
    const block = this.#block;
    block[BLOCK_INSIDE] = 1;
    const tag = block[at + ENTRY_TAG]!;
    const [topic, data] = [block[BLOCK_TOPIC]!, block[BLOCK_DATA]!];
    if (!this.#into.message(slot, tag, block[BLOCK_FLAGS]!, topic, data)) {
      this.#lose(slot);
      // Before a fresh instance is told of the others: nobody is given this message again.
      this.#shared.seat!.poison();
      block[BLOCK_INSIDE] = 0;
      this.#restart();
      return;
    }
    block[BLOCK_INSIDE] = 0;
  }

  // The state that a reply left is saved at once, if the next one is for the same connection and nothing else
  // has to be done before.
  #saved(slot: number, next: number): void {
    const block = this.#block;
    this.#carried =
      next < block[BLOCK_COUNT]! &&
      block[BLOCK_ENTRIES + next * ENTRY + ENTRY_HANDLE] === this.#table[slot * COLUMNS + HANDLE] &&
      this.#effects.mayCarry();
    if (this.#carried) this.#callbacks.saveNow(slot);
    else this.#callbacks.save(slot);
  }

  /** on_missed; the state is in the guest. */
  #tell(slot: number): void {
    this.#table[slot * COLUMNS + FLAGS]! &= ~MISSED;
    if (!this.#into.missed(slot)) this.#fail(slot);
  }

  // Tells it what it has missed. @returns whether it can be given the message that comes next
  #caughtUp(slot: number): boolean {
    this.#tell(slot);
    this.#flow.post();
    this.#flow.flush();
    return !this.#withheld(slot, false);
  }

  /** Tells a connection, busy, what it has missed, unless it is nothing, or the connection is slow still. */
  catchUp(slot: number): void {
    if ((this.#table[slot * COLUMNS + FLAGS]! & MISSED) === 0) return;
    if (this.#withheld(slot, false)) return;
    this.#callbacks.load(slot);
    this.#flow.flush();
    if (this.#withheld(slot, false)) return;
    this.#tell(slot);
    this.#flow.post();
  }

  #fail(slot: number): void {
    this.#lose(slot);
    this.#restart();
  }

  // What others were sent goes out before it is looked at what this callback has left.
  #lose(slot: number): void {
    this.#flow.post();
    this.#callbacks.lose(slot);
  }

  // The bytes of the block were in the memory of the instance before.
  #restart(): void {
    this.#callbacks.replacement.restart();
    this.#written = false;
  }

  /**
   * First of all that a successor does: a message that has ended its predecessor ends nobody else.
   * @param slot in whose callback the predecessor ended; below 0 for none
   */
  inherit(slot: number): void {
    const block = this.#block;
    if (block[BLOCK_INSIDE] === 0) return;
    if (slot >= 0) this.#shared.seat?.poison();
    block[BLOCK_INSIDE] = 0;
  }
}
