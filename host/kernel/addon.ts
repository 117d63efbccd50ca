// The types of the addon: what each call takes, answers and throws. Nothing here runs; native.ts makes
// the addon a kernel.

import type { Shared, SharedLimits, SharedSeat } from '../shared/contract.ts';
import type { ConstantName } from './constant-names.ts';
import type { Backend, Epoll, Io, Kernel, Result, TlsPlace, TlsSeat, Watcher } from './contract.ts';
import type { Tls } from './tls/addon-tls.ts';

/** An Error in Node's own form. */
export interface SystemError extends Error {
  readonly code: string;
  /** −errno. */
  readonly errno: number;
  readonly syscall: string;
}

export type NativeConstants = Readonly<Record<ConstantName, number>>;

type Transfer = (
  fd: number,
  view: Uint8Array,
  at: number,
  count: number,
  skip: number,
  most: number,
) => Result;

type PositionedTransfer = (...args: [...Parameters<Transfer>, position: number]) => Result;

/** An epoll set that can also say how much there is to read. */
export interface NativeEpoll extends Epoll {
  /**
   * `wait` for a set in which the low half of each token is the descriptor itself: at most
   * `events.length / READY` events, with the bytes that can be read (FIONREAD; 0 for a listener).
   */
  waitReady(events: Uint32Array, timeoutMs: number): Result;
}

/**
 * What the addon offers beside the Kernel. Wrong types are a TypeError and numbers out of range a
 * RangeError everywhere, before any system call. Calls that return a Result never throw for errno.
 */
export interface NativeCalls extends Required<Pick<Kernel, 'enterPeer'>> {
  /**
   * Listens on a numeric address (IPv6 may have `%interface`); port 0 lets the kernel choose.
   * Returns the descriptor; throws a SystemError whose syscall is `listen`.
   */
  listenTcp(address: string, port: number, v6only: boolean, backlog: number): number;
  /**
   * Listens on a path of at most 107 bytes. The file has exactly `mode` (0 to 0o777) whatever the
   * umask, and never more, not even for a moment; `owner` and `group` are numbers, −1 or none for the process's own.
   * A path that begins with `@` is an abstract name, without a file. Throws a SystemError whose syscall is
   * `listen`; an existing file is EADDRINUSE.
   */
  listenUnix(path: string, mode: number, backlog: number, owner?: number, group?: number): number;
  /** accept4(2). */
  accept(fd: number): Result;
  /**
   * `accept`, and writes the peer: 16 bytes of address, IPv4 as ::ffff:a.b.c.d, and two of port, the high one
   * first. Zeros for other families.
   */
  acceptFrom(fd: number, peer: Uint8Array): Result;
  /** Has a descriptor closed in programs that are started from here; fcntl(2), FD_CLOEXEC. */
  closeOnExec(fd: number): Result;
  /** The number of a user or group of this name; −ENOENT when there is none. */
  userId(name: string): number;
  groupId(name: string): number;
  /** A descriptor that may still be connecting; EPOLLOUT and SO_ERROR tell how it went. */
  connectTcp(address: string, port: number): Result;
  /** 0 if it is connected, −ENOTCONN if it is not, or not yet; getpeername(2). */
  connected(fd: number): Result;
  /** A connected descriptor; −EAGAIN when the listener's queue is full. */
  connectUnix(path: string): Result;
  /** Sends one datagram to the Unix socket of this path; never waits. */
  sendDatagram(path: string, text: string): Result;
  shutdown(fd: number, how: number): Result;
  close(fd: number): Result;
  reset(fd: number): Result;
  localAddress(fd: number): string | Result;
  peerAddress(fd: number): string | Result;
  setOption(fd: number, level: number, option: number, value: number): Result;
  /** The option's value, if it is not negative. */
  getOption(fd: number, level: number, option: number): Result;
  /** recv(2) into `length` ≥ 1 bytes of `view` from `offset`; 0 is the end of the stream. */
  recv(fd: number, view: Uint8Array, offset: number, length: number): Result;
  send(fd: number, view: Uint8Array, offset: number, length: number): Result;
  read(fd: number, view: Uint8Array, offset: number, length: number): Result;
  write(fd: number, view: Uint8Array, offset: number, length: number): Result;
  /** Two connected Unix stream sockets. */
  socketpair(): [number, number] | Result;
  /** The end to read from, and the end to write to. */
  pipe(): [number, number] | Result;
  /** `initial` is u32. */
  eventfd(initial: number): Result;
  /** A duplicate with the lowest free number from `lowest` on; fcntl(2), F_DUPFD_CLOEXEC. */
  dup(fd: number, lowest: number): Result;
  /** Makes `target` a duplicate of `fd`, and closes what it was; dup3(2) with O_CLOEXEC. */
  dup2(fd: number, target: number): Result;
  /**
   * readv(2) into the pieces of `view` that `count` pairs of u32 name, an offset and a length each; the
   * pairs lie in `view` itself, from `at` on. The first `skip` bytes of the pieces are left out, and
   * `most` bytes are moved at most. −EFAULT when a pair or a piece leaves the view.
   */
  readv: Transfer;
  writev: Transfer;
  /** recvmsg(2), which never waits; 0 is the end of the stream. */
  recvv: Transfer;
  /** `recvv` that leaves the bytes where they are. */
  peekv: Transfer;
  /** sendmsg(2), which never waits. */
  sendv: Transfer;
  preadv: PositionedTransfer;
  pwritev: PositionedTransfer;
  /**
   * openat2(2) with O_CLOEXEC, RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS: whatever leads out of the
   * folder is −EXDEV. −ENOSYS before Linux 5.6.
   */
  openBeneath(folder: number, path: string, flags: number, mode: number): Result;
  /** lseek(2): the new position. */
  seek(fd: number, offset: number, whence: number): number;
  /**
   * utimensat(2): times of access and modification, each in whole seconds and nanoseconds; −1 ns is now,
   * −2 ns leaves it as it is. The path is followed.
   */
  setTimes(
    path: string,
    accessSeconds: number,
    accessNanoseconds: number,
    modificationSeconds: number,
    modificationNanoseconds: number,
  ): Result;
  /** The flags of an open file; fcntl(2), F_GETFL. */
  getFlags(fd: number): Result;
  setFlags(fd: number, flags: number): Result;
  /** flock(2): an exclusive lock, until `fd` is closed. −EAGAIN while somebody else has one. */
  tryLock(fd: number): Result;
  /**
   * poll(2) for one descriptor, with the bits that epoll has: what is ready, 0 when the time is over, a
   * signal came, or `wake` (−1 for none) became readable.
   */
  poll(fd: number, mask: number, wake: number, timeoutMs: number): Result;
  /** clock_gettime(2): nanoseconds, the low half first. */
  clockTime(clock: number, out: Uint32Array): Result;
  clockResolution(clock: number, out: Uint32Array): Result;
  /**
   * The clock of the time that this thread has run on a processor, for `clockTime` in any thread of the process
   * while this one is there; pthread_getcpuclockid(3). 0 when there is none.
   */
  threadClock(): number;
  /**
   * This thread, as `makeFor` takes it. Descriptors that are made here are closed when the thread ends,
   * and the files of Unix listeners removed with them; not in the main thread, with which all ends.
   * A close in any thread forgets a descriptor, if it is one of the addon's.
   */
  readonly owner: number;
  /** What this thread makes from here on belongs to another one, which outlives it. */
  makeFor(owner: number): void;
  /** Leaves a descriptor open when its thread ends: somebody else closes it. */
  disown(fd: number): void;
  /**
   * Notes what a descriptor stands for. Should it be closed by other means than the addon's, whoever gets
   * its number then keeps it when the thread ends.
   */
  identify(fd: number): void;
  /** The seat of a Shared with this id, which any thread of the process has made. A RangeError if it is not open. */
  seat(id: number, seat: number): SharedSeat;
  /**
   * Why this process has no TLS, in one line, or ''.
   * @param version Node's own word: `process.versions.openssl`
   */
  tlsRefusal(version: string): string;
  /** Sessions of TLS that there are in this process. */
  tlsSessions(): number;
  readonly Tls: new (ticketLifetimeMs: number) => Tls;
  errorName(errno: number): string;
  /** The soft limit of open descriptors; Infinity if there is none. */
  fileLimit(): number;
  /** `syscall CODE: text detail`; takes errno with either sign. */
  systemError(syscall: string, errno: number, detail?: string): SystemError;
}

