// One end of a connection in memory, with the errors that Linux's sockets have. Knows bytes and the
// other end; must not know descriptors.

import type { Constants, Result } from '../contract.ts';

// Any numbers do, as nothing but this file and its users sees them; these are Linux's.
export const constants: Constants = {
  EPOLLIN: 1,
  EPOLLOUT: 4,
  EPOLLERR: 8,
  EPOLLHUP: 16,
  EAGAIN: 11,
  SHUT_WR: 1,
};
export const EPIPE = 32;
export const ECONNRESET = 104;

/** What `Socket.send` returns while the other end's buffer is full. */
export const NO_ROOM = -constants.EAGAIN;

/** One end of a connection. Bytes wait at the end that is to receive them. */
export class Socket {
  readonly #capacity: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  peer: Socket | null = null;
  /** What the other end is called, and what this one is. */
  address = '';
  local = '';
  /** The other end has sent its FIN. */
  ended = false;
  /** This end has. */
  finished = false;
  /** The other end's handshake is there, and was not taken. */
  hello = false;
  /** Each end of TLS says so before it finishes: the other end has. */
  announced = false;
  closed = false;
  /** The connection was reset, which is yet to be told. */
  reset = false;
  /** It was, and has been told. */
  resetTold = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get readable(): boolean {
    return this.#bytes > 0 || this.ended || this.reset || this.hello;
  }

  /** Bytes that have come, and were not received. */
  get waiting(): number {
    return this.#bytes;
  }

  /** Bytes that the other end has room for. */
  get room(): number {
    return this.peer === null ? 0 : this.peer.#capacity - this.peer.#bytes;
  }

  send(bytes: Uint8Array): Result {
    if (this.reset) return this.#tellReset();
    if (this.finished || this.resetTold || this.peer === null || this.peer.closed) return -EPIPE;
    const length = Math.min(bytes.length, this.room);
    if (length === 0 && bytes.length > 0) return NO_ROOM;
    if (length > 0) this.peer.#chunks.push(bytes.slice(0, length));
    this.peer.#bytes += length;
    return length;
  }

  receive(target: Uint8Array): Result {
    if (this.#bytes === 0) {
      if (this.reset) return this.#tellReset();
      return this.ended || this.resetTold ? 0 : -constants.EAGAIN;
    }
    let done = 0;
    while (done < target.length && this.#chunks.length > 0) {
      const chunk = this.#chunks[0]!;
      const part = chunk.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#bytes -= done;
    return done;
  }

  #tellReset(): Result {
    this.reset = false;
    this.resetTold = true;
    return -ECONNRESET;
  }

  /** All that waits here. */
  drain(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes);
    if (this.#bytes > 0) this.receive(bytes);
    return bytes;
  }

  finish(): Result {
    if (this.resetTold || this.reset) return -EPIPE;
    this.finished = true;
    if (this.peer !== null) this.peer.ended = true;
    return 0;
  }

  /** close(2): a reset for the other end when something unread is lost. */
  close(): void {
    if (this.closed) return;
    if (this.#bytes > 0) this.abort();
    else if (!this.reset && !this.resetTold) this.finish();
    this.closed = true;
  }

  abort(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.peer !== null && !this.peer.closed) this.peer.reset = true;
  }
}
