// Inheritance: the descriptors that a command has from its start: standard streams, then folders, then
// listeners. It opens them for the command, and closes them with all that the command has opened since.

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Native } from '../kernel/native.ts';
import type { Address } from '../listen/address.ts';
import { connectionsPossible } from '../listen/capacity.ts';
import { Listener } from '../listen/listener.ts';
import type { Policy } from '../policy.ts';
import {
  type Inherited,
  KIND_FILE,
  KIND_FOLDER,
  KIND_LISTENER,
  KIND_SOCKET,
  KIND_STREAM,
  MOST_DESCRIPTORS,
  TEMPORARIES,
} from './preview1/descriptors.ts';
import { FDFLAGS_NONBLOCK, RIGHTS_ALL, RIGHTS_FOLDER } from './preview1/numbers.ts';
import { O_PATH } from './preview1/paths.ts';

/** Where a standard stream leads: the process's own, nowhere, to a Node stream, or a descriptor. */
export type Stdio = 'inherit' | 'ignore' | 'pipe' | number;

export class Inheritance {
  readonly inherited: Inherited[] = [];
  /** In the order of `inherited`. */
  readonly fds: number[] = [];
  readonly #listeners: Listener[] = [];
  #table: Int32Array | null = null;
  readonly #native: Native;

  constructor(native: Native) {
    this.#native = native;
  }

