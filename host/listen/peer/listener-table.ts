// Listener table: what every thread has to know of a listener: its name, whether a PROXY header is expected,
// and who is let in. The owner of the listeners writes a row before a connection comes by it. It opens nothing.

import type { BufferConstructor } from '../../kernel/contract.ts';
import { contains, NETWORK_BYTES } from './networks.ts';

/** Listeners of one server at a time. */
export const MOST_LISTENERS = 256;
/** Networks in the lists of one listener. */
export const MOST_NETWORKS = 1024;

// As long as a host name and a port, or a socket's path, may be.
const NAME_BYTES = 512;

// The Int32 words of a row; then the name, and the networks: those that are let in, then those that are not.
const USED = 0;
const PROXIED = 1;
const NAME_LENGTH = 2;
const ALLOWED = 3;
const DENIED = 4;
const WORDS = 8;
const NAME_AT = 4 * WORDS;
const NETWORKS_AT = NAME_AT + NAME_BYTES;
const ROW_BYTES = (NETWORKS_AT + MOST_NETWORKS * NETWORK_BYTES + 7) & ~7;

const NOBODY = new Uint8Array(0);

export interface ListenerFacts {
  /** As the operator has written its address. */
  readonly name: string;
  /** A connection begins with a PROXY header. */
  readonly proxied?: boolean;
  /** Lists of networks. An empty `allow` lets everybody in. */
  readonly allow?: Uint8Array;
  readonly deny?: Uint8Array;
}

export class ListenerTable {
  readonly buffer: ArrayBufferLike;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** The number that was given last. */
  #last = -1;

  /** Over a new buffer, or over the one that another thread writes. */
  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** A table that other threads can be given. The kernel gives its memory where it is touched. */
  static make(Buffer: BufferConstructor): ListenerTable {
    return new ListenerTable(new Buffer(MOST_LISTENERS * ROW_BYTES));
  }

  /**
   * Numbers go round: what was a removed listener's is not another's before all the others were.
   * @returns the listener's number; −1 when there are too many
   */
  add({ name, proxied = false, allow = NOBODY, deny = NOBODY }: ListenerFacts): number {
    const number = this.#free();
    if (number < 0) return -1;
    this.#last = number;
    const row = rowOf(number);
    const text = new TextEncoder().encode(name).subarray(0, NAME_BYTES);
    this.#bytes.set(text, row + NAME_AT);
    this.#bytes.set(allow, row + NETWORKS_AT);
    this.#bytes.set(deny, row + NETWORKS_AT + allow.length);
    const words = [1, Number(proxied), text.length, allow.length, deny.length];
    this.#words.set(words, row / 4);
    return number;
  }

  #free(): number {
    for (let step = 1; step <= MOST_LISTENERS; step += 1) {
      const number = (this.#last + step) % MOST_LISTENERS;
      if (this.#words[rowOf(number) / 4 + USED] === 0) return number;
    }
    return -1;
  }

  /** The listener is closed. What its row says stands until its number is another's. */
  remove(number: number): void {
    this.#words[rowOf(number) / 4 + USED] = 0;
  }

  /** Null when there never was one of this number. */
  name(number: number): string | null {
    const row = rowOf(number);
    const length = this.#words[row / 4 + NAME_LENGTH]!;
    if (length === 0) return null;
    return new TextDecoder().decode(this.#bytes.slice(row + NAME_AT, row + NAME_AT + length));
  }

  /** Whether its connections begin with a PROXY header. */
  isProxied(number: number): boolean {
    return this.#words[rowOf(number) / 4 + PROXIED] !== 0;
  }

  /** Whether its lists let this address in: `deny` wins. */
  admits(number: number, address: Uint8Array): boolean {
    const row = rowOf(number);
    const [allowed, denied] = [this.#words[row / 4 + ALLOWED]!, this.#words[row / 4 + DENIED]!];
    if (allowed + denied === 0) return true;
    const start = row + NETWORKS_AT;
    const middle = start + allowed;
    if (contains(this.#bytes.subarray(middle, middle + denied), address)) return false;
    return allowed === 0 || contains(this.#bytes.subarray(start, middle), address);
  }
}

const rowOf = (number: number): number => number * ROW_BYTES;
