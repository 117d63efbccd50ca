// Place: all that is kept of one seat, and how a take goes through its queues. It knows no operations, and
// nobody who serves what it finds.

import { STATUS_LIMIT } from '../../assembly/abi.ts';
import { missed, nothing, type Taken, type TakenEntry } from './block.ts';
import { aligned } from './form.ts';
import * as Records from './records.ts';
import type { Message, Retained } from './retained.ts';
import {
  type Entry,
  type Following,
  type Published,
  SeatQueue,
  type TopicGap,
} from './seat-queue.ts';
import type { Member, Topics } from './topics.ts';

const { BLOCK_MESSAGE, BLOCK_RECORDS, BLOCK_REPLIES } = Records;
const { DELIVERED_DIRECT, DELIVERED_RETAINED, ENTRIES, TAKE_STEPS } = Records;

/** What a take that has done its share is told. */
export const MORE = -1;
type Found = Taken | typeof MORE | null;

export class Place {
  readonly seat: number;
  readonly queue: SeatQueue;
  /** Requests of each connection whose reply was not taken. */
  readonly requests = new Map<number, number>();
  /** What was taken last. */
  present = nothing;
  /** It is known to be on its way to what waits: nobody has to wake it. */
  signalled = false;
  readonly #topics: Topics;
  readonly #retained: Retained;
  /** The queue that is looked at first. */
  #turn = 0;
  /** What this take may still look at in vain. */
  #steps = 0;

  /** Messages that are retained, whoever has published them. */
  get kept(): number {
    return this.#retained.size;
  }

  constructor(seat: number, queueBytes: number, topics: Topics, retained: Retained) {
    this.seat = seat;
    this.queue = new SeatQueue(queueBytes);
    this.#topics = topics;
    this.#retained = retained;
  }

  /** @param length how many bytes can be given at most */
  take(length: number, now: number): Taken | typeof MORE {
    this.present = nothing;
    this.#steps = TAKE_STEPS;
    const queues = [
      () => this.#replies(length),
      () => this.#messages(length, now),
      () => this.#records(length),
    ];
    const first = this.#turn;
    for (const at of queues.keys()) {
      const turn = (first + at) % queues.length;
      const found = queues[turn]!();
      if (found === null) continue;
      this.#turn = (turn + 1) % queues.length;
      if (found !== MORE) this.present = found;
      return found;
    }
    this.signalled = false;
    return nothing;
  }

  leaveAll(handle: number): void {
    this.#topics.leaveAll(this.seat, handle);
    this.requests.delete(handle);
  }

  /** What belongs to any other connection is dropped. */
  keepOnly(handles: Int32Array): void {
    const known = [...this.#topics.handles(this.seat), ...this.requests.keys()];
    for (const handle of known.filter((handle) => !handles.includes(handle))) this.leaveAll(handle);
  }

  /** The seat is closed. */
  clear(): void {
    this.keepOnly(new Int32Array());
    this.queue.clear();
  }

  get pending(): number {
    return [...this.requests.values()].reduce((sum, requests) => sum + requests, 0);
  }

  #replies(length: number): Found {
    const { replies } = this.queue;
    const entries: TakenEntry[] = [];
    const parts: Uint8Array[] = [];
    let used = 0;
    while (entries.length < ENTRIES && replies.length > 0 && this.#steps > 0) {
      const { handle, tag, status, bytes } = replies[0]!;
      const waiting = this.requests.get(handle);
      if (waiting === undefined) {
        this.queue.shift(replies);
        this.#steps -= 1;
        continue;
      }
      const offset = bytes.length === 0 ? 0 : aligned(used);
      const fits = offset + bytes.length <= length;
      if (!fits && entries.length > 0) break;
      if (fits) {
        if (bytes.length > 0) {
          parts.push(new Uint8Array(offset - used), bytes);
          used = offset + bytes.length;
        }
        entries.push({ handle, tag, reply: { status, offset, length: bytes.length } });
      } else entries.push({ handle, tag, reply: { status: STATUS_LIMIT, offset: 0, length: 0 } });
      this.queue.shift(replies);
      if (waiting > 1) this.requests.set(handle, waiting - 1);
      else this.requests.delete(handle);
    }
    if (entries.length === 0) return replies.length > 0 ? MORE : null;
    const bytes = joined(parts);
    return { ...nothing, kind: BLOCK_REPLIES, entries, count: entries.length, bytes };
  }

