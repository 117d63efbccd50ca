// Non-blocking descriptors for programs that use Epoll: thin, typed system calls. Knows how their
// results and errors look; must not know when to call them. What is made here is closed when its thread
// ends: docs/epoll.md.

import { types } from 'node:util';
import { native } from '../kernel/native.ts';
import { UNIX_MODE } from '../policy.ts';
import {
  type FileDescriptor,
  INT_MAX,
  toDescriptor,
  toInteger,
  toOption,
  wrongType,
} from './arguments.ts';
import { bothMade, found, made, must, value } from './results.ts';

export type { FileDescriptor } from './arguments.ts';
export * from './socket-constants.ts';

const { SHUT_RDWR, SOMAXCONN } = native.constants;

const HIGHEST_PORT = 65_535;

export interface ListenOptions {
  /** Connections that wait to be accepted; by default as many as the kernel takes (SOMAXCONN). */
  readonly backlog?: number | undefined;
}

export interface ListenTcpOptions extends ListenOptions {
  /** Whether an IPv6 listener refuses IPv4. By default `::` takes both. */
  readonly ipv6Only?: boolean | undefined;
}

export interface ListenUnixOptions extends ListenOptions {
  /** The permissions of the socket's file, whatever the umask; 0o600 by default. */
  readonly mode?: number | undefined;
}

/**
 * A TCP socket that listens, with SO_REUSEADDR; socket(2), bind(2), listen(2), tcp(7).
 * @param address numeric, IPv4 or IPv6, which may end in `%interface`
 * @param port from 0 to 65535; 0 lets the kernel choose, and `localAddress` tell
 * @throws TypeError, RangeError; Error `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EMFILE`, …
 */
export function listenTcp(address: string, port: number, options: ListenTcpOptions = {}): number {
  const number = toInteger(port, 'port', 0, HIGHEST_PORT);
  const ipv6Only = toOption(options, 'ipv6Only', false);
  if (typeof ipv6Only !== 'boolean') throw wrongType('ipv6Only', 'a boolean', ipv6Only);
  return made(native.listenTcp(address, number, ipv6Only, toBacklog(options)));
}

/**
 * A Unix stream socket that listens; unix(7). The file stays when it is closed, and goes when its
 * thread ends before that.
 * @param path from 1 to 107 bytes; one that begins with `@` is an abstract name, which has no file
 * @throws TypeError, RangeError; Error `EADDRINUSE` if the file exists, `ENOENT`, `EACCES`, …
 */
export function listenUnix(path: string, options: ListenUnixOptions = {}): number {
  const bits = toInteger(toOption(options, 'mode', UNIX_MODE), 'mode', 0, 0o777);
  return made(native.listenUnix(path, bits, toBacklog(options)));
}

/**
 * The next connection, or null if there is none; accept4(2).
 * @throws TypeError, RangeError; Error `ECONNABORTED`, `EMFILE`, `EINVAL`, `ENOTSOCK`, `EBADF`, …
 */
export function accept(listener: FileDescriptor): number | null {
  const fd = value('accept', native.accept(toDescriptor(listener)));
  return fd === null ? null : made(fd);
}

/**
 * A TCP socket that connects. It is writable when that is over, and SO_ERROR then 0 or the errno;
 * connect(2).
 * @param address numeric, IPv4 or IPv6
 * @throws TypeError, RangeError; Error `ENETUNREACH`, `EMFILE`, …; `ECONNREFUSED` comes by SO_ERROR
 */
export function connectTcp(address: string, port: number): number {
  const number = toInteger(port, 'port', 0, HIGHEST_PORT);
  return made(must('connect', native.connectTcp(address, number)));
}

/**
 * A connected Unix stream socket, or null while the listener's queue is full; unix(7).
 * @throws TypeError, RangeError; Error `ENOENT`, `ECONNREFUSED`, `EACCES`, …
 */
export function connectUnix(path: string): number | null {
  const fd = value('connect', native.connectUnix(path));
  return fd === null ? null : made(fd);
}

/**
 * Receives into the caller's buffer; recv(2). By default the whole buffer is offered.
 * @param length bytes, at least 1
 * @returns bytes received, 0 at the end of the stream, null if there are none yet
 * @throws TypeError; RangeError if the range leaves the buffer or is empty; Error `ECONNRESET`,
 *   `ENOTSOCK`, …
 */
export function recv(
  fd: FileDescriptor,
  buffer: Uint8Array,
  offset?: number,
  length?: number,
): number | null {
  return transfer('recv', fd, buffer, offset, length);
}

/**
 * Sends from the caller's buffer; send(2) with MSG_NOSIGNAL. By default the whole buffer.
 * @returns bytes that the kernel took, perhaps not all; null if it takes none now
 * @throws TypeError; RangeError if the range leaves the buffer; Error `EPIPE`, `ECONNRESET`,
 *   `ENOTCONN`, …
 */
export function send(
  fd: FileDescriptor,
  buffer: Uint8Array,
  offset?: number,
  length?: number,
): number | null {
  return transfer('send', fd, buffer, offset, length);
}

/**
 * `recv` for pipes, eventfds and anything else; read(2). An eventfd wants room for 8 bytes.
 * @returns as `recv`
 * @throws TypeError, RangeError; Error `EINVAL`, `EISDIR`, `EBADF`, …
 */
