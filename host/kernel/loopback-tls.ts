// Loopback TLS: what rows of TLS do in memory, where ciphertext is plaintext. A handshake is one flag of a
// socket, and so is the announcement of an end.

import type { TlsSeat } from './contract.ts';
import { constants, type Socket } from './loopback-socket.ts';
import { KIND_TLS_END, KIND_TLS_RECV, KIND_TLS_SEAL } from './rows.ts';
import { TLS_FAILED, TLS_MORE, TLS_READY, TLS_SEAL_BYTES, TLS_TRUNCATED } from './tls-rows.ts';

/** What a row of TLS answers. */
export interface TlsAnswer {
  result: number;
  wire: number;
  received: number;
  events: number;
}

const NONE = new Uint8Array(0);

type Facts = Readonly<Record<string, string>>;

export interface Session {
  readonly handle: number;
  readonly facts: Facts;
  /** What was fed to it. */
  early: Uint8Array;
  /** Its handshake is done. */
  ready: boolean;
}

/** Sessions that are there, by slot, and what is known of their peers. */
export class LoopbackSeat implements TlsSeat {
  readonly #sessions = new Map<number, Session>();
  /** What the next session will know of its peer, unless `expect` has said so. */
  facts: Facts = {};
  readonly #expected = new Map<number, Facts>();

  open(slot: number, handle: number): boolean {
    const facts = this.#expected.get(handle) ?? this.facts;
    this.#expected.delete(handle);
    this.#sessions.set(slot, { handle, facts, early: NONE, ready: false });
    return true;
  }

  /** What the session of a connection will know that begins it later. */
  expect(handle: number, facts: Facts): void {
    this.#expected.set(handle, facts);
  }

  feed(slot: number, view: Uint8Array, offset: number, length: number): void {
    const session = this.#sessions.get(slot);
    if (session !== undefined) session.early = view.slice(offset, offset + length);
  }

  session(slot: number): Session | undefined {
    return this.#sessions.get(slot);
  }

  has(slot: number, handle: number): boolean {
    return this.#sessions.get(slot)?.handle === handle;
  }

  fact(slot: number, name: string): string | undefined {
    return this.#sessions.get(slot)?.facts[name];
  }

  close(slot: number): void {
    this.#sessions.delete(slot);
  }
}

/**
 * Performs a row.
 * @param bytes its range
 * @param waits ciphertext waits already
 * @param wire the wire buffer
 * @param session the slot's, if there is one
 */
export function performTls(
  kind: number,
  socket: Socket | null,
  bytes: Uint8Array,
  waits: boolean,
  wire: Uint8Array,
  session: Session | undefined,
): TlsAnswer {
  const answer = { result: TLS_FAILED, wire: 0, received: 0, events: 0 };
  if (kind === KIND_TLS_SEAL) {
    wire.set(bytes);
    return { ...answer, result: bytes.length, wire: bytes.length };
  }
  if (socket === null || session === undefined) return answer;
  if (kind === KIND_TLS_RECV) return receive(socket, bytes, session);
  if (kind === KIND_TLS_END) {
    if (!waits && socket.peer !== null) socket.peer.announced = true;
    return { ...answer, result: 0 };
  }
  const sealed = bytes.subarray(0, TLS_SEAL_BYTES);
  const sent = socket.send(sealed);
  if (sent < 0 && sent !== -constants.EAGAIN) return { ...answer, result: sent };
  const left = sealed.subarray(Math.max(0, sent));
  wire.set(left);
  return { ...answer, result: sealed.length, wire: left.length };
}

function receive(socket: Socket, bytes: Uint8Array, session: Session): TlsAnswer {
  const events = socket.hello ? TLS_READY : 0;
  socket.hello = false;
  session.ready ||= events !== 0;
  const { early, ready } = session;
  // What came before the handshake is there still when it is done.
  const fed = ready && early.length > 0;
  if (fed) {
    bytes.set(early);
    session.early = NONE;
  }
  const received = ready || socket.ended || socket.reset;
  let result = -constants.EAGAIN;
  if (fed) result = early.length;
  else if (received) result = socket.receive(bytes);
  // A handshake has bytes as well.
  const answer = { result, wire: 0, received: Math.max(0, result) + events, events };
  if (events !== 0 && result <= 0) return { ...answer, result: TLS_MORE };
  if (result === 0 && !(ready && socket.announced)) return { ...answer, result: TLS_TRUNCATED };
  return answer;
}
