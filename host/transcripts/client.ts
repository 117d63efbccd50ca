// Client: one of those who talk to the guest, in a play: a client, or an upstream on one of its connections. It keeps what
// has come and was not expected yet, and what did not fit into the guest's buffer. It knows no transcript.

import type { Peer } from '../testing/peer.ts';

export class Client {
  readonly name: string;
  /** What messages call it. */
  readonly kind: 'client' | 'upstream';
  readonly peer: Peer;
  /** Of the last line that was about it. */
  line = 0;
  /** What has come, and no line has taken. */
  came: Uint8Array = joined();
  /** It does not send any more. */
  finished = false;
  /** It has gone, by itself. */
  left = false;
  /** A line has said that the connection is over. */
  isOverSaid = false;
  /** What is still to be sent. */
  #waiting: Uint8Array = joined();

  constructor(name: string, peer: Peer, kind: Client['kind'] = 'client') {
    this.name = name;
    this.kind = kind;
    this.peer = peer;
  }

  /** Sends as much as there is room for; the rest goes out when it reads. @returns false when the connection is over */
  send(bytes: Uint8Array): boolean {
    if (this.#waiting.length > 0) {
      this.#waiting = joined(this.#waiting, bytes);
      return true;
    }
    const sent = this.peer.send(bytes);
    if (sent < 0) return false;
    this.#waiting = bytes.subarray(sent);
    return true;
  }

  /** Reads what there is, and sends what waits, as long as either gets on. */
  sync(): void {
    for (;;) {
      const more = this.left ? joined() : this.peer.received();
      if (more.length > 0) this.came = joined(this.came, more);
      const before = this.#waiting.length;
      if (before > 0) {
        const sent = this.peer.send(this.#waiting);
        this.#waiting = sent < 0 ? joined() : this.#waiting.subarray(sent);
      }
      if (more.length === 0 && this.#waiting.length === before) return;
    }
  }

  /** Takes from the front of what has come. */
  take(length: number): void {
    this.came = this.came.slice(length);
  }

  /** Sends no more. */
  finish(): void {
    this.finished = true;
    this.peer.end();
  }

  /** Closes. */
  leave(): void {
    this.sync();
    this.left = true;
    this.peer.close();
  }

  /** Is lost: the connection is reset. */
  drop(): void {
    this.left = true;
    this.peer.reset();
  }

  handshake(): void {
    this.peer.shake();
  }

  get isOver(): boolean {
    return this.left || this.peer.state !== 'open';
  }
}

/** All of them, one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