export function read(
  fd: FileDescriptor,
  buffer: Uint8Array,
  offset?: number,
  length?: number,
): number | null {
  return transfer('read', fd, buffer, offset, length);
}

/**
 * `send` for pipes, eventfds and anything else; write(2).
 * @returns as `send`
 * @throws TypeError, RangeError; Error `EPIPE` if a pipe has no reader, `EINVAL`, `ENOSPC`,
 *   `EBADF`, …
 */
export function write(
  fd: FileDescriptor,
  buffer: Uint8Array,
  offset?: number,
  length?: number,
): number | null {
  return transfer('write', fd, buffer, offset, length);
}

/**
 * Ends one or both directions, for all duplicates of the descriptor; shutdown(2).
 * @param how SHUT_RD, SHUT_WR or SHUT_RDWR
 * @throws TypeError, RangeError; Error `ENOTCONN`, `ENOTSOCK`, `EBADF`
 */
export function shutdown(fd: FileDescriptor, how: number): void {
  const direction = toInteger(how, 'how', 0, SHUT_RDWR);
  must('shutdown', native.shutdown(toDescriptor(fd), direction));
}

/**
 * Closes a descriptor, whose number is then free to be used again; close(2). Unregister it first.
 * @throws TypeError, RangeError; Error `EBADF`, `EIO`
 */
export function close(fd: FileDescriptor): void {
  must('close', native.close(toDescriptor(fd)));
}

/**
 * Closes a descriptor; a TCP peer gets a reset instead of the end of the stream, and what was not
 * sent is lost. SO_LINGER 0 of socket(7). @throws Error `EBADF`
 */
export function reset(fd: FileDescriptor): void {
  must('close', native.reset(toDescriptor(fd)));
}

/**
 * Leaves a descriptor open when the thread ends: for one that is given to another thread, or to
 * somebody who closes it, such as Node's `net.Socket`.
 * @throws TypeError, RangeError
 */
export function disown(fd: FileDescriptor): void {
  native.disown(toDescriptor(fd));
}

/** Two Unix stream sockets that are connected; socketpair(2). @throws Error `EMFILE`, `ENFILE` */
export function socketpair(): [number, number] {
  return bothMade(found('socketpair', native.socketpair()));
}

/** The end to read from and the end to write to; pipe2(2). @throws Error `EMFILE`, `ENFILE` */
export function pipe(): [readEnd: number, writeEnd: number] {
  return bothMade(found('pipe2', native.pipe()));
}

/**
 * A counter of 64 bits that is readable while it is not 0; eventfd(2). `read` takes it as 8 bytes
 * in the machine's order, and `write` adds.
 * @param initial u32
 * @throws TypeError, RangeError; Error `EMFILE`, `ENFILE`
 */
export function eventfd(initial = 0): number {
  return made(must('eventfd', native.eventfd(toInteger(initial, 'initial', 0, 2 ** 32 - 1))));
}

/**
 * Sets an option whose value is an int; setsockopt(2), socket(7), tcp(7), ipv6(7).
 * @throws TypeError, RangeError; Error `ENOPROTOOPT`, `EINVAL`, `ENOTSOCK`, `EBADF`
 */
export function setsockopt(fd: FileDescriptor, level: number, option: number, to: number): void {
  const which = toSocketOption(fd, level, option);
  const int = toInteger(to, 'value', -INT_MAX - 1, INT_MAX);
  must('setsockopt', native.setOption(...which, int));
}

/** An option's value, if it is an int and not negative; getsockopt(2). @throws as `setsockopt` */
export function getsockopt(fd: FileDescriptor, level: number, option: number): number {
  return must('getsockopt', native.getOption(...toSocketOption(fd, level, option)));
}

/**
 * This end's address: `127.0.0.1:80`, `[::1]:80`, `unix:/path`, `unix:` for an unnamed one;
 * getsockname(2).
 * @throws TypeError, RangeError; Error `ENOTSOCK`, `EBADF`
 */
export function localAddress(fd: FileDescriptor): string {
  return found('getsockname', native.localAddress(toDescriptor(fd)));
}

/** The other end's, in the same forms; getpeername(2). @throws also Error `ENOTCONN` */
export function peerAddress(fd: FileDescriptor): string {
  return found('getpeername', native.peerAddress(toDescriptor(fd)));
}

function transfer(
  call: 'recv' | 'send' | 'read' | 'write',
  fd: FileDescriptor,
  buffer: Uint8Array,
  offset = 0,
  length?: number,
): number | null {
  const number = toDescriptor(fd);
  const start = toInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  // Not instanceof, which would run code of a proxy and believe what merely inherits.
  if (!types.isUint8Array(buffer)) throw wrongType('buffer', 'a Uint8Array', buffer);
  const rest = Math.max(0, buffer.length - start);
  const count =
    length === undefined ? rest : toInteger(length, 'length', 0, Number.MAX_SAFE_INTEGER);
  return value(call, native[call](number, buffer, start, count));
}

function toSocketOption(
  fd: FileDescriptor,
  level: number,
  option: number,
): [fd: number, level: number, option: number] {
  return [
    toDescriptor(fd),
    toInteger(level, 'level', 0, INT_MAX),
    toInteger(option, 'option', 0, INT_MAX),
  ];
}

function toBacklog(options: unknown): number {
  return toInteger(toOption(options, 'backlog', SOMAXCONN), 'backlog', 0, INT_MAX);
}
