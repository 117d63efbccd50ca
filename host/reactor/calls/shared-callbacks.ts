// Shared callbacks: the way into the guest with what was taken from shared state: on_message, on_missed,
// on_reply, on_replies. It knows where the bytes lie, and not who is served next.

import * as Words from '../../memory/control-words.ts';
import * as Numbers from '../../memory/layout.ts';
import type { Outbox } from '../../memory/outbox.ts';
import type { Flow } from '../flow.ts';
import type { Parts } from '../parts.ts';
import type { Callbacks } from './callbacks.ts';

const { COLUMNS, HANDLE } = Numbers;
const { ON_MESSAGE, ON_MISSED, ON_REPLIES, ON_REPLY } = Words;

/** Each tells whether the guest has returned; if not, `Callbacks.lose` is next. */
export class SharedCallbacks {
  readonly #batch: Parts['batch'];
  readonly #effects: Parts['effects'];
  readonly #outbox: Outbox;
  readonly #flow: Flow;
  readonly #callbacks: Callbacks;
  readonly #control: Parts['control'];
  readonly #table: Int32Array;

  constructor(parts: Parts, outbox: Outbox, flow: Flow, callbacks: Callbacks) {
    this.#batch = parts.batch;
    this.#effects = parts.effects;
    this.#outbox = outbox;
    this.#flow = flow;
    this.#callbacks = callbacks;
    this.#control = parts.control;
    this.#table = parts.connections.table;
  }

  /** on_message; the state is in the guest, topic and data one after the other in the window. */
  message(slot: number, tag: number, flags: number, topic: number, data: number): boolean {
    const callbacks = this.#callbacks;
    const { guest } = callbacks;
    const { onMessage, state, window } = guest;
    if (onMessage === null) return true;
    const handle = this.#table[slot * COLUMNS + HANDLE]!;
    callbacks.begin(guest, slot, ON_MESSAGE);
    try {
      try {
        onMessage(handle, state, tag, flags, window, topic, window + topic, data);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      callbacks.why = thrown;
      return false;
    }
    return callbacks.settled() && this.#gathered(slot);
  }

  /** on_reply; the state is in the guest and to be saved, the bytes in the window from `offset` on. */
  reply(slot: number, tag: number, status: number, offset: number, length: number): boolean {
    const callbacks = this.#callbacks;
    const { guest } = callbacks;
    const { onReply, state, window } = guest;
    if (onReply === null) return true;
    const handle = this.#table[slot * COLUMNS + HANDLE]!;
    callbacks.begin(guest, slot, ON_REPLY);
    try {
      try {
        onReply(handle, state, tag, status, window + offset, length);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      callbacks.why = thrown;
      return false;
    }
    return callbacks.settled();
  }

  /** on_replies; the state is in the guest and to be saved, rows and bytes in the window. */
  replies(slot: number, rows: number, count: number): boolean {
    const callbacks = this.#callbacks;
    const { guest } = callbacks;
    const { onReplies, state } = guest;
    if (onReplies === null) return true;
    const handle = this.#table[slot * COLUMNS + HANDLE]!;
    callbacks.begin(guest, slot, ON_REPLIES);
    try {
      try {
        onReplies(handle, state, rows, count);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      callbacks.why = thrown;
      return false;
    }
    return callbacks.settled();
  }

  /** on_missed; the state is in the guest. */
  missed(slot: number): boolean {
    const callbacks = this.#callbacks;
    const { guest } = callbacks;
    const { onMissed, state } = guest;
    if (onMissed === null) return true;
    const handle = this.#table[slot * COLUMNS + HANDLE]!;
    callbacks.begin(guest, slot, ON_MISSED);
    try {
      try {
        onMissed(handle, state);
      } finally {
        this.#control.leave();
      }
    } catch (thrown) {
      callbacks.why = thrown;
      return false;
    }
    return callbacks.settled() && this.#gathered(slot);
  }

  // What was sent is put where a successor finds it, and so is the state: others may be served before the kernel
  // is called.
  #gathered(slot: number): boolean {
    const { mark } = this.#effects;
    if (this.#batch.count > mark && !this.#outbox.take(mark)) this.#later(mark);
    this.#callbacks.saveNow(slot);
    if (this.#batch.count === 0) this.#effects.flushed();
    return true;
  }

  // The outbox has no room, or never had so much: then it goes out by the batch.
  #later(mark: number): void {
    if (this.#outbox.count === 0) return;
    this.#flow.postBefore(mark);
    this.#outbox.take(mark);
  }
}
