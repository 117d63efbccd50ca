// Loopback TLS: what rows of TLS do in memory, where ciphertext is plaintext. A handshake is one flag of a
// socket, and so is the announcement of an end.

import type { TlsSeat } from '../contract.ts';
import { KIND_TLS_END, KIND_TLS_RECV, KIND_TLS_SEAL } from '../rows.ts';
import {
  TLS_FAILED,
  TLS_MORE,
  TLS_OVER,
  TLS_READY,
  TLS_SEAL_BYTES,
  TLS_TRUNCATED,
} from '../tls/tls-rows.ts';
import { constants, type Socket } from './loopback-socket.ts';

/** What a row of TLS answers. */
export interface TlsAnswer {
  result: number;
  wire: number;
  received: number;
  events: number;
}

const NONE = new Uint8Array(0);
const MOST_EARLY_BYTES = 65_536;

type Facts = Readonly<Record<string, string>>;

export interface Session {
  readonly handle: number;
  readonly facts: Facts;
  /** What was fed to it, or came before its handshake was done. */
  early: Uint8Array;
  /** Its handshake is done. */
  ready: boolean;
  /** Is to be said in it. */
  flight: Uint8Array;
}

/** Sessions that are there, by slot, and what is known of their peers. */
export class LoopbackSeat implements TlsSeat {
  readonly #sessions = new Map<number, Session>();
  /** What the next session will know of its peer, unless `expect` has said so. */
  facts: Facts = {};
  readonly #expected = new Map<number, Facts>();
  readonly #offered = new Map<number, Facts>();
  #offers = 0;
  /** What each says to its peer in the handshake, besides what cannot be seen here. */
  flight: Uint8Array = NONE;

  open(slot: number, handle: number): boolean {
    const facts = this.#expected.get(handle) ?? this.facts;
    this.#expected.delete(handle);
    const { flight } = this;
    this.#sessions.set(slot, { handle, facts, early: NONE, ready: false, flight });
    return true;
  }

  dial(slot: number, handle: number): boolean {
    return this.open(slot, handle);
  }

  /** One whose handshake is done, for whoever takes it. @returns its number */
  offer(facts: Facts): number {
    this.#offers += 1;
    this.#offered.set(this.#offers, facts);
    return this.#offers;
  }

  adopt(slot: number, handle: number, session: number): number {
    const facts = this.#offered.get(session);
    if (!this.#offered.delete(session)) return 0;
    this.#sessions.set(slot, {
      ...{ handle, facts: facts ?? {}, early: NONE, flight: NONE },
      ready: true,
    });
    return 1;
  }

  drop(session: number): void {
    this.#offered.delete(session);
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

  /** No step takes any time. */
  processorMs(): number {
    return 0;
  }

  /** Sessions that are there. */
  get count(): number {
    return this.#sessions.size;
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
  if (kind === KIND_TLS_RECV) {
    const received = receive(socket, bytes, session);
    if ((received.events & TLS_READY) === 0) return received;
    return { ...received, wire: sendFlight(socket, session, waits, wire) };
  }
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

// What does not go out at once is left in the wire buffer.
function sendFlight(socket: Socket, session: Session, waits: boolean, wire: Uint8Array): number {
  const { flight } = session;
  const sent = waits || flight.length === 0 ? 0 : Math.max(0, socket.send(flight));
  wire.set(flight.subarray(sent));
  session.flight = NONE;
  return flight.length - sent;
}

function receive(socket: Socket, bytes: Uint8Array, session: Session): TlsAnswer {
  let events = socket.hello ? TLS_READY : 0;
  socket.hello = false;
  session.ready ||= events !== 0;
  if (!session.ready && !socket.ended && !socket.reset) return early(socket, bytes, session);
  let result = 0;
  if (session.ready && session.early.length > 0) {
    // What came before the handshake was done.
    result = Math.min(session.early.length, bytes.length);
    bytes.set(session.early.subarray(0, result));
    session.early = session.early.slice(result);
    if (session.early.length > 0) events |= TLS_OVER;
  } else result = socket.receive(bytes);
  // A handshake has bytes as well.
  const received = Math.max(0, result) + (events & TLS_READY);
  const answer = { result, wire: 0, received, events };
  if (events !== 0 && result <= 0) return { ...answer, result: TLS_MORE };
  if (result === 0 && !(session.ready && socket.announced)) {
    return { ...answer, result: TLS_TRUNCATED };
  }
  return answer;
}

// Nobody has much to say before the handshake is done.
function early(socket: Socket, bytes: Uint8Array, session: Session): TlsAnswer {
  const received = socket.receive(bytes);
  const answer = { result: received, wire: 0, received: Math.max(0, received), events: 0 };
  if (received <= 0) return answer;
  const both = new Uint8Array(session.early.length + received);
  both.set(session.early);
  both.set(bytes.subarray(0, received), session.early.length);
  session.early = both;
  return { ...answer, result: both.length > MOST_EARLY_BYTES ? TLS_FAILED : TLS_MORE };
}