  #add(fd: number, entry: Inherited): void {
    this.fds.push(fd);
    this.inherited.push(entry);
  }

  /**
   * The next standard stream.
   * @returns the other end of a pipe
   */
  stdio(number: 0 | 1 | 2, what: Stdio): Socket | null {
    if (what === 'pipe') return this.#pipe(number);
    const fd =
      what === 'ignore' ? this.#open('/dev/null', constants.O_RDWR) : this.#duplicate(number, what);
    this.#add(fd, { kind: this.#kindOf(fd), flags: 0, shared: true });
    return null;
  }

  #duplicate(number: number, what: number | 'inherit'): number {
    const fd = this.#native.dup(what === 'inherit' ? number : what, 0);
    if (fd < 0) throw this.#native.systemError('dup', fd, String(what));
    return fstatSync(fd).isFIFO() ? this.#reopened(fd) : fd;
  }

  // In a worker thread Node closes what it has opened when the thread ends, wherever it was closed before;
  // so what the addon closes is the addon's.
  #open(path: string, flags: number): number {
    const opened = openSync(path, flags);
    try {
      const own = this.#native.dup(opened, 0);
      if (own < 0) throw this.#native.systemError('dup', own, path);
      return own;
    } finally {
      closeSync(opened);
    }
  }

  // Pipes may be in blocking mode, which others share. Opened once more, a pipe has a mode of its own: no
  // read can block, which nothing could end, because another reader was faster.
  #reopened(fd: number): number {
    const access = this.#native.getFlags(fd) & (constants.O_WRONLY | constants.O_RDWR);
    try {
      const own = this.#open(`/proc/self/fd/${fd}`, access | constants.O_NONBLOCK);
      this.#native.close(fd);
      return own;
    } catch (error) {
      // Without the permission, or a reader, it stays what it is.
      if ((error as NodeJS.ErrnoException).errno === undefined) throw error;
      return fd;
    }
  }

  #pipe(number: 0 | 1 | 2): Socket {
    const ends = this.#native.pipe();
    if (typeof ends === 'number') throw this.#native.systemError('pipe', ends);
    const [own, other] = number === 0 ? ends : [ends[1], ends[0]];
    this.#add(own, { kind: KIND_STREAM, flags: 0 });
    // The stream closes it.
    this.#native.disown(other);
    return new Socket({ fd: other, readable: number !== 0, writable: number === 0 });
  }

  #kindOf(fd: number): number {
    const status = fstatSync(fd);
    if (status.isFile()) return KIND_FILE;
    if (!status.isSocket()) return KIND_STREAM;
    const { SOL_SOCKET, SO_ACCEPTCONN } = this.#native.constants;
    return this.#native.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) === 1
      ? KIND_LISTENER
      : KIND_SOCKET;
  }

  /**
   * The next pre-opened folder, `HOST[:GUEST[:ro]]`; its name in the guest is that of the host if not
   * given. With `ro` nothing beneath it can be changed.
   * @throws WasmpollError ERR_OPTION when it cannot be opened
   */
  folder(text: string): void {
    const { host, guest: preopen, readOnly } = folderOf(text);
    let fd: number;
    try {
      fd = this.#open(host, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      throw new WasmpollError('ERR_OPTION', `folder '${host}': ${reasonOf(error)}`, {
        cause: error,
      });
    }
    this.#probe(fd, host);
    this.#add(fd, {
      kind: KIND_FOLDER,
      flags: 0,
      readOnly,
      opened: { preopen, rights: RIGHTS_FOLDER, inheriting: RIGHTS_ALL },
    });
  }

  /** Closes the folder and throws if nothing would keep a command inside. */
  #probe(fd: number, host: string): void {
    const probe = this.#native.openBeneath(fd, '.', O_PATH, 0);
    if (probe >= 0) this.#native.close(probe);
    // An old kernel, or a filter of system calls. What the folder itself refuses is the command's to see.
    const { ENOSYS, EPERM } = this.#native.constants;
    if (probe !== -ENOSYS && probe !== -EPERM) return;
    this.#native.close(fd);
    const why = 'the system refuses openat2 (Linux 5.6), which keeps a command inside';
    const cause = this.#native.systemError('openat2', probe);
    throw new WasmpollError('ERR_OPTION', `folder '${host}': ${why}`, { cause });
  }

  /**
   * The next listener.
   * @returns where it listens, with the real port
   * @throws an Error in Node's form when the system refuses
   */
  listener(address: Address, policy: Policy, nonblocking: boolean): string {
    const listener = new Listener(this.#native, address, policy);
    this.#listeners.push(listener);
    this.#add(listener.fd, { kind: KIND_LISTENER, flags: nonblocking ? FDFLAGS_NONBLOCK : 0 });
    return listener.address;
  }

  /**
   * The command's table, which it shares with its owner: the process's descriptors plus one, by the
   * command's numbers, with room for `most` of its own, as far as the limit of descriptors goes.
   */
  table(most: number): Int32Array {
    const more = Math.min(most, connectionsPossible(this.#native));
    const length = Math.max(this.fds.length, Math.min(this.fds.length + more, MOST_DESCRIPTORS));
    this.#table = new Int32Array(new SharedArrayBuffer((length + TEMPORARIES) * 4));
    this.fds.forEach((fd, number) => {
      this.#table![number] = fd + 1;
    });
    return this.#table;
  }

  /** Closes what stands in the table, or would. No thread may use it any more. */
  close(): void {
    for (const listener of this.#listeners) removeQuietly(listener);
    const fds = this.#table === null ? this.fds : [...new Set(this.#table)].map((fd) => fd - 1);
    for (const fd of fds) if (fd >= 0) this.#native.close(fd);
  }
}

// What is reported is how the command ended, not that its socket's file stays.
function removeQuietly(listener: Listener): void {
  try {
    listener.removeFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

/** The guest's name has no colon; the host's may have. */
function folderOf(text: string): { host: string; guest: string; readOnly: boolean } {
  const readOnly = /^(.*):([^:]*):ro$/s.exec(text);
  const named = readOnly ?? /^(.*):([^:]*)$/s.exec(text);
  const [host, guest] = named === null ? [text, text] : [named[1]!, named[2]!];
  if (host === '' || guest === '') {
    const forms = 'must be HOST, HOST:GUEST or HOST:GUEST:ro';
    throw new WasmpollError('ERR_OPTION', `folder '${text}': ${forms}`);
  }
  return { host, guest, readOnly: readOnly !== null };
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such folder';
  return code === 'ENOTDIR' ? 'is not a folder' : messageOf(error);
}
