// Peer: the other end of a connection, as a test holds it. It knows what a socket does, and not who serves
// at the end that the harness has.

import { NO_ROOM, type Socket } from '../kernel/loopback/loopback-socket.ts';

/** The other end of a connection. */
export class Peer {
  /** One of REASON_… once the connection is over for the guest; undefined before. */
  closeReason: number | undefined;
  /** The connection's number, as the guest knows it and `Harness.send` takes it; 0 if it was refused. */
  connection = 0;
  readonly #socket: Socket;
  readonly #settle: () => void;

  /** Use `Harness.connect()`. */
  constructor(socket: Socket, settle: () => void) {
    this.#socket = socket;
    this.#settle = settle;
  }

  /**
   * Sends bytes, or text as UTF-8.
   * @returns how many the server's buffer had room for; −errno after a reset
   */
  send(data: Uint8Array | string): number {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    let sent = 0;
    while (sent < bytes.length) {
      const result = this.#socket.send(bytes.subarray(sent));
      this.#settle();
      if (result === NO_ROOM) return sent;
      if (result < 0) return sent > 0 ? sent : result;
      sent += result;
    }
    return sent;
  }

  /** All bytes that came since the last call. Reading makes room, so more may come by it. */
  received(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let part = this.#socket.drain(); part.length > 0; part = this.#socket.drain()) {
      parts.push(part);
      this.#settle();
    }
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Bytes that `received()` would return. */
  get waiting(): number {
    return this.#socket.waiting;
  }

  /** `received()` as text. */
  text(): string {
    return new TextDecoder().decode(this.received());
  }

  /** Sends a FIN, which TLS announces; receiving goes on. */
  end(): void {
    if (this.#socket.peer !== null) this.#socket.peer.announced = true;
    this.truncate();
  }

  /** Sends a FIN without a word, as somebody between the two ends can. */
  truncate(): void {
    this.#socket.finish();
    this.#settle();
  }

  /** Does its part of the handshake of TLS. */
  shake(): void {
    if (this.#socket.peer !== null) this.#socket.peer.hello = true;
    this.#settle();
  }

  /** Whether the server has announced its end, as TLS does. */
  get announced(): boolean {
    return this.#socket.announced;
  }

  /** Resets the connection. */
  reset(): void {
    this.#socket.abort();
    this.#settle();
  }

  /** Closes: a FIN, or a reset when something received was not read. */
  close(): void {
    this.#socket.close();
    this.#settle();
  }

  /** `open`; `ended` after the server's FIN; `reset` when it was aborted. */
  get state(): 'open' | 'ended' | 'reset' {
    if (this.#socket.reset || this.#socket.resetTold) return 'reset';
    return this.#socket.ended ? 'ended' : 'open';
  }
}
