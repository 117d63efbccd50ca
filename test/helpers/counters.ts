// Guests that count, in modules of different state layouts, and streams of frames for framed-1 and
// framed-2 with the answers that must come back.

import { add, type Code, call, drop, get, guest, i32, load, store, store8 } from './wasm.ts';

const [CONNECTION, STATE, LENGTH] = [0, 1, 3];
/** Parameters of migrate, behind the connection. */
export const [OLD, OLD_SIZE, OLD_VERSION, NEW] = [1, 2, 3, 4];

export interface Counter {
  /** What it answers to its first input is the letter after this one. */
  readonly letter: string;
  /** Where in the state block it counts. */
  readonly at?: number;
  readonly size?: number;
  readonly version?: number;
  /** What it does besides taking the count over; not given: there is no migrate. */
  readonly migrate?: Code;
  /** Where the count is in the old block. */
  readonly from?: number;
  readonly onData?: Code;
  readonly functions?: { readonly [name: string]: Code };
}

/** Answers each input with one byte: the letter, and as many further as inputs have come. */
export function counter(spec: Counter): Uint8Array<ArrayBuffer> {
  const { at = 0, version = 0, from = 0, migrate, onData = [] } = spec;
  const migration =
    migrate === undefined
      ? {}
      : { migrate: [get(NEW!), get(OLD!), load(from), store(at), migrate] as Code };
  return guest({
    functions: {
      state_size: [i32(spec.size ?? at + 8)],
      state_version: [i32(version)],
      on_data: [
        onData,
        [get(STATE!), get(STATE!), load(at), i32(1), add, store(at)],
        [get(STATE!), get(STATE!), load(at), i32(spec.letter.charCodeAt(0)), add, store8(at + 4)],
        [get(CONNECTION!), get(STATE!), i32(at + 4), add, i32(1), call('send'), drop],
        get(LENGTH!),
      ],
      ...migration,
      ...spec.functions,
    },
  });
}

/** One connection's frames, and what must come back for them. */
export class Frames {
  #count = 0;
  #sum = 0;
  #random: number;

  constructor(seed: number) {
    this.#random = seed + 1;
  }

  /** A number below `end`. */
  below(end: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * end);
  }

  next(bytes: number): { frame: Buffer; answer: Buffer } {
    const payload = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += 1) {
      payload[at] = this.below(256);
      this.#sum = (Math.imul(this.#sum, 31) + payload[at]!) >>> 0;
    }
    this.#count += 1;
    return {
      frame: Buffer.concat([words(bytes), payload]),
      answer: Buffer.concat([words(bytes, this.#count, this.#sum), payload]),
    };
  }
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}