  #messages(length: number, now: number): Found {
    const { entries } = this.queue;
    if (entries.length > 0) this.#retained.now = now;
    while (entries.length > 0) {
      if (this.#steps === 0) return MORE;
      const entry = entries[0]!;
      const found = this.#recipients(entry, length);
      const over = entry.kind !== 'following' && (found?.count ?? 0) < ENTRIES;
      if (found === null || over) this.queue.shift(entries);
      // What is kept may be much: whoever has joined for it takes turns with all that waits.
      else if (entry.kind === 'following') entries.push(entries.shift()!);
      if (found !== null) return found;
      this.#steps -= 1;
    }
    return null;
  }

  /** The entry for those who come next, or null when nobody is left. */
  #recipients(entry: Entry, length: number): Taken | null {
    switch (entry.kind) {
      case 'published': {
        const { message } = entry;
        const members = this.#chosen(entry);
        return members.length === 0 ? null : delivery(message, members, 0, length);
      }
      case 'direct': {
        const { message, handle } = entry;
        return delivery(message, [{ handle, tag: 0 }], DELIVERED_DIRECT, length);
      }
      case 'following':
        return this.#retainedMessage(entry, length);
      case 'topic gap': {
        const members = this.#members(entry);
        return members.length === 0 ? null : missed(members);
      }
      case 'connection gap': {
        const { handle } = entry;
        return this.#topics.joins(this.seat, handle) === 0 ? null : missed([{ handle, tag: 0 }]);
      }
      case 'seat gap': {
        const told = entry.cursor ?? Number.NEGATIVE_INFINITY;
        const handles = this.#topics.handles(this.seat).filter((handle) => handle > told);
        if (handles.length === 0) return null;
        const next = handles.slice(0, ENTRIES);
        entry.cursor = next.at(-1)!;
        return missed(next.map((handle) => ({ handle, tag: 0 })));
      }
    }
  }

  /** The members who come next, after the cursor, which is moved on. */
  #members(entry: TopicGap): Member[] {
    const members = this.#topics
      .recipients(this.seat, entry.topic, entry.cursor)
      .filter((member) => member.number < entry.number)
      .slice(0, ENTRIES);
    entry.cursor = members.at(-1) ?? entry.cursor;
    return members;
  }

  /** The same, of those whom a message is for. */
  #chosen(entry: Published): Member[] {
    const { message, except } = entry;
    const members: Member[] = [];
    for (const member of this.#topics.recipients(this.seat, message.topic, entry.cursor)) {
      if (members.length === ENTRIES) break;
      if (member.number >= message.number || member.handle === except) continue;
      if (this.#topics.chooses(member, message)) members.push(member);
    }
    entry.cursor = members.at(-1) ?? entry.cursor;
    return members;
  }

  #retainedMessage(entry: Following, length: number): Taken | null {
    const { name, handle, number } = entry;
    const member = this.#topics.member(this.seat, handle, name);
    if (member?.joined !== number) return null;
    const [message] = this.#retained.between(name, entry.cursor, number);
    if (message === undefined) return null;
    entry.cursor = message.number;
    return delivery(message, [member], DELIVERED_RETAINED, length);
  }

  #records(length: number): Found {
    const { records } = this.queue;
    const taken: Uint8Array[] = [];
    let used = 0;
    while (taken.length < ENTRIES && records.length > 0) {
      const { whole } = records[0]!;
      if (used + whole.length > length) break;
      taken.push(whole);
      used += whole.length;
      this.queue.shift(records);
    }
    if (taken.length > 0) {
      return { ...nothing, kind: BLOCK_RECORDS, count: taken.length, bytes: joined(taken) };
    }
    if (records.length > 0) {
      throw new RangeError(`a record has ${records[0]!.whole.length} bytes, more than ${length}`);
    }
    return null;
  }
}

/** What is poison, or too long, is missed. */
function delivery(
  message: Message,
  recipients: readonly TakenEntry[],
  flags: number,
  length: number,
): Taken {
  if (message.poisoned || message.bytes.length > length) return missed(recipients);
  const { bytes } = message;
  return {
    ...{ kind: BLOCK_MESSAGE, flags, entries: recipients, count: recipients.length },
    ...{ topicBytes: message.topic.length, bytes, message },
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
