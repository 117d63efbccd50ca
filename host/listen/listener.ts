// Listener: one listening socket. It knows how to open and close one; accepting is the acceptor's.

import type { Native, SystemError } from '../kernel/native.ts';
import { type Policy, UNIX_MODE } from '../policy.ts';
import type { Address } from './address.ts';
import { SocketFile } from './socket-file.ts';

// Less would cost a fast reader short writes; more, and a slow one is seen too seldom.
const NOT_SENT_BYTES = 256 * 1024;

export class Listener {
  readonly fd: number;
  /** As `--listen` takes it, with the port that the kernel has chosen. */
  readonly address: string;
  readonly #native: Native;
  /** Of a Unix socket. */
  readonly #file: SocketFile | undefined;

  /**
   * @param address numeric
   * @throws an Error in Node's form: `listen EADDRINUSE: address already in use 127.0.0.1:33445`
   */
  constructor(native: Native, address: Address, policy: Policy) {
    this.#native = native;
    if (address.kind === 'unix') {
      const { path } = address;
      let fd = -1;
      this.#file = new SocketFile(native, path, () => {
        fd = native.listenUnix(path, UNIX_MODE, policy.listenBacklog);
      });
      this.fd = fd;
      this.address = `unix:${path}`;
      return;
    }
    this.fd = listenTcp(native, address, policy.listenBacklog);
    try {
      this.#setOptions(policy);
      this.address = addressOf(native, this.fd);
    } catch (error) {
      native.close(this.fd);
      throw error;
    }
  }

  // Accepted sockets inherit these on Linux, which saves a call each.
  #setOptions(policy: Policy): void {
    const { IPPROTO_TCP, TCP_NODELAY, TCP_NOTSENT_LOWAT } = this.#native.constants;
    const { SOL_SOCKET, SO_KEEPALIVE, TCP_KEEPIDLE } = this.#native.constants;
    // The kernel takes no more than this beyond what is on its way, and tells of room as soon as there
    // is some. Without it a send buffer grows to megabytes and EPOLLOUT waits for a third of it: a
    // slow but steady reader then looks like one that takes nothing.
    this.#set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_BYTES);
    // A host that answers at once has no use for Nagle's algorithm (RFC 896).
    this.#set(IPPROTO_TCP, TCP_NODELAY, 1);
    if (policy.keepaliveMs === 0) return;
    this.#set(SOL_SOCKET, SO_KEEPALIVE, 1);
    const seconds = Math.min(32_767, Math.max(1, Math.round(policy.keepaliveMs / 1000)));
    this.#set(IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  }

  #set(level: number, option: number, value: number): void {
    const result = this.#native.setOption(this.fd, level, option, value);
    if (result < 0) throw this.#native.systemError('setsockopt', result);
  }

  /**
   * Stops listening. A Unix socket's file is removed if it is still the one that was made here.
   * @throws an Error in Node's form when the file cannot be removed; the socket is closed then too
   */
  close(): void {
    try {
      this.removeFile();
    } finally {
      this.#native.close(this.fd);
    }
  }

  /**
   * Removes the file of a Unix socket, and leaves the socket open. Before it is closed: as long as it is
   * open, no other file gets its inode's number.
   * @throws an Error in Node's form
   */
  removeFile(): void {
    this.#file?.remove();
  }
}

function listenTcp(native: Native, address: Address & { kind: 'tcp' }, backlog: number): number {
  try {
    return native.listenTcp(address.host, address.port, false, backlog);
  } catch (error) {
    const { errno, code, syscall } = error as SystemError;
    if (code !== 'EACCES') throw error;
    const shown = address.host.includes(':') ? `[${address.host}]` : address.host;
    const hint = 'low ports need root or CAP_NET_BIND_SERVICE';
    throw native.systemError(syscall, errno, `${shown}:${address.port} (${hint})`);
  }
}

function addressOf(native: Native, fd: number): string {
  const address = native.localAddress(fd);
  if (typeof address === 'string') return address;
  throw native.systemError('getsockname', address);
}