export interface Native extends Omit<Kernel, 'enterPeer'>, NativeCalls {
  /** Where the addon lies: threads open it by this very path. */
  readonly file: string;
  readonly constants: NativeConstants;
  /** A new set; or, with `fd`, a borrowed one, which close() leaves open. */
  epoll(fd?: number): NativeEpoll;
  shared(limits: SharedLimits): Shared;
  readonly Peers: PeersClass;
  tlsSeat(place: TlsPlace): TlsSeat;
  readonly Watcher: WatcherClass;
  readonly Backend: BackendClass;
}

/**
 * `new Peers(rows, most, perSecond)` limits how many connections an address may have, and how many may come in a
 * second; 0 is no limit. A /64 of IPv6 counts as one address. Rows without a connection are kept for their rate;
 * when all are in use, the one that was not asked for the longest is given up.
 */
export type PeersClass = new (rows: number, most: number, perSecond: number) => PeerCounts;

export interface PeerCounts {
  /** For `enterPeer`, in any thread. */
  readonly id: number;
  /** Rows in use. */
  readonly known: number;
}

/**
 * `new Backend(callback)` calls back once a round of this thread's loop, when libuv would wait. For a
 * thread that serves one set and little else: whoever measures how idle the loop is finds it busy.
 * It keeps its thread alive until it is closed, and ends as a Watcher does.
 */
export type BackendClass = new (callback: () => void) => Backend;

/**
 * `new Watcher(fd, callback)` calls back once a wake of this thread's loop while `fd` is readable. It
 * watches a duplicate, so an epoll set lives on, and may go on waking, until its watchers are closed
 * too. An open watcher keeps itself alive and, unless `unref` was called, its thread as well; it is
 * closed when the thread ends. What the callback throws goes to 'uncaughtException'.
 * Throws a SystemError (EBADF, EMFILE, EPERM).
 */
export type WatcherClass = new (fd: number, callback: () => void) => Watcher;

/** What the file itself exports. */
export interface Addon extends NativeCalls {
  readonly constants: NativeConstants;
  readonly layout: Readonly<Record<string, number>>;
  readonly Epoll: new (fd?: number) => NativeEpoll;
  readonly Io: new (rows: Int32Array) => Io & { secure(id: number, seat: number): void };
  readonly Shared: new (limits: SharedLimits) => Shared;
  readonly Peers: PeersClass;
  readonly TlsSeat: new (id: number, seat: number) => TlsSeat;
  readonly Watcher: WatcherClass;
  readonly Backend: BackendClass;
}
