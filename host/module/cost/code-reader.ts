// Reads the instructions of a body: what follows an opcode is skipped or returned. It knows the
// encoding, and not what an instruction does. What is not valid, the engine refuses.

import { BinaryError, hex } from '../reader.ts';

/** What follows an opcode. */
export const NONE = 0;
export const INDEX = 1;
export const TWO_INDEXES = 2;
export const MEMORY = 3;
export const LANE = 4;
export const BYTES_4 = 5;
export const BYTES_8 = 6;
export const BYTES_16 = 7;
export const MEMORY_LANE = 8;
export const TYPES = 9;
/** A block, a branch or a call: its reader knows it by its opcode. */
export const CONTROL = 10;
export const PREFIX = 11;
export const UNKNOWN = 12;

const MEMORY_FLAG = 0x40;

export class CodeReader {
  at: number;
  readonly end: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
  }

  byte(): number {
    const byte = this.#bytes[this.at];
    this.at += 1;
    return byte ?? 0;
  }

  peek(): number {
    return this.#bytes[this.at] ?? 0;
  }

  /** An integer whose value is of no interest. */
  skip(): void {
    while (this.byte() >= 0x80);
  }

  u32(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  valueType(): void {
    const type = this.byte();
    if (type === 0x63 || type === 0x64) this.skip();
  }

  /** Calls `read` so many times, but not after the end. */
  times(count: number, read: () => void): void {
    for (let left = count; left > 0 && this.at < this.end; left -= 1) read();
  }

  /** Skips what follows an opcode. */
  immediate(kind: number): void {
    switch (kind) {
      case NONE:
        break;
      case INDEX:
        this.skip();
        break;
      case TWO_INDEXES:
        this.skip();
        this.skip();
        break;
      case MEMORY:
      case MEMORY_LANE:
        // Alignment, with a flag for the index of a memory; the offset.
        if ((this.u32() & MEMORY_FLAG) !== 0) this.skip();
        this.skip();
        if (kind === MEMORY_LANE) this.at += 1;
        break;
      case LANE:
        this.at += 1;
        break;
      case BYTES_4:
        this.at += 4;
        break;
      case BYTES_8:
        this.at += 8;
        break;
      case BYTES_16:
        this.at += 16;
        break;
      case TYPES:
        this.times(this.u32(), () => this.valueType());
        break;
      default:
        throw this.unknown();
    }
  }

  /** The instruction that has just been read is not one that this host knows. */
  unknown(): BinaryError {
    const from = Math.max(0, this.at - 2);
    const last = hex(this.#bytes.subarray(from, this.at));
    return new BinaryError('unsupported', `an instruction that ends in ${last} at byte ${from}`);
  }
}
