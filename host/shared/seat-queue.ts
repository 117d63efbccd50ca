// Seat queue: what waits for one seat, in three queues with one bound, and what is queued instead of what
// does not fit. It knows no members, and does not look into records.

import { STATUS_LIMIT } from '../../assembly/abi.ts';
import { bareRecord, routed } from './record.ts';
import { CHARGE_ENTRY, OP_GAP, REPLY_ALWAYS } from './records.ts';
import type { Message } from './retained.ts';
import type { Answer } from './store.ts';
import type { Cursor, Name } from './topics.ts';

interface Waiting {
  /** What it adds to the queue's bytes. */
  readonly charge: number;
}

/** What waits in the queue of messages. */
export type Entry = Published | Direct | Following | TopicGap | ConnectionGap | SeatGap;

/** A message for the members of its topic. */
export interface Published extends Waiting {
  readonly kind: 'published';
  readonly message: Message;
  /** The connection that is left out; 0 is none. */
  readonly except: number;
  cursor: Cursor | null;
}

/** A message for one connection. */
export interface Direct extends Waiting {
  readonly kind: 'direct';
  readonly message: Message;
  readonly handle: number;
}

/** Retained messages with a smaller number, for a connection that has joined. */
export interface Following extends Waiting {
  readonly kind: 'following';
  readonly name: Name;
  readonly handle: number;
  readonly number: number;
  /** The number of the last one that was looked at. */
  cursor: number;
}

/** Messages of a topic are lost. */
export interface TopicGap extends Waiting {
  readonly kind: 'topic gap';
  readonly topic: string;
  /** Of the last of them. */
  number: number;
  cursor: Cursor | null;
}

/** Messages for one connection are lost. */
export interface ConnectionGap extends Waiting {
  readonly kind: 'connection gap';
  readonly handle: number;
}

/** Any messages are lost. */
export interface SeatGap extends Waiting {
  readonly kind: 'seat gap';
  /** The connection that was last told, or null. */
  cursor: number | null;
}

export interface Reply extends Answer, Waiting {
  readonly handle: number;
  readonly tag: number;
}

/** A record for the seat that sees to it. */
export interface Routed extends Waiting {
  readonly whole: Uint8Array;
  /** It stands for records that did not fit. */
  readonly gap: boolean;
}

export class SeatQueue {
  readonly replies: Reply[] = [];
  readonly entries: Entry[] = [];
  readonly records: Routed[] = [];
  readonly #most: number;
  bytes = 0;
  /** Entries that did not fit. */
  leftOut = 0;
  /** Something has come since this was last set to false. */
  fresh = false;

  constructor(queueBytes: number) {
    this.#most = queueBytes;
  }

  fits(charge: number): boolean {
    return this.bytes + charge <= this.#most;
  }

  /** Never refused. */
  reply(handle: number, tag: number, { status, bytes }: Answer): void {
    const charge = CHARGE_ENTRY + bytes.length;
    if (bytes.length <= REPLY_ALWAYS || this.fits(charge)) {
      this.#push(this.replies, { handle, tag, status, bytes, charge });
    } else {
      const none = new Uint8Array();
      const short = { handle, tag, status: STATUS_LIMIT, bytes: none, charge: CHARGE_ENTRY };
      this.#push(this.replies, short);
    }
  }

  /** @param except the connection that is left out; 0 is none */
  publish(message: Message, except: number): void {
    const charge = CHARGE_ENTRY + message.bytes.length;
    if (this.#offer({ kind: 'published', message, except, cursor: null, charge })) return;
    const { topic, number } = message;
    const ofGap = CHARGE_ENTRY + topic.length;
    this.#gap({ kind: 'topic gap', topic, number, cursor: null, charge: ofGap });
  }

  /** @returns whether it fits; nobody is told if not */
  direct(message: Message, handle: number): boolean {
    const charge = CHARGE_ENTRY + message.bytes.length;
    return this.#offer({ kind: 'direct', message, handle, charge });
  }

  /** Retained messages with a number below `number` are to follow a join. */
  follow(name: Name, handle: number, number: number): void {
    const charge = CHARGE_ENTRY + name.text.length;
    if (this.#offer({ kind: 'following', name, handle, number, cursor: 0, charge })) return;
    this.#gap({ kind: 'connection gap', handle, charge: CHARGE_ENTRY });
  }

  /** All connections may have missed something. Never refused. */
  gapForAll(): void {
    const last = this.entries.at(-1);
    this.fresh = true;
    if (last?.kind === 'seat gap' && last.cursor === null) return;
    this.#push(this.entries, { kind: 'seat gap', cursor: null, charge: CHARGE_ENTRY });
  }

  /** A store record, for the seat that sees to it. Never refused. */
  request(whole: Uint8Array, seat: number, charge: number): void {
    this.#push(this.records, { whole: routed(whole, seat), gap: false, charge });
  }

  /** What was published, for the seat that sees to it. */
  forward(published: Uint8Array, seat: number, charge: number): void {
    this.fresh = true;
    if (this.fits(charge)) {
      this.#push(this.records, { whole: routed(published, seat), gap: false, charge });
      return;
    }
    this.leftOut += 1;
    if (this.records.at(-1)?.gap) return;
    const whole = bareRecord(OP_GAP, seat);
    this.#push(this.records, { whole, gap: true, charge: CHARGE_ENTRY });
  }

  /** Takes away the first of one of the queues. */
  shift(queue: Waiting[]): void {
    this.bytes -= queue.shift()?.charge ?? 0;
  }

  clear(): void {
    for (const queue of [this.replies, this.entries, this.records]) queue.length = 0;
    this.bytes = 0;
  }

  #offer(entry: Entry): boolean {
    if (!this.fits(entry.charge)) {
      this.leftOut += 1;
      return false;
    }
    this.#push(this.entries, entry);
    return true;
  }

  #gap(gap: TopicGap | ConnectionGap): void {
    const last = this.entries.at(-1);
    if (last !== undefined && joins(last, gap)) {
      this.fresh = true;
      if (last.kind === 'topic gap' && gap.kind === 'topic gap') last.number = gap.number;
      return;
    }
    if (this.bytes + gap.charge <= 2 * this.#most) this.#push(this.entries, gap);
    else this.gapForAll();
  }

  #push<Item extends Waiting>(queue: Item[], item: Item): void {
    queue.push(item);
    this.bytes += item.charge;
    this.fresh = true;
  }
}

/** Whether those who are told of `last` are told of `gap` as well. Not if some were told already. */
function joins(last: Entry, gap: TopicGap | ConnectionGap): boolean {
  if (last.kind === 'seat gap') return last.cursor === null;
  if (last.kind === 'topic gap' && gap.kind === 'topic gap') {
    return last.topic === gap.topic && last.cursor === null;
  }
  return (
    last.kind === 'connection gap' && gap.kind === 'connection gap' && last.handle === gap.handle
  );
}
