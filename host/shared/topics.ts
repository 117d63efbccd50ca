// Topics: who is a member of what, in which order, and what that is charged. It knows no messages.

import { comparePatterns, matches } from './names.ts';
import { CHARGE_LEVEL, CHARGE_MEMBER, CHARGE_TOPIC } from './records.ts';
import type { Message } from './retained.ts';

/** What is joined: a topic, or a pattern of topics. The same bytes may be both. */
export interface Name {
  readonly text: string;
  readonly pattern: boolean;
  /** Of the members who share it by this name one is given each message; empty if it is not shared. */
  readonly share: string;
}

export interface Member {
  readonly name: Name;
  readonly handle: number;
  /** Of the first join. Messages with a larger number are for the member. */
  readonly number: number;
  tag: number;
  /** Of the latest join: retained messages with a smaller number follow it. */
  joined: number;
}

/** The members of one share, in the order of their joins, and who was chosen last. */
interface Share {
  readonly number: number;
  readonly members: number[];
  last: number;
}

/** How far a message has come at a seat: the member who was last. */
export type Cursor = Pick<Member, 'name' | 'number'>;

export class Topics {
  /** Per seat, per name, per handle. A Map keeps the order of the first joins, which is that of numbers. */
  readonly #seats = new Map<number, Map<string, Map<number, Member>>>();
  /** Members of each topic and pattern in all seats. */
  readonly #names = new Map<string, number>();
  readonly #shares = new Map<string, Share>();
  bytes = 0;
  members = 0;

  get names(): number {
    return this.#names.size;
  }

