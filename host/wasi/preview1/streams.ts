// Streams: bytes through sockets, pipes and terminals: fd_read, fd_write, sock_recv, sock_send,
// sock_accept, sock_shutdown. A blocking number waits here; the process's descriptors never do.

import { KIND_FILE, KIND_FOLDER, KIND_FREE, KIND_LISTENER, KIND_SOCKET } from './descriptors.ts';
import { type Host, MOST_BYTES } from './host.ts';
import type { WasiGroup } from './interface.ts';
import {
  E,
  FDFLAGS_NONBLOCK,
  RIFLAGS_PEEK,
  RIFLAGS_WAITALL,
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  SDFLAGS_RD,
  SDFLAGS_WR,
} from './numbers.ts';
import { Exit, Stop } from './waiter.ts';

const READ = 0;
const WRITE = 1;
const PEEK = 2;

// A pipe that is writable takes so much without waiting (POSIX: PIPE_BUF), and it may be in blocking
// mode, which is its other users' affair.
const STREAM_BYTES = 4096;

const [STDOUT, STDERR] = [1, 2];
// As a shell shows SIGPIPE.
const BROKEN_PIPE = 128 + 13;

const isSocket = (kind: number): boolean => kind === KIND_SOCKET || kind === KIND_LISTENER;

export function streamFunctions(host: Host) {
  const { native, memory, descriptors, waiter, errors, sigpipe } = host;
  const { EAGAIN, EPIPE, EPOLLIN, EPOLLOUT, SHUT_RD, SHUT_WR, SHUT_RDWR } = native.constants;

  /** One attempt that does not wait: bytes, or −errno. */
  function attempt(what: number, number: number, at: number, count: number, skip: number): number {
    const fd = descriptors.fd(number);
    const kind = descriptors.kinds[number];
    if (isSocket(kind!)) {
      if (what === WRITE) return native.sendv(fd, memory.bytes, at, count, skip, MOST_BYTES);
      if (what === PEEK) return native.peekv(fd, memory.bytes, at, count, skip, MOST_BYTES);
      return native.recvv(fd, memory.bytes, at, count, skip, MOST_BYTES);
    }
    if (kind === KIND_FILE) {
      if (what === WRITE) return native.writev(fd, memory.bytes, at, count, skip, MOST_BYTES);
      return native.readv(fd, memory.bytes, at, count, skip, MOST_BYTES);
    }
    const ready = native.poll(fd, what === WRITE ? EPOLLOUT : EPOLLIN, -1, 0);
    if (ready < 0) return ready;
    const call = what === WRITE ? native.writev : native.readv;
    // It may be open for the other direction only, which a transfer of nothing tells.
    if (ready === 0) return call(fd, memory.bytes, at, 0, 0, 0) || -EAGAIN;
    return call(fd, memory.bytes, at, count, skip, what === WRITE ? STREAM_BYTES : MOST_BYTES);
  }

  /**
   * Reads until something is there, or all of it with `whole`; writes until all is written. Without
   * waiting, as much as goes at once. Bytes, or −errno.
   */
  function move(
    what: number,
    number: number,
    vectors: number,
    count: number,
    total: number,
    whole: boolean,
  ): number {
    const blocking = (descriptors.flags[number]! & FDFLAGS_NONBLOCK) === 0;
    let done = 0;
    while (done < total) {
      const result = attempt(what, number, vectors >>> 0, count >>> 0, done);
      if (result > 0) {
        done += result;
        waiter.active();
        if (!whole) break;
      } else if (result !== -EAGAIN) return done > 0 || result === 0 ? done : result;
      else if (!blocking) return done > 0 ? done : result;
      else waiter.until(descriptors.fd(number), what === WRITE ? EPOLLOUT : EPOLLIN);
    }
    return done;
  }

  /** A file that was opened to do nothing with it is open for reading in the kernel. */
  function may(number: number, right: number): boolean {
    const opened = descriptors.opened.get(number >>> 0);
    return opened === undefined || (opened.rights & right) !== 0;
  }

  function transfer(
    what: number,
    number: number,
    vectors: number,
    count: number,
    result: number,
    whole: boolean,
  ): number {
    const total = memory.total(vectors, count);
    if (total < 0 || !memory.holds(result, 4)) return E.FAULT;
    const moved = move(what, number >>> 0, vectors, count, total, whole);
    if (moved === -EPIPE) endOfOutput(number >>> 0);
    if (moved < 0) return errors[-moved]!;
    memory.setU32(result, moved);
    return E.SUCCESS;
  }

  // A program that only writes would write on and on: natively a signal ends it. Servers ignore it for
  // the sake of their clients, which has no meaning here.
  function endOfOutput(number: number): void {
    if (sigpipe && (number === STDOUT || number === STDERR)) throw new Exit(BROKEN_PIPE);
  }

  return {
    fd_read(number: number, vectors: number, count: number, result: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (kind === KIND_FOLDER) return E.ISDIR;
      if (kind === KIND_FILE && !may(number, RIGHT_FD_READ)) return E.BADF;
      return transfer(READ, number, vectors, count, result, false);
    },

    fd_write(number: number, vectors: number, count: number, result: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (kind === KIND_FOLDER) return E.ISDIR;
      if (kind === KIND_FILE && !may(number, RIGHT_FD_WRITE)) return E.BADF;
      return transfer(WRITE, number, vectors, count, result, true);
    },

    sock_recv(
      number: number,
      vectors: number,
      count: number,
      flags: number,
      result: number,
      resultFlags: number,
    ) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (!isSocket(kind)) return E.NOTSOCK;
      if ((flags & ~(RIFLAGS_PEEK | RIFLAGS_WAITALL)) !== 0) return E.INVAL;
      if (!memory.holds(resultFlags, 2)) return E.FAULT;
      const peek = (flags & RIFLAGS_PEEK) !== 0;
      // What is only looked at cannot be waited for piece by piece.
      const whole = !peek && (flags & RIFLAGS_WAITALL) !== 0;
      const error = transfer(peek ? PEEK : READ, number, vectors, count, result, whole);
      // A stream is never cut short.
      if (error === E.SUCCESS) memory.setU16(resultFlags, 0);
      return error;
    },

    sock_send(number: number, vectors: number, count: number, flags: number, result: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (!isSocket(kind)) return E.NOTSOCK;
      if (flags !== 0) return E.INVAL;
      return transfer(WRITE, number, vectors, count, result, true);
    },

    sock_accept(number: number, flags: number, result: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (!isSocket(kind)) return E.NOTSOCK;
      if ((flags & ~FDFLAGS_NONBLOCK) !== 0 || kind !== KIND_LISTENER) return E.INVAL;
      if (!memory.holds(result, 4)) return E.FAULT;
      const free = descriptors.lowest();
      if (free < 0) return E.MFILE;
      const listener = descriptors.fd(number);
      const blocking = (descriptors.flags[number]! & FDFLAGS_NONBLOCK) === 0;
      const { fds } = descriptors;
      for (let waited = false; ; waited = true) {
        if (waiter.stopping) {
          // Nothing comes any more, and whatever else is open is not served meanwhile.
          if (waited) throw new Stop();
          // Who waited to be accepted was reset; what is open may go on.
          return blocking ? E.CONNABORTED : E.AGAIN;
        }
        // It may be in blocking mode if it comes from outside.
        const ready = native.poll(listener, EPOLLIN, -1, 0);
        fds[free] = (ready > 0 ? native.accept(listener) : ready || -EAGAIN) + 1;
        const error = fds[free]! - 1;
        if (error >= 0) break;
        fds[free] = 0;
        if (error !== -EAGAIN || !blocking) return errors[-error]!;
        waiter.until(listener, EPOLLIN);
      }
      descriptors.open(free, KIND_SOCKET, flags, true);
      memory.setU32(result, free);
      return E.SUCCESS;
    },

    sock_shutdown(number: number, how: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (!isSocket(kind)) return E.NOTSOCK;
      const both = SDFLAGS_RD | SDFLAGS_WR;
      if (how === 0 || (how & ~both) !== 0) return E.INVAL;
      const end = how === both ? SHUT_RDWR : how === SDFLAGS_RD ? SHUT_RD : SHUT_WR;
      const result = native.shutdown(descriptors.fd(number), end);
      return result < 0 ? errors[-result]! : E.SUCCESS;
    },
  } satisfies WasiGroup;
}
