// The server's end of a TLS connection, by rows alone, and node:tls on a stream of ours at the other end:
// what passes between them is the test's to split, hold back and change.

import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';
import type { Tls, TlsTexts } from '../../host/kernel/tls/addon-tls.ts';
import * as rowsOfTls from '../../host/kernel/tls/tls-rows.ts';
import type { Certified } from './certificates.ts';
import { fill, owned, type Row, socketpair, UNTOUCHED } from './native.ts';

const { TLS_MORE, TLS_READY, TLS_SEAL_BYTES, TLS_WIRE_BUFFER, TLS_WIRE_BYTES } = rowsOfTls;
const { KIND_TLS_END, KIND_TLS_RECV, KIND_TLS_SEAL, KIND_TLS_SEND, ROW } = kernel;

/** What a TLS_RECV needs at least, and a good deal more. */
export const ROOM = 128 * 1024;
const ROWS = 64;
const SLOT = 3;
const HANDLE = 70_003;

export const textsOf = (
  pair: Pick<Certified, 'cert' | 'key'>,
  more: Partial<TlsTexts> = {},
): TlsTexts => ({
  pairs: [{ name: '', cert: pair.cert, key: pair.key }],
  ca: '',
  clients: 0,
  alpn: '',
  tickets: 1,
  oldest: 0x303,
  ...more,
});

/** A server's contexts: one listener, number 0. */
export function tlsOf(t: Scope, texts: TlsTexts, ticketLifetimeMs = 7_200_000): Tls {
  const tls = new native.Tls(ticketLifetimeMs);
  t.teardown(() => tls.release());
  t.is(tls.prepare(0, texts), undefined);
  tls.commit();
  return tls;
}

const SEATS = 4096;
let seats = 0;

/** A test, or a part of one that is over before the test is. */
export type Scope = Pick<ExecutionContext, 'is' | 'true' | 'teardown'>;

/** Runs a part of a test; what was opened in it is closed behind it. */
export async function apart<Result>(
  t: Scope,
  part: (scope: Scope) => Promise<Result>,
): Promise<Result> {
  const ends: (() => unknown)[] = [];
  const { is, true: isTrue } = t;
  try {
    return await part({ is, true: isTrue, teardown: (end) => void ends.push(end) });
  } finally {
    for (const end of ends.reverse()) end();
  }
}

export interface Performed {
  /** The row at which the run stopped. */
  readonly stopped: number;
  readonly results: readonly number[];
  /** Of the row at which it stopped, or the last. */
  readonly wire: number;
}

export class ServerEnd {
  readonly fd: number;
  /** The client's descriptor. */
  readonly peer: number;
  readonly memory = Buffer.alloc(4 * ROOM);
  readonly wire = Buffer.alloc(TLS_WIRE_BYTES);
  readonly seat: ReturnType<typeof native.tlsSeat>;
  readonly place: { id: number; seat: number };
  /** Bits of all that receives have brought. */
  events = 0;
  /** Plaintext that was received. */
  received = Buffer.alloc(0);
  readonly #rows = new Int32Array(ROWS * ROW);
  readonly #io: ReturnType<typeof native.io>;

  constructor(t: Scope, tls: Tls) {
    [this.fd, this.peer] = socketpair(t);
    this.place = { id: tls.id, seat: seats++ % SEATS };
    this.seat = native.tlsSeat(this.place);
    t.true(this.seat.open(SLOT, HANDLE, 0));
    t.teardown(() => this.seat.close(SLOT));
    this.#io = native.io(this.#rows, this.place);
    this.#io.bind(0, this.memory);
    this.#io.bind(TLS_WIRE_BUFFER, this.wire);
  }

  get handle(): number {
    return HANDLE;
  }

  get slot(): number {
    return SLOT;
  }

