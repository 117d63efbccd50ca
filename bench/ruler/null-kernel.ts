// A kernel that does nothing: all its connections are readable while messages are left, each message
// lies in the receive window already, and every send is taken. It makes no system call, and does not
// know whose host drives it.

import type { Constants, Epoll, Io, Kernel } from '../../host/kernel/contract.ts';
import type { RowNumbers } from './builds.ts';
import { type Bound, checking, EAGAIN, running, type Traffic } from './null-io.ts';

// sys/epoll.h, sys/socket.h
const constants: Constants = {
  EPOLLIN: 0x1,
  EPOLLOUT: 0x4,
  EPOLLERR: 0x8,
  EPOLLHUP: 0x10,
  EAGAIN,
  SHUT_WR: 1,
};
const { EPOLLIN } = constants;
const BUFFERS = 9;

class NullIo implements Io {
  run: Io['run'];
  readonly #buffers: Bound[];

  constructor(run: Io['run'], buffers: Bound[]) {
    this.run = run;
    this.#buffers = buffers;
  }

  bind(index: number, view: Uint8Array): void {
    if (index < 0 || index >= BUFFERS) throw new RangeError(`bind: no buffer ${index}`);
    const words = new BigInt64Array(view.buffer, view.byteOffset, view.length >> 3);
    this.#buffers[index] = { bytes: view, words };
  }
}

class NullEpoll implements Epoll {
  readonly fd = -1;
  wait: Epoll['wait'];
  readonly #interests: Uint32Array;

  constructor(wait: Epoll['wait'], interests: Uint32Array) {
    this.wait = wait;
    this.#interests = interests;
  }

  add(fd: number, mask: number, low: number, high: number): number {
    this.#interests.set([mask, low, high], fd * 3);
    return 0;
  }

  modify(fd: number, mask: number, low: number, high: number): number {
    return this.add(fd, mask, low, high);
  }

  remove(fd: number): number {
    return this.add(fd, 0, 0, 0);
  }

  close(): void {
    this.#interests.fill(0);
  }
}

/**
 * Until `trust()` it compares every byte that is sent with what was received, and reports one
 * connection at a time. It does so by other functions: where V8 has seen two it cannot build the
 * kernel's code into the host's, as it never can with the real kernel.
 */
export class NullKernel implements Kernel {
  readonly constants = constants;
  readonly #numbers: RowNumbers;
  readonly #traffic: Traffic;
  readonly #trust: (() => void)[] = [];
  #trusted = false;

  constructor(numbers: RowNumbers, traffic: Traffic) {
    this.#numbers = numbers;
    this.#traffic = traffic;
  }

  trust(): void {
    this.#trusted = true;
    for (const trust of this.#trust) trust();
  }

  epoll(): Epoll {
    // Mask and token of each descriptor.
    const interests = new Uint32Array(this.#traffic.connections * 3);
    const wait = waiting(this.#numbers, this.#traffic, interests);
    const one = new Uint32Array(this.#numbers.EVENT);
    const lone: Epoll['wait'] = (events, timeoutMs) => {
      const count = wait(one, timeoutMs);
      events.set(one);
      return count;
    };
    const epoll = new NullEpoll(lone, interests);
    this.#trust.push(() => {
      epoll.wait = wait;
    });
    return epoll;
  }

  io(rows: Int32Array): Io {
    const buffers: Bound[] = [];
    const run = running(this.#numbers, this.#traffic, rows, buffers);
    const checked = checking(this.#numbers, this.#traffic, rows, buffers, run);
    const io = new NullIo(this.#trusted ? run : checked, buffers);
    this.#trust.push(() => {
      io.run = run;
    });
    return io;
  }

  shutdown(): number {
    return 0;
  }

  close(): number {
    return 0;
  }

  reset(): number {
    return 0;
  }

  localAddress(): string {
    return '';
  }

  peerAddress(): string {
    return 'unix:';
  }

  errorName(errno: number): string {
    return `E${Math.abs(errno)}`;
  }
}

// In rotation, as Linux reports them.
function waiting(numbers: RowNumbers, traffic: Traffic, interests: Uint32Array): Epoll['wait'] {
  const { EVENT } = numbers;
  const { connections } = traffic;
  let next = 0;
  return (events) => {
    const most = Math.min(connections, traffic.left, events.length / EVENT);
    let count = 0;
    for (let looked = 0; looked < connections && count < most; looked += 1) {
      const from = next * 3;
      next = next + 1 === connections ? 0 : next + 1;
      if ((interests[from]! & EPOLLIN) === 0) continue;
      const at = count * EVENT;
      events[at] = interests[from + 1]!;
      events[at + 1] = interests[from + 2]!;
      events[at + 2] = EPOLLIN;
      count += 1;
    }
    return count;
  };
}
