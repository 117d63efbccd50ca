// Listener: one listening socket. It knows how to open and close one; accepting is the acceptor's.

import { WasmpollError } from '../errors.ts';
import type { Native, SystemError } from '../kernel/native.ts';
import { setStreamOptions } from '../kernel/stream-options.ts';
import { type Policy, UNIX_MODE } from '../policy.ts';
import type { Adopted } from './activation.ts';
import { type Address, showAddress } from './address.ts';
import { SocketFile } from './socket-file.ts';
import type { FileOptions } from './spec.ts';

const OWN_FILE: FileOptions = { mode: UNIX_MODE, owner: null, group: null };

export class Listener {
  readonly fd: number;
  /** As `--listen` takes it, with the port that the kernel has chosen. */
  readonly address: string;
  readonly #native: Native;
  /** Of a Unix socket. */
  readonly #file: SocketFile | undefined;

  /** It has no IP addresses. */
  readonly unix: boolean;
  /** Somebody else has it open, too: who waits in its queue is not lost when it is closed here. */
  readonly shared: boolean = false;

  /**
   * @param place a numeric address, or a socket that listens already
   * @param form what a Unix socket's file is to be like
   * @throws an Error in Node's form: `listen EADDRINUSE: address already in use 127.0.0.1:33445`; WasmpollError
   *   ERR_ADDRESS for an interface, a user or a group that there is not
   */
  constructor(native: Native, place: Address | Adopted, policy: Policy, form = OWN_FILE) {
    this.#native = native;
    if ('fd' in place) {
      this.shared = true;
      ({ fd: this.fd, address: this.address, unix: this.unix } = place);
      if (!this.unix) this.#prepare(policy);
      return;
    }
    this.unix = place.kind === 'unix';
    if (place.kind === 'unix') {
      const { path } = place;
      let fd = -1;
      const bind = (): void => {
        const ids = [idOf(native, 'owner', form.owner), idOf(native, 'group', form.group)] as const;
        fd = native.listenUnix(path, form.mode, policy.listenBacklog, ...ids);
      };
      // An abstract name is no file, and there is nothing to be removed.
      if (path.startsWith('@')) bind();
      else this.#file = new SocketFile(native, path, bind);
      this.fd = fd;
      this.address = `unix:${path}`;
      return;
    }
    this.fd = listenTcp(native, place, policy.listenBacklog);
    this.address = this.#prepare(policy);
  }

  /** @returns where it listens */
  #prepare(policy: Policy): string {
    try {
      // Accepted sockets inherit these on Linux, which saves a call each.
      const result = setStreamOptions(this.#native, this.fd, policy.keepaliveMs);
      if (result < 0) throw this.#native.systemError('setsockopt', result);
      return addressOf(this.#native, this.fd);
    } catch (error) {
      this.#native.close(this.fd);
      throw error;
    }
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
  const { host, port } = address;
  const shown = showAddress(address);
  try {
    return native.listenTcp(host, port, false, backlog);
  } catch (error) {
    const { errno, code, syscall } = error as SystemError;
    const [, zone] = host.split('%');
    // Of a numeric address nothing else can be wrong.
    if (code === 'ERR_OUT_OF_RANGE' && zone !== undefined) {
      throw new WasmpollError('ERR_ADDRESS', `address '${shown}': there is no interface '${zone}'`);
    }
    if (code !== 'EACCES') throw error;
    const hint = 'low ports need root or CAP_NET_BIND_SERVICE';
    throw native.systemError(syscall, errno, `${shown} (${hint})`);
  }
}

/** The number of a user or group; −1 when none is asked for. */
function idOf(native: Native, kind: 'owner' | 'group', name: string | null): number {
  if (name === null) return -1;
  if (/^\d{1,9}$/.test(name)) return Number(name);
  const id = kind === 'owner' ? native.userId(name) : native.groupId(name);
  if (id >= 0) return id;
  const what = kind === 'owner' ? 'user' : 'group';
  throw new WasmpollError('ERR_ADDRESS', `listen: ${kind}: there is no ${what} '${name}'`);
}

function addressOf(native: Native, fd: number): string {
  const address = native.localAddress(fd);
  if (typeof address === 'string') return address;
  throw native.systemError('getsockname', address);
}