  run(list: readonly Partial<Row>[]): Performed {
    const whole = list.map((row) => ({ kind: 0, fd: this.fd, target: SLOT, ...row }));
    fill(this.#rows, whole);
    const stopped = this.#io.run(0, list.length);
    const results = list.map((_, row) => this.column(row, kernel.ROW_RESULT));
    const row = Math.min(stopped, list.length - 1);
    return { stopped, results, wire: this.column(row, kernel.ROW_TARGET_OFFSET) };
  }

  column(row: number, column: number): number {
    return this.#rows[row * ROW + column]!;
  }

  /** One TLS_RECV. @returns its result */
  receive(room = ROOM, waits = 0): number {
    const row = { kind: KIND_TLS_RECV, length: room, targetOffset: waits };
    const { results } = this.run([row]);
    this.events |= this.column(0, kernel.ROW_OFFSET);
    const result = results[0]!;
    if (result > 0) {
      this.received = Buffer.concat([this.received, this.memory.subarray(0, result)]);
    }
    return result;
  }

  /** Rows of TLS_SEND for pieces that lie one behind the other in the memory. */
  send(...lengths: number[]): Performed {
    let offset = 0;
    const rows = lengths.map((length) => {
      const row = { kind: KIND_TLS_SEND, offset, length };
      offset += length;
      return row;
    });
    return this.run(rows);
  }

  seal(length: number, offset = 0): Performed {
    return this.run([{ kind: KIND_TLS_SEAL, offset, length: Math.min(length, TLS_SEAL_BYTES) }]);
  }

  end(waits = 0): Performed {
    return this.run([{ kind: KIND_TLS_END, targetOffset: waits }]);
  }

  get ready(): boolean {
    return (this.events & TLS_READY) !== 0;
  }
}

/** Ciphertext of the client on its way: as it is, unless the test has other plans. */
export type Passes = (bytes: Buffer) => Iterable<Buffer>;

/** A client of node:tls whose bytes the test moves. */
export class ClientEnd {
  readonly socket: TLSSocket;
  readonly received: Buffer[] = [];
  error: Error | null = null;
  ended = false;
  /** What the server sent first. */
  first = Buffer.alloc(0);
  /** What the client has sent, and was not passed on yet. */
  readonly sent: Buffer[] = [];
  /** Whether it has finished its side, TCP's as well. */
  finished = false;
  readonly #fd: number;
  readonly #stream: Duplex;

  constructor(t: Scope, end: ServerEnd, options: ConnectionOptions = {}) {
    this.#fd = end.peer;
    this.#stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        this.sent.push(Buffer.from(chunk));
        done();
      },
      final: (done) => {
        this.finished = true;
        done();
      },
    });
    this.socket = connect({ socket: this.#stream, rejectUnauthorized: false, ...options });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('data', (chunk) => this.received.push(chunk));
    this.socket.on('end', () => {
      this.ended = true;
    });
    t.teardown(() => this.socket.destroy());
  }

  /** Takes what the server has sent. */
  pull(): void {
    for (let piece = this.drop(); piece.length > 0; piece = this.drop()) this.#stream.push(piece);
  }

  /** Takes what the server has sent, and keeps it from the client. */
  drop(): Buffer {
    const piece = Buffer.alloc(65_536);
    const count = Math.max(0, native.recv(this.#fd, piece, 0, piece.length));
    const taken = piece.subarray(0, count);
    if (this.first.length === 0) this.first = taken;
    return taken;
  }

  /** What the client wants to send, once its side of the event loop is at rest. */
  async take(): Promise<Buffer> {
    // Twice: what it was given takes effect in one round, and is answered in the next.
    await setImmediate();
    await setImmediate();
    return Buffer.concat(this.sent.splice(0));
  }

  put(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const sent = native.send(this.#fd, bytes, done, bytes.length - done);
      if (sent < 0) throw native.systemError('send', sent);
      done += sent;
    }
  }
}

/** Moves bytes to and fro until neither side has any; each piece that comes to the server is one receive. */
export async function exchange(
  end: ServerEnd,
  client: ClientEnd,
  pass: Passes = (bytes) => [bytes],
): Promise<number> {
  let last = TLS_MORE;
  for (let idle = 0; idle < 3; ) {
    const bytes = await client.take();
    for (const piece of pass(bytes)) {
      if (piece.length === 0) continue;
      client.put(piece);
      last = end.receive();
    }
    client.pull();
    idle = bytes.length === 0 ? idle + 1 : 0;
  }
  return last;
}

/** A pair whose handshake is done. */
export async function established(
  t: Scope,
  tls: Tls,
  options: ConnectionOptions = {},
): Promise<{ end: ServerEnd; client: ClientEnd }> {
  const end = new ServerEnd(t, tls);
  const client = new ClientEnd(t, end, options);
  await exchange(end, client);
  t.is(client.error, null);
  t.true(end.ready);
  return { end, client };
}

export { owned, UNTOUCHED };
