// Paths beneath a folder: what a guest names becomes an open descriptor, or a parent folder and one
// name in it. The kernel itself keeps it inside, at the moment of the opening (openat2, RESOLVE_BENEATH).

import { constants } from 'node:fs';
import { KIND_FOLDER, KIND_FREE } from './descriptors.ts';
import { wasiErrorOf } from './errno.ts';
import type { Host } from './host.ts';
import { E } from './numbers.ts';

/** PATH_MAX, which counts the zero byte at the end. */
const PATH_BYTES = 4096;
// EAGAIN: something was renamed somewhere while `..` was followed, so it has to be tried again
// (openat2(2)).
const MOST_TRIES = 64;
const { O_DIRECTORY, O_NOFOLLOW } = constants;
// Node has no name for it; it is the same on all of Linux's architectures.
export const O_PATH = 0o10000000;

/** Thrown inside the functions on files, and turned into what they return. */
export class Failure {
  readonly error: number;

  constructor(error: number) {
    this.error = error;
  }
}

/** Calls what may throw a Failure or a system error of Node's; SUCCESS if it does not. */
export function attempt(call: () => void): number {
  try {
    call();
    return E.SUCCESS;
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown.error;
    const { code, errno } = thrown as NodeJS.ErrnoException;
    if (code === undefined || errno === undefined) throw thrown;
    return wasiErrorOf(code);
  }
}

/** A folder that stays open while `name`, one component, is used in it. */
export interface Place {
  /** `/proc/self/fd/7/name`: the kernel goes to the open folder itself, wherever that is by now. */
  readonly path: string;
  /** Slashes at the end say that it must be a folder, and make links be followed. */
  readonly slashes: boolean;
  readonly folder: number;
}

export class Paths {
  readonly #host: Host;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(host: Host) {
    this.#host = host;
  }

  /** The process's descriptor of an open folder. Throws a Failure. */
  folder(number: number): number {
    const kind = this.#host.descriptors.kind(number);
    if (kind === KIND_FREE) throw new Failure(E.BADF);
    if (kind !== KIND_FOLDER) throw new Failure(E.NOTDIR);
    return this.#host.descriptors.fd(number);
  }

  /** The process's descriptor of an open folder in which something is to be changed. Throws a Failure. */
  changing(number: number): number {
    const fd = this.folder(number);
    this.refuseReadOnly(number);
    return fd;
  }

  /** As a file system that is mounted read-only says. Throws a Failure. */
  refuseReadOnly(number: number): void {
    if (this.#host.descriptors.readOnly[number >>> 0] === 1) throw new Failure(E.ROFS);
  }

  /** A path as text. Throws a Failure. */
  text(address: number, length: number): string {
    const { memory } = this.#host;
    if (!memory.holds(address, length >>> 0)) throw new Failure(E.FAULT);
    if (length >>> 0 >= PATH_BYTES) throw new Failure(E.NAMETOOLONG);
    const start = address >>> 0;
    let text: string;
    try {
      text = this.#decoder.decode(memory.bytes.subarray(start, start + (length >>> 0)));
    } catch {
      throw new Failure(E.ILSEQ);
    }
    if (text.includes('\0')) throw new Failure(E.INVAL);
    if (text === '') throw new Failure(E.NOENT);
    if (text.startsWith('/')) throw new Failure(E.PERM);
    return text;
  }

  /** Opens beneath a folder, and stores it in `fds[at]`, plus one: a descriptor, or −errno. */
  open(fds: Int32Array, at: number, folder: number, path: string, flags: number, mode = 0): number {
    const { native } = this.#host;
    for (let tries = 1; ; tries += 1) {
      fds[at] = native.openBeneath(folder, path, flags, mode) + 1;
      const result = fds[at]! - 1;
      if (result >= 0) return result;
      fds[at] = 0;
      if (result !== -native.constants.EAGAIN || tries === MOST_TRIES) return result;
    }
  }

  /** The error of an opening: what leads out of the folder is not permitted, as wasmtime says. */
  errorOf(result: number): number {
    const error = this.#host.errors[-result]!;
    return error === E.XDEV ? E.PERM : error;
  }

  /** Opens, uses and closes. Throws a Failure. */
  with<T>(folder: number, path: string, flags: number, use: (fd: number) => T): T {
    const { temporaries } = this.#host.descriptors;
    const at = temporaries[0]! > 0 ? 1 : 0;
    const fd = this.open(temporaries, at, folder, path, flags);
    if (fd < 0) throw new Failure(this.errorOf(fd));
    try {
      return use(fd);
    } finally {
      temporaries[at] = this.#host.native.close(fd);
    }
  }

  /**
   * Uses the place of a path's last component, which need not exist.
   * @param dots the error when that component is `.` or `..`
   * Throws a Failure.
   */
  place<T>(folder: number, path: string, dots: number, use: (place: Place) => T): T {
    const bare = path.replace(/\/+$/, '');
    const slash = bare.lastIndexOf('/');
    const name = bare.slice(slash + 1);
    if (name === '.' || name === '..') {
      return this.with(folder, bare, O_PATH, () => {
        throw new Failure(dots);
      });
    }
    const parent = slash < 0 ? '.' : bare.slice(0, slash);
    return this.with(folder, parent, O_PATH | O_DIRECTORY, (fd) => {
      const slashes = bare.length < path.length;
      return use({ path: `/proc/self/fd/${fd}/${name}${slashes ? '/' : ''}`, slashes, folder: fd });
    });
  }

  /**
   * Refuses slashes at the end where the kernel would follow a link for their sake, out of the folder.
   * @param folders the error when it is a folder, as the slashes say
   */
  refuseSlashes(folder: number, path: string, folders: number): void {
    if (!path.endsWith('/')) return;
    this.with(folder, path, O_PATH | O_DIRECTORY, () => {
      throw new Failure(folders);
    });
  }

  /** Flags for what a path leads to: the link itself, or what it points to. */
  static lookup(follow: boolean): number {
    return O_PATH | (follow ? 0 : O_NOFOLLOW);
  }
}
