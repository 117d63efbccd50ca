// A model of keys in plain arrays: what each request is to be replied.

import * as Records from '../../host/shared/records.ts';
import type { Asking, Reply } from './shared-seats.ts';

export type Answer = Omit<Reply, 'handle' | 'tag'>;

interface Value {
  readonly key: string;
  readonly text: string;
  readonly version: bigint;
  readonly ends: number;
}

const [OK, LIMIT, ABSENT, CONFLICT] = [0, -3, -5, -6];

export class Keys {
  readonly #most: number;
  #values: Value[] = [];
  #version = 0n;

  constructor(storeBytes: number) {
    this.#most = storeBytes;
  }

  ask(asking: Asking, now: number): Answer {
    this.#values = this.#values.filter(({ ends }) => now < ends);
    const { op, first: key = '', second = '', delta = 0, ttl = 0 } = asking;
    const found = this.#values.find((value) => value.key === key);
    const ends = ttl === 0 ? Number.POSITIVE_INFINITY : now + ttl;
    const conflicts =
      asking.flags === Records.FLAG_EXPECTED && (found?.version ?? 0n) !== asking.expected;
    switch (op) {
      case Records.OP_GET:
        return found
          ? { status: OK, version: found.version, value: found.text }
          : { status: ABSENT };
      case Records.OP_PUT:
        return conflicts ? { status: CONFLICT } : this.#set(key, second, ends, '');
      case Records.OP_DELETE:
        if (found === undefined) return { status: ABSENT };
        if (conflicts) return { status: CONFLICT };
        this.#values = this.#values.filter((value) => value !== found);
        return { status: OK };
      case Records.OP_ADD: {
        const before = found?.text ?? '0';
        if (!/^-?[0-9]/.test(before) || Number.isNaN(Number(before))) return { status: CONFLICT };
        const sum = Number(before) + delta;
        if (Math.abs(sum) > 2 ** 53 - 1) return { status: LIMIT };
        return this.#set(key, `${sum}`, found?.ends ?? ends, `${sum}`);
      }
      default:
        throw new Error(`no request: ${op}`);
    }
  }

  #set(key: string, text: string, ends: number, value: string): Answer {
    const others = this.#values.filter((other) => other.key !== key);
    const sizes = [...others, { key, text }].map(
      (each) => Records.CHARGE_KEY + each.key.length + each.text.length,
    );
    if (sizes.reduce((sum, size) => sum + size, 0) > this.#most) return { status: LIMIT };
    this.#version += 1n;
    this.#values = [...others, { key, text, version: this.#version, ends }];
    return { status: OK, version: this.#version, value };
  }
}
