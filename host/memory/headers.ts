// Headers: what stood in front of the connections' streams, one place of the same size for each slot. They are
// the balancers' words; here they are bytes.

import type { Policy } from '../policy.ts';

export class Headers {
  /** Bytes of one place. */
  readonly stride: number;
  readonly view: Uint8Array;

  /** @param buffer of `headerBytes`, new or as another thread has left it; its memory is taken where it is touched */
  constructor(buffer: ArrayBufferLike, { maxProxyHeaderBytes }: Policy) {
    this.stride = maxProxyHeaderBytes;
    this.view = new Uint8Array(buffer);
  }

  /** The first bytes of a slot's place, as they are now. */
  of(slot: number, bytes: number): Uint8Array {
    const start = slot * this.stride;
    // A copy: what is shared between threads cannot be decoded.
    return this.view.slice(start, start + bytes);
  }

  /** What a guest has added to an upstream's name, which is in ASCII. */
  text(slot: number, bytes: number): string {
    return bytes === 0 ? '' : new TextDecoder().decode(this.of(slot, bytes));
  }
}
