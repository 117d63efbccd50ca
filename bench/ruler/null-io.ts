// What a kernel that does nothing does with I/O rows: a receive finds its message in the window, a
// send is taken whole, a copy is made. It does not know why a row was written.

import type { Io } from '../../host/kernel/contract.ts';
import type { RowNumbers } from './builds.ts';

/** asm-generic/errno.h */
export const EAGAIN = 11;

/** What the peers send, and what came back. Descriptors are 0 to `connections` − 1. */
export class Traffic {
  readonly connections: number;
  /** What each receive brings. */
  readonly message: Uint8Array;
  /** Receives to come. */
  left = 0;
  /** The window does not keep a message until the next one is received. */
  overwritten = false;
  // Counted since `send()`.
  receives = 0;
  sends = 0;
  bytesSent = 0;
  readonly #positions: Uint32Array;

  constructor(connections: number, message: Uint8Array) {
    this.connections = connections;
    this.message = message;
    this.#positions = new Uint32Array(connections);
  }

  /** The peers send so many messages in all. */
  send(messages: number): void {
    this.left = messages;
    this.receives = 0;
    this.sends = 0;
    this.bytesSent = 0;
  }

  /** @throws Error when these are not the next bytes of what the descriptor's peer has sent */
  check(fd: number, bytes: Uint8Array): void {
    for (const byte of bytes) {
      const at = this.#positions[fd]! % this.message.length;
      if (byte !== this.message[at]) throw new Error(`connection ${fd} was sent a foreign byte`);
      this.#positions[fd]! += 1;
    }
  }
}

/** A bound buffer, as bytes and as the words that copies are made of. */
export interface Bound {
  readonly bytes: Uint8Array;
  readonly words: BigInt64Array;
}

export function running(
  numbers: RowNumbers,
  traffic: Traffic,
  rows: Int32Array,
  buffers: readonly Bound[],
): Io['run'] {
  const { KIND_COPY, KIND_RECV, KIND_SEND, ROW, ROW_KIND, ROW_LENGTH, ROW_RESULT } = numbers;
  const { ROW_BUFFER, ROW_OFFSET, ROW_TARGET_BUFFER, ROW_TARGET_OFFSET } = numbers;
  const { message } = traffic;
  // Where the message lies.
  let window: Uint8Array | null = null;
  let start = -1;
  const receive = (bytes: Uint8Array, offset: number, length: number): number => {
    if (traffic.left === 0) return -EAGAIN;
    if (length < message.length) throw new Error(`a receive of ${length} bytes cuts a message`);
    if (bytes !== window || offset !== start || traffic.overwritten) {
      bytes.set(message, offset);
      window = bytes;
      start = offset;
    }
    traffic.left -= 1;
    traffic.receives += 1;
    return message.length;
  };
  return (from, to) => {
    for (let row = from; row < to; row += 1) {
      const at = row * ROW;
      const kind = rows[at + ROW_KIND]!;
      const length = rows[at + ROW_LENGTH]!;
      if (kind === KIND_SEND) {
        traffic.sends += 1;
        traffic.bytesSent += length;
        rows[at + ROW_RESULT] = length;
      } else if (kind === KIND_RECV) {
        const { bytes } = buffers[rows[at + ROW_BUFFER]!]!;
        rows[at + ROW_RESULT] = receive(bytes, rows[at + ROW_OFFSET]!, length);
      } else if (kind === KIND_COPY) {
        const source = buffers[rows[at + ROW_BUFFER]!]!;
        const target = buffers[rows[at + ROW_TARGET_BUFFER]!]!;
        copy(source, rows[at + ROW_OFFSET]!, target, rows[at + ROW_TARGET_OFFSET]!, length);
        rows[at + ROW_RESULT] = length;
      }
    }
    return to;
  };
}

// `set` would allocate a view for each copy.
function copy(source: Bound, offset: number, target: Bound, to: number, length: number): void {
  if (((offset | to | length) & 7) !== 0) {
    for (let at = 0; at < length; at += 1) target.bytes[to + at] = source.bytes[offset + at]!;
    return;
  }
  const [from, into] = [offset >> 3, to >> 3];
  for (let at = 0; at < length >> 3; at += 1) target.words[into + at] = source.words[from + at]!;
}

/** Compares what is sent with what was received, before it is taken. */
export function checking(
  numbers: RowNumbers,
  traffic: Traffic,
  rows: Int32Array,
  buffers: readonly Bound[],
  run: Io['run'],
): Io['run'] {
  const { KIND_SEND, ROW, ROW_BUFFER, ROW_FD, ROW_KIND, ROW_LENGTH, ROW_OFFSET } = numbers;
  return (from, to) => {
    for (let row = from; row < to; row += 1) {
      const at = row * ROW;
      if (rows[at + ROW_KIND] !== KIND_SEND) continue;
      const start = rows[at + ROW_OFFSET]!;
      const { bytes } = buffers[rows[at + ROW_BUFFER]!]!;
      traffic.check(rows[at + ROW_FD]!, bytes.subarray(start, start + rows[at + ROW_LENGTH]!));
    }
    return run(from, to);
  };
}
