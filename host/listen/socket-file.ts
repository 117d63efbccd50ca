// Socket file: the path of a Unix socket. Of several starts on one path exactly one gets it, also when a
// dead server's file is in the way. Knows files and locks; what is bound there is the caller's.

import { closeSync, constants as flags, lstatSync, openSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import type { Native } from '../kernel/native.ts';

// A start holds the lock for a few system calls. Who holds it longer does not start a server.
const LOCK_TRIES = 200;
const LOCK_PAUSE_MS = 10;

export class SocketFile {
  readonly #path: string;
  /** What was made; undefined if it was gone before it could be looked at. */
  readonly #identity: { readonly device: number; readonly inode: number } | undefined;

  /**
   * Takes the path: removes a socket there that nobody answers at, and has `bind` make a new one, both under
   * an exclusive lock of the folder (flock(2)), which leaves no file behind.
   * @param file relative to today's working directory, which may change afterwards
   * @param bind has bound and listens when it returns: until then its file looks like a dead server's
   * @throws an Error in Node's form: `listen EADDRINUSE: …` if somebody answers, or it is no socket
   */
  constructor(native: Native, file: string, bind: () => void) {
    this.#path = path.resolve(file);
    const lock = lockFolder(native, file);
    try {
      removeStale(native, file, lock !== null);
      bind();
      const made = lstatSync(this.#path, { throwIfNoEntry: false });
      if (made) this.#identity = { device: made.dev, inode: made.ino };
    } finally {
      if (lock !== null) closeSync(lock);
    }
  }

  /**
   * Removes the file if it is still the one that was made. Before the socket is closed: as long as it is
   * open, no other file gets its inode's number.
   * @throws an Error in Node's form
   */
  remove(): void {
    const found = lstatSync(this.#path, { throwIfNoEntry: false });
    const { device, inode } = this.#identity ?? {};
    if (found !== undefined && found.dev === device && found.ino === inode) unlinkSync(this.#path);
  }
}

/**
 * @returns the descriptor that has the lock; null where this process may not read the folder, or there is
 *   none, which bind(2) then says
 */
function lockFolder(native: Native, file: string): number | null {
  let folder: number;
  try {
    folder = openSync(path.dirname(file), flags.O_RDONLY | flags.O_DIRECTORY);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['EACCES', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'].includes(code)) return null;
    throw error;
  }
  const { EADDRINUSE, EAGAIN } = native.constants;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; ; tries += 1) {
    const result = native.tryLock(folder);
    if (result >= 0) return folder;
    if (result === -EAGAIN && tries < LOCK_TRIES) {
      Atomics.wait(pause, 0, 0, LOCK_PAUSE_MS);
      continue;
    }
    closeSync(folder);
    const why = `unix:${file} (another process holds a lock on its folder)`;
    throw native.systemError('listen', result === -EAGAIN ? EADDRINUSE : result, why);
  }
}

// A socket file that nobody answers at was left behind; anything else is left alone.
function removeStale(native: Native, file: string, locked: boolean): void {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  const { EADDRINUSE, ECONNREFUSED } = native.constants;
  const taken = (why = ''): Error =>
    native.systemError('listen', EADDRINUSE, `unix:${file}${why && ` (${why})`}`);
  if (!found.isSocket()) throw taken('a file that is not a socket');
  const connected = native.connectUnix(file);
  if (connected >= 0) native.close(connected);
  if (connected !== -ECONNREFUSED) throw taken();
  // Without a lock it may be another start's, which has bound it and does not listen yet.
  if (!locked) throw taken('nobody answers; its folder cannot be read, so remove it by hand');
  unlinkSync(file);
}
