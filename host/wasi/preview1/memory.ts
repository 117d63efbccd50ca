// Guest memory, as host functions read and write it: every range is checked before anything is done.
// It knows layouts of scalars, not what they mean.

import { IOVEC } from './numbers.ts';

export class GuestMemory {
  /** Both are renewed by `refresh`; nobody keeps them longer than one call. */
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  #memory: WebAssembly.Memory | null = null;

  /** From now on it is the instance's memory. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** The bytes of the instance's memory as it is now; 0 when there is none. */
  get size(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** At the beginning of each call: a memory that has grown has left its old buffer, of length 0. */
  refresh(): void {
    if (this.bytes.length === 0 && this.#memory !== null) this.attach(this.#memory);
  }

  /** Whether the range is inside; `length` is at most 2^53 − 2^32, so that the sum is exact. */
  holds(address: number, length: number): boolean {
    return (address >>> 0) + length <= this.bytes.length;
  }

  u8(address: number): number {
    return this.bytes[address >>> 0]!;
  }

  u16(address: number): number {
    return this.view.getUint16(address >>> 0, true);
  }

  u32(address: number): number {
    return this.view.getUint32(address >>> 0, true);
  }

  setU8(address: number, value: number): void {
    this.bytes[address >>> 0] = value;
  }

  setU16(address: number, value: number): void {
    this.view.setUint16(address >>> 0, value, true);
  }

  setU32(address: number, value: number): void {
    this.view.setUint32(address >>> 0, value, true);
  }

  /** A u64 from a whole number up to 2^53. */
  setU64(address: number, value: number): void {
    this.setU32(address, value);
    this.view.setUint32((address >>> 0) + 4, Math.floor(value / 2 ** 32), true);
  }

  setBigU64(address: number, value: bigint): void {
    this.view.setBigUint64(address >>> 0, value, true);
  }

  /** The bytes of all the pieces of an iovec array; −1 when it or one of them is not inside. */
  total(vectors: number, count: number): number {
    const [start, pieces] = [vectors >>> 0, count >>> 0];
    if (!this.holds(start, pieces * IOVEC)) return -1;
    let sum = 0;
    for (let at = start; at < start + pieces * IOVEC; at += IOVEC) {
      const length = this.view.getUint32(at + 4, true);
      if (!this.holds(this.view.getUint32(at, true), length)) return -1;
      sum += length;
    }
    return sum;
  }
}