  /** What a join would add to `bytes`. */
  charge(seat: number, handle: number, name: Name): number {
    if (this.member(seat, handle, name) !== undefined) return 0;
    const share = this.#shares.has(keyOf(name)) ? 0 : chargeOfShare(name);
    return chargeOfMember(name) + share + (this.#names.has(groupOf(name)) ? 0 : chargeOf(name));
  }

  /** What the memberships of a connection would be charged if they were all there is. */
  own(seat: number, handle: number): number {
    return this.#lists(seat)
      .flatMap((list) => list.get(handle) ?? [])
      .reduce(
        (sum, { name }) => sum + chargeOfMember(name) + chargeOfShare(name) + chargeOf(name),
        0,
      );
  }

  /** @param quiet what is retained does not follow; what follows a join before goes on */
  join(
    seat: number,
    handle: number,
    name: Name,
    tag: number,
    number: number,
    quiet: boolean,
  ): void {
    const known = this.member(seat, handle, name);
    if (known !== undefined) {
      known.tag = tag;
      if (!quiet) known.joined = number;
      return;
    }
    this.bytes += this.charge(seat, handle, name);
    this.members += 1;
    const group = groupOf(name);
    this.#names.set(group, (this.#names.get(group) ?? 0) + 1);
    if (name.share !== '') this.#joinShare(keyOf(name), number);
    const lists = entryOf(this.#seats, seat);
    entryOf(lists, keyOf(name)).set(handle, { name, handle, number, tag, joined: number });
  }

  leave(seat: number, handle: number, name: Name): void {
    const key = keyOf(name);
    const lists = this.#seats.get(seat);
    const list = lists?.get(key);
    const member = list?.get(handle);
    if (list === undefined || member === undefined) return;
    list.delete(handle);
    if (list.size === 0) lists?.delete(key);
    if (name.share !== '') this.#leaveShare(name, member.number);
    this.members -= 1;
    this.bytes -= chargeOfMember(name);
    const group = groupOf(name);
    const left = this.#names.get(group)! - 1;
    if (left > 0) {
      this.#names.set(group, left);
      return;
    }
    this.#names.delete(group);
    this.bytes -= chargeOf(name);
  }

  leaveAll(seat: number, handle: number): void {
    for (const list of this.#lists(seat)) {
      const member = list.get(handle);
      if (member !== undefined) this.leave(seat, handle, member.name);
    }
  }

  member(seat: number, handle: number, name: Name): Member | undefined {
    return this.#seats.get(seat)?.get(keyOf(name))?.get(handle);
  }

  joins(seat: number, handle: number): number {
    return this.#lists(seat).filter((list) => list.has(handle)).length;
  }

  /** Connections of the seat that are a member of anything, in ascending order. */
  handles(seat: number): number[] {
    const handles = new Set(this.#lists(seat).flatMap((list) => [...list.keys()]));
    return [...handles].sort((a, b) => a - b);
  }

  /** Whether messages of this topic are queued for the seat: members of patterns are looked for later. */
  hears(seat: number, topic: string): boolean {
    const keys = [...(this.#seats.get(seat)?.keys() ?? [])];
    return keys.some((key) => key.startsWith(PATTERN) || key === EXACT + topic);
  }

  /** Members of the seat for this topic that come after the cursor, in order. */
  recipients(seat: number, topic: string, cursor: Cursor | null): Member[] {
    return this.#lists(seat)
      .map((list) => [...list.values()])
      .filter(([first]) => isFor(first!.name, topic))
      .flat()
      .sort((a, b) => compareNames(a.name, b.name) || a.number - b.number)
      .filter((member) => cursor === null || isAfter(member, cursor));
  }

  /** Whether a message is for this member: the first look at it chooses one of those who share. */
  chooses({ name, number }: Member, message: Message): boolean {
    if (name.share === '') return true;
    const share = this.#shares.get(keyOf(name))!;
    const { choices } = message;
    if (!choices.has(share.number)) {
      const members = share.members.filter((member) => member < message.number);
      share.last = members.find((member) => member > share.last) ?? members[0]!;
      choices.set(share.number, share.last);
    }
    return choices.get(share.number) === number;
  }

  #joinShare(key: string, number: number): void {
    const share = this.#shares.get(key) ?? { number, members: [], last: 0 };
    share.members.push(number);
    this.#shares.set(key, share);
  }

  #leaveShare(name: Name, number: number): void {
    const key = keyOf(name);
    const { members } = this.#shares.get(key)!;
    members.splice(members.indexOf(number), 1);
    if (members.length > 0) return;
    this.#shares.delete(key);
    this.bytes -= chargeOfShare(name);
  }

  /** Those of each name; none is empty. */
  #lists(seat: number): Map<number, Member>[] {
    return [...(this.#seats.get(seat)?.values() ?? [])];
  }
}

const EXACT = '=';
const PATTERN = '~';

/** Of a list of members. */
const keyOf = ({ text, pattern, share }: Name): string =>
  pattern ? `${PATTERN}${share}/${text}` : EXACT + text;

/** Of what is charged once, however it is shared. */
const groupOf = ({ text, pattern }: Name): string => (pattern ? PATTERN : EXACT) + text;

/** Whether a message of this topic is for members of this name. */
export const isFor = ({ text, pattern }: Omit<Name, 'share'>, topic: string): boolean =>
  pattern ? matches(text, topic) : text === topic;

function chargeOf({ text, pattern }: Name): number {
  return CHARGE_TOPIC + text.length + (pattern ? CHARGE_LEVEL * text.split('/').length : 0);
}

const chargeOfShare = ({ share }: Name): number => (share === '' ? 0 : CHARGE_TOPIC + share.length);

const chargeOfMember = ({ share }: Name): number => CHARGE_MEMBER * (share === '' ? 1 : 2);

function compareNames(a: Name, b: Name): number {
  if (a.pattern !== b.pattern) return a.pattern ? 1 : -1;
  return comparePatterns(a.text, b.text);
}

function isAfter(member: Member, cursor: Cursor): boolean {
  const difference = compareNames(member.name, cursor.name);
  return difference > 0 || (difference === 0 && member.number > cursor.number);
}

function entryOf<K, A, B>(map: Map<K, Map<A, B>>, key: K): Map<A, B> {
  const known = map.get(key) ?? new Map<A, B>();
  map.set(key, known);
  return known;
}
