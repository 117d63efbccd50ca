// Loopback: a kernel in memory. Pairs of stream sockets with bounded buffers, level-triggered epoll
// and I/O rows, by the same contract as the addon. For tests, and for pages without sockets.

import type { Epoll, Io, Kernel, Result } from '../contract.ts';
import {
  BUFFERS,
  EVENT,
  KIND_COPY,
  KIND_RECV,
  KIND_SEND,
  KIND_TLS_END,
  KIND_TLS_RECV,
  KIND_TLS_SEND,
  KIND_UPDATE,
  ROW,
  ROW_BUFFER,
  ROW_FD,
  ROW_KIND,
  ROW_LENGTH,
  ROW_OFFSET,
  ROW_RESULT,
  ROW_TARGET_BUFFER,
  ROW_TARGET_OFFSET,
} from '../rows.ts';
import { TLS_WIRE_BUFFER } from '../tls/tls-rows.ts';
import { constants, ECONNRESET, EPIPE, Socket } from './loopback-socket.ts';
import { LoopbackSeat, performTls } from './loopback-tls.ts';

const ENOENT = 2;
const EBADF = 9;
const EEXIST = 17;
const NAMES = new Map([
  [ENOENT, 'ENOENT'],
  [EBADF, 'EBADF'],
  [constants.EAGAIN, 'EAGAIN'],
  [EEXIST, 'EEXIST'],
  [EPIPE, 'EPIPE'],
  [ECONNRESET, 'ECONNRESET'],
]);

interface Interest {
  mask: number;
  low: number;
  high: number;
}

class LoopbackEpoll implements Epoll {
  fd = 0;
  readonly #kernel: Loopback;
  readonly #interests = new Map<number, Interest>();
  #next = 0;

  constructor(kernel: Loopback) {
    this.#kernel = kernel;
  }

