// A model of shared state in plain arrays. It says of each step of a program what is wrong with it, in lines
// of text: none when all is right. It has its own idea of patterns, of what is kept, and of sums.

import type { SharedLimits } from '../../host/shared/contract.ts';
import * as Records from '../../host/shared/records.ts';
import { type Answer, Keys } from './shared-keys.ts';
import type { Observed } from './shared-programs.ts';
import type { Asking, Event, Recipient, Reply } from './shared-seats.ts';

const { CHARGE_ENTRY, CHARGE_LEVEL, CHARGE_MEMBER, CHARGE_RETAINED, CHARGE_TOPIC } = Records;
const { DELIVERED_DIRECT, DELIVERED_RETAINED } = Records;

interface Message {
  readonly number: number;
  readonly topic: string;
  readonly data: string;
  poisoned: boolean;
}

interface Membership {
  readonly seat: number;
  readonly handle: number;
  readonly name: string;
  readonly pattern: boolean;
  tag: number;
  /** What it is to get, in order; how much of it was given or passed over; and how much was told of. */
  readonly expected: Message[];
  got: number;
  told: number;
  /** What was kept when it joined last, in order; how much of it was given; whether it was told since. */
  kept: Message[];
  gotKept: number;
  toldSince: boolean;
}

interface Question {
  readonly seat: number;
  readonly handle: number;
  readonly tag: number;
  /** Null until it is known. */
  answer: Answer | null;
}

export interface Expectations {
  readonly seats: number;
  /** There is room for everything, and no message is poison: none may be lost. */
  readonly lossless: boolean;
  /** Store records are answered by a seat. */
  readonly routed: boolean;
}

export class Model {
  readonly #limits: SharedLimits;
  readonly #expectations: Expectations;
  readonly #keys: Keys;
  #faults: string[] = [];
  #number = 0;
  #asked = 0;
  #groupBytes = 0;
  #members: Membership[] = [];
  #kept: Message[] = [];
  #directs: { readonly seat: number; readonly handle: number; readonly message: Message }[] = [];
  #questions: Question[] = [];
  /** Of each seat: its block's message and whom its replies are for, and its latest message. */
  readonly #present: (Message | undefined)[] = [];
  readonly #replied: (readonly number[])[] = [];
  readonly #latest: number[] = [];

  constructor(limits: SharedLimits, expectations: Expectations) {
    this.#limits = limits;
    this.#expectations = expectations;
    this.#keys = new Keys(limits.storeBytes);
  }

  /** @returns what is wrong with the step */
  look(step: Observed): string[] {
    this.#faults = [];
    switch (step.call) {
      case 'commit':
        for (const asking of step.askings) this.#perform(step.seat, asking, step.now);
        if (this.#expectations.lossless && step.bits > Records.COMMITTED_OWN) {
          this.#fault('a direct message was refused');
        }
        break;
      case 'take':
        this.#take(step.seat, step.event);
        break;
      case 'end':
        this.#end(step.seat, (handle) => handle === step.handle);
        break;
      case 'adopt':
        this.#end(step.seat, (handle) => !step.handles.includes(handle));
        this.#hasPending(step.seat, step.handles, step.pending, step.served);
        break;
      case 'poison': {
        const message = this.#present[step.seat];
        if (message !== undefined) message.poisoned = true;
        break;
      }
      case 'close':
        this.#end(step.seat, () => true);
        this.#directs = this.#directs.filter(({ seat }) => seat !== step.seat);
        this.#present[step.seat] = undefined;
        this.#replied[step.seat] = [];
        break;
      case 'answer':
        this.#answer(step.seat, step.handle, step.tag, step.status, step.value);
        break;
    }
    this.#count(step.counts);
    if (step.call === 'commit' && step.askings.length === 1) this.#noMoreThan(step.counts);
    this.#groupBytes = step.counts[Records.COUNT_GROUP_BYTES]!;
    return this.#faults;
  }

