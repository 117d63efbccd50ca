// Retained: the last message of each topic that was published to be kept. It knows no members.

import { CHARGE_RETAINED } from './records.ts';
import type { Name } from './topics.ts';
import { isFor } from './topics.ts';

interface Kept {
  readonly message: Message;
  /** When it is over, or Infinity. */
  readonly ends: number;
}

/** What was published. One object for all seats. */
export interface Message {
  readonly topic: string;
  /** The topic's bytes, then the data's. */
  readonly bytes: Uint8Array;
  readonly number: number;
  /** Which member it is for, of those who share: by the numbers of share and member. */
  readonly choices: Map<number, number>;
  /** It ended a guest. */
  poisoned: boolean;
}

export class Retained {
  /** In the order of their numbers: one that is replaced goes to the end. */
  readonly #messages = new Map<string, Kept>();
  /** The latest time that is known. */
  now = 0;
  bytes = 0;

  get size(): number {
    return this.#messages.size;
  }

  /** What keeping it would add to `bytes`: less than 0 if it replaces a longer one. */
  charge(topic: string, dataBytes: number): number {
    return chargeOf(topic.length + dataBytes) - this.#chargeAt(topic);
  }

  /** @param ttl milliseconds; 0 is for ever */
  keep(message: Message, ttl: number): void {
    this.drop(message.topic);
    const ends = ttl === 0 ? Number.POSITIVE_INFINITY : this.now + ttl;
    this.#messages.set(message.topic, { message, ends });
    this.bytes += chargeOf(message.bytes.length);
  }

  drop(topic: string): void {
    this.bytes -= this.#chargeAt(topic);
    this.#messages.delete(topic);
  }

  /** Removes what is over. */
  sweep(): void {
    for (const [topic, { ends }] of this.#messages) {
      if (ends <= this.now) this.drop(topic);
    }
  }

  /** Whether a join of this name may have to be told of some; of patterns it is not known yet. */
  concerns(name: Name): boolean {
    return name.pattern ? this.size > 0 : this.#messages.has(name.text);
  }

  /** Those for members of this name with a number above `after` and below `before`, in order. */
  between(name: Name, after: number, before: number): Message[] {
    return [...this.#messages.values()]
      .filter(({ ends }) => ends > this.now)
      .map(({ message }) => message)
      .filter(({ topic, number }) => number > after && number < before && isFor(name, topic));
  }

  #chargeAt(topic: string): number {
    const kept = this.#messages.get(topic);
    return kept === undefined ? 0 : chargeOf(kept.message.bytes.length);
  }
}

const chargeOf = (bytes: number): number => CHARGE_RETAINED + bytes;
