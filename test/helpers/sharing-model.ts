// Random programs of joins, publishes and requests for a few peers, and a model of plain arrays that says what each of
// them hears. The commands are those of the guest `sharing`; who runs them, and what else happens, it does not know.

import fc from 'fast-check';
import { matches } from '../../host/shared/names.ts';

export const PEERS = 4;
const TOPICS = ['a', 'a/b', 'a/c', '$x'];
const PATTERNS = ['#', 'a/+', 'a/#', '+'];
const KEYS = ['k', 'l'];

interface Membered {
  readonly kind: 'join' | 'leave';
  readonly name: string;
  readonly pattern: boolean;
}
interface Published {
  readonly kind: 'publish';
  readonly topic: string;
  readonly flags: number;
}
interface Asked {
  readonly kind: 'get' | 'add' | 'put' | 'delete';
  readonly key: string;
}
export type Step = Membered | Published | Asked;

export const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('join' as const, 'leave' as const),
    name: fc.constantFrom(...TOPICS),
    pattern: fc.constant(false),
  }),
  fc.record({
    kind: fc.constantFrom('join' as const, 'leave' as const),
    name: fc.constantFrom(...PATTERNS),
    pattern: fc.constant(true),
  }),
  fc.record({
    kind: fc.constant('publish' as const),
    topic: fc.constantFrom(...TOPICS),
    flags: fc.constantFrom(0, 0, 1, 2, 3),
  }),
  fc.record({
    kind: fc.constantFrom('get' as const, 'add' as const, 'put' as const, 'delete' as const),
    key: fc.constantFrom(...KEYS),
  }),
);

interface Membership {
  readonly peer: number;
  readonly name: string;
  readonly pattern: boolean;
  /** Of the first join. */
  readonly number: number;
  tag: number;
  /** Of the latest join. */
  joined: number;
}

interface Message {
  readonly number: number;
  readonly topic: string;
  /** Who is left out, or −1. */
  readonly except: number;
}

const isFor = ({ name, pattern }: Membership, topic: string): boolean =>
  pattern ? matches(name, topic) : name === topic;

/** What each of several connections hears, by the model. */
export class Model {
  readonly heard: string[][] = Array.from({ length: PEERS }, () => []);
  #members: Membership[] = [];
  #messages: Message[] = [];
  /** The number of the message that each topic has kept. */
  readonly #retained = new Map<string, number>();
  readonly #keys = new Map<string, string>();
  #count = 0;

  /** One callback's steps, which are performed together. @returns the commands for the guest */
  run(peer: number, steps: readonly Step[], performs: boolean): string {
    const before = this.#count;
    this.#messages = [];
    const commands = steps.map((one) => this.#step(peer, one, performs)).join('');
    if (performs) this.#deliver(before);
    return commands;
  }

  #step(peer: number, one: Step, performs: boolean): string {
    this.#count += 1;
    const number = this.#count;
    if ('name' in one) {
      if (performs) this.#change(peer, one, number);
      const flags = Number(one.pattern);
      if (one.kind === 'leave') return `l . ${flags} ${one.name};`;
      return `j . ${number} ${flags} ${one.name};`;
    }
    if ('topic' in one) {
      const { topic, flags } = one;
      if (performs) {
        this.#messages.push({ number, topic, except: (flags & 2) === 0 ? -1 : peer });
        if ((flags & 1) !== 0) this.#retained.set(topic, number);
      }
      return `p ${flags} ${topic} m${number};`;
    }
    const { kind, key } = one;
    const status = performs ? this.#request(kind, key, `v${number}`) : '';
    if (performs) this.heard[peer]!.push(`reply ${number} ${status}`);
    if (kind === 'get') return `g . ${number} ${key};`;
    if (kind === 'put') return `u . ${number} 0 -1 ${key} v${number};`;
    if (kind === 'delete') return `d . ${number} -1 ${key};`;
    return `a . ${number} 0 3 ${key};`;
  }

  #change(peer: number, { kind, name, pattern }: Membered, number: number): void {
    const same = (one: Membership): boolean =>
      one.peer === peer && one.name === name && one.pattern === pattern;
    const known = this.#members.find(same);
    if (kind === 'leave') this.#members = this.#members.filter((one) => !same(one));
    else if (known !== undefined) [known.tag, known.joined] = [number, number];
    else this.#members.push({ peer, name, pattern, number, tag: number, joined: number });
  }

  // To those who are members when the callback has returned, and were before the message.
  #deliver(before: number): void {
    for (const { number, topic, except } of this.#messages) {
      for (const member of this.#members) {
        if (member.peer === except || member.number > number || !isFor(member, topic)) continue;
        this.#due(member, 0, topic, number);
      }
    }
    for (const member of this.#members) {
      if (member.joined <= before) continue;
      for (const [topic, number] of this.#retained) {
        if (number < member.joined && isFor(member, topic)) this.#due(member, 1, topic, number);
      }
    }
  }

  #due({ peer, tag }: Membership, retained: number, topic: string, number: number): void {
    this.heard[peer]!.push(`message ${tag} ${retained} ${topic} m${number}`);
  }

  #request(kind: string, key: string, value: string): string {
    const now = this.#keys.get(key);
    if (kind === 'get') return now === undefined ? '-5' : `0 ${now}`;
    if (kind === 'delete') return this.#keys.delete(key) ? '0' : '-5';
    if (kind === 'put') {
      this.#keys.set(key, value);
      return '0';
    }
    if (now !== undefined && Number.isNaN(Number(now))) return '-6';
    const sum = `${Number(now ?? 0) + 3}`;
    this.#keys.set(key, sum);
    return `0 ${sum}`;
  }

  /** Memberships of all. */
  get members(): number {
    return this.#members.length;
  }

  gone(peer: number): void {
    this.#members = this.#members.filter((one) => one.peer !== peer);
    this.heard[peer] = [];
  }
}

/** A line of the guest in the model's words, without the connection's number; null for what is not its matter. */
export function wordsOf(line: string): string | null {
  const [kind, , ...rest] = line.trimEnd().split(' ');
  if (kind !== 'message' && kind !== 'reply') return null;
  // Nor are versions.
  if (kind === 'reply' && rest[1] === '0') rest.splice(2, 1);
  return [kind, ...rest].join(' ');
}

// Between those of one callback there is no order of the model's own: retained ones and replies mix.
const orders: readonly [of: RegExp, part: (line: string) => string][] = [
  [/^reply/, (line) => line],
  [/ 0 \S+ m\d+$/, (line) => line.split(' ').at(-1)!],
];

/** What is to be compared of the lines that a peer has heard, and of those that the model says. */
export const comparable = (lines: readonly string[]): string[][] => [
  [...lines].sort(),
  ...orders.map(([of, part]) => lines.filter((line) => of.test(line)).map(part)),
];
