// Differential test of stores: the same random operations on an engine and on the store in process give the
// same answers. Versions differ, so those of the one are looked up by those of the other.

import fc from 'fast-check';
import { STATUS_ABSENT, STATUS_OK } from '../../assembly/abi.ts';
import type { StoreEngine } from '../../host/engines/contract.ts';
import type { Asked } from '../../host/shared/record.ts';
import { FLAG_EXPECTED, OP_ADD, OP_DELETE, OP_GET, OP_PUT } from '../../host/shared/records.ts';
import { Store } from '../../host/shared/store.ts';
import { statusOf } from './engine-watch.ts';

export interface Operation {
  readonly op: number;
  readonly key: string;
  readonly value: string;
  readonly delta: number;
  /** Which version is expected: any, none, the present one, or one that is past. */
  readonly expected: 'any' | 'none' | 'present' | 'past';
}

const KEYS = ['a', 'b', '', 'n\0\r\n\xff'];

// What is a number and what is not, at the edges of both.
const values = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-0',
    '1',
    '-7.25',
    '1e3',
    '1e-7',
    '2E3',
    '+1',
    ' 1',
    '1 ',
    '0x10',
    'inf',
  ),
  fc.constantFrom(
    '9007199254740991',
    '9007199254740992',
    '1e400',
    '-1e400',
    '.5',
    '5.',
    '1e+2',
    'nan',
  ),
  fc.constantFrom('00012', '1e', '--1', '1e5e6', '0.1', '123456789012345678901234567890123', '1\n'),
  fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e16, max: 1e16 }).map(String),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
);
const deltas = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.1, 0.2, 1e-7, -1e-6, 1.5e-5, 5e-324, 1e15, 123456789.125, 1 / 3),
  fc.constantFrom(2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 53, 1e300, Infinity, -Infinity, Number.NaN),
  fc.double({ min: -1e17, max: 1e17, noNaN: true }),
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.integer(),
);

export const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.record({
    op: fc.constantFrom(OP_GET, OP_GET, OP_PUT, OP_PUT, OP_DELETE, OP_ADD, OP_ADD, OP_ADD),
    key: fc.constantFrom(...KEYS),
    value: values,
    delta: deltas,
    expected: fc.constantFrom('any', 'any', 'any', 'none', 'present', 'past'),
  }),
  { minLength: 1, maxLength: 60 },
);

interface Answer {
  readonly status: number;
  readonly value?: string;
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const NEVER = 0xffff_ffff_ffffn;

/** An engine and the store in process, side by side. The engine has none of the keys. */
export class Differential {
  readonly #engine: StoreEngine;
  readonly #store = new Store(1 << 24);
  /** The engine's version for each of the store's. */
  readonly #versions = new Map<bigint, Uint8Array>([[0n, new Uint8Array(8)]]);
  readonly #present = new Map<string, bigint>();
  #count: bigint;

  /** @param base makes versions that no other run has */
  constructor(engine: StoreEngine, base: number) {
    this.#engine = engine;
    this.#count = BigInt(base) << 32n;
    this.#versions.set(NEVER, this.#version());
  }

  /** Removes the keys from the engine. */
  async clear(): Promise<void> {
    for (const key of KEYS) await statusOf(this.#engine.delete(latin1(key), null));
  }

  /** @returns what each of the two answers to each operation */
  async run(all: readonly Operation[]): Promise<[expected: Answer[], answered: Answer[]]> {
    const pairs = all.map((operation) => this.#both(operation));
    const [expected, answered] = [pairs.map(([one]) => one), pairs.map(([, other]) => other)];
    return [expected, await Promise.all(answered)];
  }

  #both(operation: Operation): [Answer, Promise<Answer>] {
    const { op, key, value, delta } = operation;
    const expected = this.#expected(operation);
    const [first, second] = [latin1(key), op === OP_PUT ? latin1(value) : new Uint8Array()];
    const record: Asked = {
      ...{ op, handle: 1, tag: 0, ttl: 0, seat: 0, delta, name: key },
      flags: expected === null ? 0 : FLAG_EXPECTED,
      expected: expected ?? 0n,
      bytes: Uint8Array.of(...first, ...second),
      whole: new Uint8Array(),
    };
    const { status, bytes } = this.#store.perform(record, 0);
    const version = this.#version();
    if (op === OP_PUT || op === OP_ADD || op === OP_DELETE)
      this.#note(key, op, status, bytes, version);
    const known = expected === null ? null : this.#versions.get(expected)!;
    const told = status === STATUS_OK && (op === OP_GET || op === OP_ADD);
    return [
      told ? { status, value: Buffer.from(bytes.subarray(8)).toString('latin1') } : { status },
      this.#ask(operation, version, known),
    ];
  }

  async #ask(operation: Operation, version: Uint8Array, known: Uint8Array | null): Promise<Answer> {
    const { op, delta } = operation;
    const key = latin1(operation.key);
    let value: string | undefined;
    const asked = async (): Promise<void> => {
      if (op === OP_PUT) await this.#engine.put(key, latin1(operation.value), version, known, 0);
      else if (op === OP_DELETE) await this.#engine.delete(key, known);
      else if (op === OP_ADD) value = String(await this.#engine.add(key, delta, version, 0));
      else {
        const found = await this.#engine.get(key);
        value = found === null ? undefined : Buffer.from(found.value).toString('latin1');
      }
    };
    const status = await statusOf(asked());
    if (op === OP_GET && status === 0 && value === undefined) return { status: STATUS_ABSENT };
    return value === undefined ? { status } : { status, value };
  }

  #expected({ op, key, expected }: Operation): bigint | null {
    if (op === OP_GET || op === OP_ADD || expected === 'any') return null;
    if (expected === 'none') return 0n;
    return expected === 'present' ? (this.#present.get(key) ?? 0n) : NEVER;
  }

  #note(key: string, op: number, status: number, bytes: Uint8Array, version: Uint8Array): void {
    if (status !== STATUS_OK) return;
    if (op === OP_DELETE) {
      this.#present.delete(key);
      return;
    }
    const own = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    this.#versions.set(own, version);
    this.#present.set(key, own);
  }

  #version(): Uint8Array {
    this.#count += 1n;
    const version = new Uint8Array(8);
    new DataView(version.buffer).setBigUint64(0, this.#count, true);
    return version;
  }
}
