// Topics: who is a member of what, in which order, and what that is charged. It knows no messages.

import { comparePatterns, matches } from './names.ts';
import { CHARGE_LEVEL, CHARGE_MEMBER, CHARGE_TOPIC } from './records.ts';

/** What is joined: a topic, or a pattern of topics. The same bytes may be both. */
export interface Name {
  readonly text: string;
  readonly pattern: boolean;
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

/** How far a message has come at a seat: the member who was last. */
export type Cursor = Pick<Member, 'name' | 'number'>;

export class Topics {
  /** Per seat, per name, per handle. A Map keeps the order of the first joins, which is that of numbers. */
  readonly #seats = new Map<number, Map<string, Map<number, Member>>>();
  /** Members of each name in all seats. */
  readonly #names = new Map<string, number>();
  bytes = 0;
  members = 0;

  get names(): number {
    return this.#names.size;
  }

  /** What a join would add to `bytes`. */
  charge(seat: number, handle: number, name: Name): number {
    if (this.member(seat, handle, name) !== undefined) return 0;
    return CHARGE_MEMBER + (this.#names.has(keyOf(name)) ? 0 : chargeOf(name));
  }

  join(seat: number, handle: number, name: Name, tag: number, number: number): void {
    const known = this.member(seat, handle, name);
    if (known !== undefined) {
      known.tag = tag;
      known.joined = number;
      return;
    }
    this.bytes += this.charge(seat, handle, name);
    this.members += 1;
    const key = keyOf(name);
    this.#names.set(key, (this.#names.get(key) ?? 0) + 1);
    const lists = entryOf(this.#seats, seat);
    entryOf(lists, key).set(handle, { name, handle, number, tag, joined: number });
  }

  leave(seat: number, handle: number, name: Name): void {
    const key = keyOf(name);
    const lists = this.#seats.get(seat);
    const list = lists?.get(key);
    if (!list?.delete(handle)) return;
    if (list.size === 0) lists?.delete(key);
    this.members -= 1;
    this.bytes -= CHARGE_MEMBER;
    const left = this.#names.get(key)! - 1;
    if (left > 0) {
      this.#names.set(key, left);
      return;
    }
    this.#names.delete(key);
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
      .sort(([a], [b]) => compareNames(a!.name, b!.name))
      .flat()
      .filter((member) => cursor === null || isAfter(member, cursor));
  }

  /** Those of each name; none is empty. */
  #lists(seat: number): Map<number, Member>[] {
    return [...(this.#seats.get(seat)?.values() ?? [])];
  }
}

const EXACT = '=';
const PATTERN = '~';

const keyOf = ({ text, pattern }: Name): string => (pattern ? PATTERN : EXACT) + text;

/** Whether a message of this topic is for members of this name. */
export const isFor = ({ text, pattern }: Name, topic: string): boolean =>
  pattern ? matches(text, topic) : text === topic;

function chargeOf({ text, pattern }: Name): number {
  return CHARGE_TOPIC + text.length + (pattern ? CHARGE_LEVEL * text.split('/').length : 0);
}

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