  /** @returns what is missing, when nothing waits any more */
  over(): string[] {
    this.#faults = [];
    for (const member of this.#members) {
      const silent = member.expected.slice(Math.max(member.got, member.told));
      for (const { data } of silent) this.#fault(`${nameOf(member)} was not told of ${data}`);
      const still = member.kept.slice(member.gotKept).filter((kept) => this.#kept.includes(kept));
      if (still.length > 0 && !member.toldSince) {
        this.#fault(`${nameOf(member)} did not get the retained ${still[0]!.data}`);
      }
    }
    for (const { handle, tag, answer } of this.#questions) {
      if (answer !== null) this.#fault(`${handle} has no reply to ${tag}`);
    }
    if (this.#expectations.lossless && this.#directs.length > 0) {
      this.#fault('a direct message did not arrive');
    }
    return this.#faults;
  }

  #fault(text: string): void {
    this.#faults.push(text);
  }

  #same(actual: unknown, expected: unknown, what: string): void {
    if (actual !== expected) this.#fault(`${what}: ${actual} instead of ${expected}`);
  }

  #end(seat: number, whose: (handle: number) => boolean): void {
    const stays = (of: { seat: number; handle: number }) => of.seat !== seat || !whose(of.handle);
    this.#members = this.#members.filter(stays);
    this.#questions = this.#questions.filter(stays);
  }

  #perform(seat: number, asking: Asking, now: number): void {
    const { op, handle = 0, first = '', second = '', flags = 0, tag = 0 } = asking;
    const pattern = (flags & Records.FLAG_PATTERN) !== 0;
    const is = (member: Membership) =>
      member.seat === seat &&
      member.handle === handle &&
      member.name === first &&
      member.pattern === pattern;
    switch (op) {
      case Records.OP_JOIN: {
        const kept = this.#kept.filter(({ topic }) => isFor(first, pattern, topic));
        const anew = { tag, kept, gotKept: 0, toldSince: false };
        const known = this.#members.find(is);
        if (known !== undefined) Object.assign(known, anew);
        else {
          const place = { seat, handle, name: first, pattern };
          this.#members.push({ ...place, ...anew, expected: [], got: 0, told: 0 });
        }
        break;
      }
      case Records.OP_LEAVE:
        this.#members = this.#members.filter((member) => !is(member));
        break;
      case Records.OP_PUBLISH:
        this.#publish(seat, handle, this.#message(first, second), flags);
        break;
      case Records.OP_DIRECT:
        this.#directs.push({ seat: asking.seat!, handle, message: this.#message(first, second) });
        break;
      case Records.OP_GAP:
        break;
      default: {
        const answer = this.#expectations.routed ? null : this.#keys.ask(asking, now);
        if (handle === 0) break;
        this.#asked += 1;
        this.#questions.push({ seat, handle, tag, answer });
      }
    }
  }

  #message(topic: string, data: string): Message {
    this.#number += 1;
    return { number: this.#number, topic, data, poisoned: false };
  }

  #publish(seat: number, handle: number, message: Message, flags: number): void {
    const { topic, data } = message;
    if ((flags & Records.FLAG_RETAIN) !== 0) {
      this.#kept = this.#kept.filter((other) => other.topic !== topic);
      if (data !== '') this.#kept.push(message);
    }
    // Empty ones cannot be told apart: nothing is expected of them.
    if (data === '') return;
    for (const member of this.#members) {
      const own = member.seat === seat && member.handle === handle;
      if (own && (flags & Records.FLAG_OTHERS) !== 0) continue;
      if (isFor(member.name, member.pattern, topic)) member.expected.push(message);
    }
  }

  #answer(seat: number, handle: number, tag: number, status: number, text: string): void {
    const question = this.#questions.find(
      (each) => each.seat === seat && each.handle === handle && each.tag === tag,
    );
    if (question === undefined) return;
    const version = new DataView(Uint8Array.from(Buffer.from(text.padEnd(8))).buffer);
    question.answer =
      text === ''
        ? { status }
        : { status, version: version.getBigUint64(0, true), value: text.slice(8) };
  }

  #hasPending(
    seat: number,
    handles: readonly number[],
    pending: readonly number[],
    served: number,
  ): void {
    const waiting = this.#questions.filter((question) => question.seat === seat);
    const all = [
      ...waiting.map(({ handle }) => handle),
      ...(this.#replied[seat] ?? []).slice(served),
    ];
    for (const [at, handle] of handles.entries()) {
      const count = all.filter((other) => other === handle).length;
      this.#same(pending[at], count, `requests of ${handle} that wait`);
    }
  }

  #take(seat: number, event: Event): void {
    this.#present[seat] = undefined;
    this.#replied[seat] = [];
    if (event.kind === 'replies') {
      this.#replied[seat] = event.replies.map(({ handle }) => handle);
      for (const reply of event.replies) this.#reply(seat, reply);
    } else if (event.kind === 'missed') {
      if (this.#expectations.lossless) this.#fault('messages are told as lost');
      for (const [handle] of event.to) this.#missed(seat, handle);
    } else if (event.kind === 'message') {
      for (const recipient of event.to) this.#delivered(seat, event, recipient);
    }
  }

  #reply(seat: number, { handle, tag, ...reply }: Reply): void {
    const at = this.#questions.findIndex((one) => one.seat === seat && one.handle === handle);
    const [question] = at < 0 ? [] : this.#questions.splice(at, 1);
    if (question?.answer == null) {
      this.#fault(`${handle} of seat ${seat} did not ask for reply ${tag}`);
      return;
    }
    const { answer } = question;
    this.#same(tag, question.tag, `tag of the reply to ${handle}`);
    const long = (answer.value?.length ?? 0) + 8 > Records.REPLY_ALWAYS;
    if (long && !this.#expectations.lossless && reply.status === -3) return;
    for (const column of ['status', 'version', 'value'] as const) {
      this.#same(reply[column], answer[column], `${column} of reply ${tag} to ${handle}`);
    }
  }

  #missed(seat: number, handle: number): void {
    const members = this.#members.filter((each) => each.seat === seat && each.handle === handle);
    if (members.length === 0) this.#fault(`${handle} is no member of anything, but told`);
    for (const member of members) {
      member.told = member.expected.length;
      member.toldSince = true;
    }
  }

  #delivered(seat: number, event: Event & { kind: 'message' }, [handle, tag]: Recipient): void {
    const { flags, topic, data } = event;
    if (flags === DELIVERED_DIRECT) {
      const at = this.#directs.findIndex(
        (each) => each.seat === seat && each.handle === handle && each.message.data === data,
      );
      if (at < 0) this.#fault(`${handle} was sent no ${data}`);
      else this.#present[seat] = this.#directs.splice(at, 1)[0]!.message;
      return;
    }
    const member = this.#members.find(
      (each) => each.seat === seat && each.handle === handle && each.tag === tag,
    );
    if (member === undefined || !isFor(member.name, member.pattern, topic)) {
      this.#fault(`${handle} of seat ${seat} has not joined ${topic} with tag ${tag}`);
    } else if (flags === DELIVERED_RETAINED) this.#gaveKept(member, data);
    else if (data !== '') this.#gave(member, data);
  }

  #gaveKept(member: Membership, data: string): void {
    const at = member.kept.findIndex(
      (kept, index) => index >= member.gotKept && kept.data === data,
    );
    const message = member.kept[at];
    if (message === undefined) {
      this.#fault(`${nameOf(member)} is not to get the retained ${data}, or not again`);
      return;
    }
    const passed = member.kept.slice(member.gotKept, at);
    if (passed.some((kept) => this.#kept.includes(kept)) && !member.toldSince) {
      this.#fault(`${nameOf(member)} got the retained ${data} too early`);
    }
    if (!this.#kept.includes(message)) this.#fault(`${data} is not retained any more`);
    if (message.poisoned) this.#fault(`${data} is poison`);
    member.gotKept = at + 1;
    this.#present[member.seat] = message;
  }

  #gave(member: Membership, data: string): void {
    const at = member.expected.findIndex(
      (each, index) => index >= member.got && each.data === data,
    );
    const message = member.expected[at];
    if (message === undefined) {
      this.#fault(`${nameOf(member)} is not to get ${data}, or not again`);
      return;
    }
    const silent = member.expected.slice(Math.max(member.got, member.told), at);
    for (const lost of silent) {
      this.#fault(`${nameOf(member)} got ${data} and was not told of ${lost.data} before`);
    }
    if (message.poisoned) this.#fault(`${data} is poison`);
    if (message.number < (this.#latest[member.seat] ?? 0)) this.#fault(`${data} is out of order`);
    this.#latest[member.seat] = message.number;
    member.got = at + 1;
    this.#present[member.seat] = message;
  }

  #count(counts: readonly number[]): void {
    const names = new Map(
      this.#members.map(({ name, pattern }) => [`${pattern} ${name}`, { name, pattern }]),
    );
    const ofNames = [...names.values()].map(
      ({ name, pattern }) =>
        CHARGE_TOPIC + name.length + (pattern ? CHARGE_LEVEL * name.split('/').length : 0),
    );
    const ofKept = this.#kept.map(
      ({ topic, data }) => CHARGE_RETAINED + topic.length + data.length,
    );
    const sum = [...ofNames, ...ofKept].reduce((all, bytes) => all + bytes, 0);
    const group = sum + this.#members.length * CHARGE_MEMBER;
    this.#same(counts[Records.COUNT_TOPICS], names.size, 'topics');
    this.#same(counts[Records.COUNT_MEMBERS], this.#members.length, 'members');
    this.#same(counts[Records.COUNT_RETAINED], this.#kept.length, 'retained messages');
    this.#same(counts[Records.COUNT_GROUP_BYTES], group, 'bytes of topics');
    this.#same(counts[Records.COUNT_PENDING], this.#questions.length, 'requests that wait');
    const { queueBytes, storeBytes } = this.#limits;
    const short = this.#asked * (CHARGE_ENTRY + Records.REPLY_ALWAYS);
    // Two gaps for all, of which one has begun, are beyond twice the bound.
    const most = this.#expectations.seats * (2 * queueBytes + 2 * CHARGE_ENTRY) + short;
    if (counts[Records.COUNT_QUEUE_BYTES]! > most) this.#fault('too much waits');
    if (counts[Records.COUNT_STORE_BYTES]! > storeBytes) this.#fault('too much is stored');
  }

  /** After a commit of one record, which was checked. */
  #noMoreThan(counts: readonly number[]): void {
    const group = counts[Records.COUNT_GROUP_BYTES]!;
    const { groupBytes, maxJoins } = this.#limits;
    if (group > Math.max(groupBytes, this.#groupBytes)) this.#fault('too much is joined or kept');
    for (const { seat, handle } of this.#members) {
      const joins = this.#members.filter((each) => each.seat === seat && each.handle === handle);
      if (joins.length > maxJoins) this.#fault(`${handle} has joined too often`);
    }
  }
}

const nameOf = ({ seat, handle, name }: Membership): string =>
  `${handle} of seat ${seat} in ${name}`;

/** MQTT's rules as a regular expression. */
function isFor(name: string, pattern: boolean, topic: string): boolean {
  if (!pattern) return name === topic;
  if (topic.startsWith('$') && /^[+#]/.test(name)) return false;
  const source = name
    .replaceAll('$', '\\$')
    .replaceAll('+', '[^/]*')
    .replace(/^#$/, '.*')
    .replace(/\/#$/, '(?:/.*)?');
  return new RegExp(`^${source}$`).test(topic);
}