  add(fd: number, mask: number, low: number, high: number): Result {
    if (this.#kernel.socket(fd) === null) return -EBADF;
    if (this.#interests.has(fd)) return -EEXIST;
    this.#interests.set(fd, { mask, low, high });
    return 0;
  }

  modify(fd: number, mask: number, low: number, high: number): Result {
    if (!this.#interests.has(fd)) return -ENOENT;
    this.#interests.set(fd, { mask, low, high });
    return 0;
  }

  remove(fd: number): Result {
    return this.#interests.delete(fd) ? 0 : -ENOENT;
  }

  // Descriptors are reported in rotation, as Linux does, so that none starves behind `events`.
  wait(events: Uint32Array, _timeoutMs: number): Result {
    const fds = [...this.#interests.keys()];
    const most = Math.floor(events.length / EVENT);
    let count = 0;
    for (let index = 0; index < fds.length && count < most; index += 1) {
      const fd = fds[(this.#next + index) % fds.length]!;
      const interest = this.#interests.get(fd)!;
      const ready = this.#ready(fd) & (interest.mask | constants.EPOLLERR | constants.EPOLLHUP);
      if (ready === 0) continue;
      events.set([interest.low, interest.high, ready], count * EVENT);
      count += 1;
      if (count === most) this.#next = (this.#next + index + 1) % fds.length;
    }
    return count;
  }

  #ready(fd: number): number {
    const socket = this.#kernel.socket(fd);
    if (socket === null) return 0;
    let mask = socket.readable ? constants.EPOLLIN : 0;
    if (socket.room > 0 || socket.reset || socket.peer?.closed) mask |= constants.EPOLLOUT;
    if (socket.reset) mask |= constants.EPOLLERR | constants.EPOLLHUP;
    if (socket.ended && socket.finished) mask |= constants.EPOLLHUP;
    return mask;
  }

  close(): void {
    this.fd = -1;
    this.#interests.clear();
  }
}

class LoopbackIo implements Io {
  readonly #kernel: Loopback;
  readonly #rows: Int32Array;
  readonly #buffers: Uint8Array[] = [];

  constructor(kernel: Loopback, rows: Int32Array) {
    this.#kernel = kernel;
    this.#rows = rows;
  }

  bind(index: number, view: Uint8Array): void {
    if (index < 0 || index >= BUFFERS) throw new RangeError(`bind: no buffer ${index}`);
    this.#buffers[index] = view;
  }

  run(from: number, to: number): number {
    const rows = this.#rows;
    for (let row = from; row < to; row += 1) {
      const at = row * ROW;
      const kind = rows[at + ROW_KIND]!;
      if ((kind & KIND_TLS_RECV) !== 0 && kind <= KIND_TLS_SEND) {
        if (!this.#secure(at, kind)) return row;
        continue;
      }
      const copies = kind === KIND_COPY || kind === KIND_UPDATE;
      if (kind !== KIND_RECV && kind !== KIND_SEND && !copies) continue;
      const length = rows[at + ROW_LENGTH]!;
      const bytes = this.#range(rows[at + ROW_BUFFER]!, rows[at + ROW_OFFSET]!, length);
      if (copies) {
        const target = rows[at + ROW_TARGET_BUFFER]!;
        this.#range(target, rows[at + ROW_TARGET_OFFSET]!, length).set(bytes);
        rows[at + ROW_RESULT] = length;
        continue;
      }
      const socket = this.#kernel.socket(rows[at + ROW_FD]!);
      const receives = kind === KIND_RECV;
      let result = -EBADF;
      if (socket !== null) result = receives ? socket.receive(bytes) : socket.send(bytes);
      rows[at + ROW_RESULT] = result;
      if (!receives && result < length) return row;
    }
    return to;
  }

  // Whether the run goes on.
  #secure(at: number, kind: number): boolean {
    const rows = this.#rows;
    const ends = kind === KIND_TLS_END;
    const length = ends ? 0 : rows[at + ROW_LENGTH]!;
    const bytes = this.#range(rows[at + ROW_BUFFER]!, ends ? 0 : rows[at + ROW_OFFSET]!, length);
    const socket = this.#kernel.socket(rows[at + ROW_FD]!);
    const waits = rows[at + ROW_TARGET_OFFSET] !== 0;
    const wire = this.#buffers[TLS_WIRE_BUFFER]!;
    const session = this.#kernel.seat.session(rows[at + ROW_TARGET_BUFFER]!);
    const answer = performTls(kind, socket, bytes, waits, wire, session);
    rows[at + ROW_RESULT] = answer.result;
    rows[at + ROW_TARGET_OFFSET] = answer.wire;
    if (kind === KIND_TLS_RECV) {
      rows[at + ROW_LENGTH] = answer.received;
      rows[at + ROW_OFFSET] = answer.events;
    }
    return answer.wire === 0 && (kind === KIND_TLS_SEND ? answer.result === length : true);
  }

  #range(buffer: number, offset: number, length: number): Uint8Array {
    const view = this.#buffers[buffer];
    if (view === undefined) throw new RangeError(`row: buffer ${buffer} is not bound`);
    if (offset < 0 || length < 0 || offset + length > view.length) {
      throw new RangeError(`row: ${offset}+${length} is outside buffer ${buffer}`);
    }
    return view.subarray(offset, offset + length);
  }
}

export class Loopback implements Kernel {
  readonly constants = constants;
  /** Sessions of TLS. */
  readonly seat = new LoopbackSeat();
  readonly #sockets = new Map<number, Socket>();

  /** @returns the server's end as a descriptor, and the client's as an object */
  connect(capacity: number, address: string, local = ''): { fd: number; client: Socket } {
    const server = new Socket(capacity);
    const client = new Socket(capacity);
    server.peer = client;
    client.peer = server;
    server.address = address;
    server.local = local;
    // The lowest free number, as Linux gives it, so that numbers are reused as early as there.
    let fd = 3;
    while (this.#sockets.has(fd)) fd += 1;
    this.#sockets.set(fd, server);
    return { fd, client };
  }

  socket(fd: number): Socket | null {
    return this.#sockets.get(fd) ?? null;
  }

  epoll(): Epoll {
    return new LoopbackEpoll(this);
  }

  io(rows: Int32Array): Io {
    return new LoopbackIo(this, rows);
  }

  shutdown(fd: number, _how: number): Result {
    return this.socket(fd)?.finish() ?? -EBADF;
  }

  close(fd: number): Result {
    return this.#release(fd, (socket) => socket.close());
  }

  reset(fd: number): Result {
    return this.#release(fd, (socket) => socket.abort());
  }

  #release(fd: number, how: (socket: Socket) => void): Result {
    const socket = this.socket(fd);
    if (socket === null) return -EBADF;
    how(socket);
    this.#sockets.delete(fd);
    return 0;
  }

  peerAddress(fd: number): string | Result {
    return this.socket(fd)?.address ?? -EBADF;
  }

  localAddress(fd: number): string | Result {
    return this.socket(fd)?.local ?? -EBADF;
  }

  errorName(errno: number): string {
    return NAMES.get(Math.abs(errno)) ?? `E${Math.abs(errno)}`;
  }
}
