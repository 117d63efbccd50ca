// Folders: everything that takes a path. What a path may lead to is decided by paths.ts; names that are
// used without being opened are one component of an open folder.

import {
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { KIND_FILE, KIND_FOLDER, KIND_STREAM } from './descriptors.ts';
import { setTimes, writeFilestat } from './files.ts';
import type { Host } from './host.ts';
import type { WasiGroup } from './interface.ts';
import {
  E,
  FDFLAGS_ALL,
  FDFLAGS_APPEND,
  FDFLAGS_DSYNC,
  FDFLAGS_RSYNC,
  FDFLAGS_SYNC,
  FILESTAT,
  LOOKUPFLAGS_SYMLINK_FOLLOW,
  OFLAGS_ALL,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  OFLAGS_EXCL,
  OFLAGS_TRUNC,
  RIGHT_FD_ALLOCATE,
  RIGHT_FD_FILESTAT_SET_SIZE,
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  RIGHTS_ALL,
  RIGHTS_FOLDER,
} from './numbers.ts';
import { attempt, Failure, Paths } from './paths.ts';

const FILE_MODE = 0o666;
const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
const { O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK, O_NOCTTY, O_DSYNC, O_SYNC } = constants;

/** What an opening does not do beneath a folder that is read-only. */
const CHANGING = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

export function folderFunctions(host: Host) {
  const { memory, descriptors } = host;
  const paths = new Paths(host);

  function hold(address: number, length: number): void {
    if (!memory.holds(address, length >>> 0)) throw new Failure(E.FAULT);
  }

  function follows(flags: number): boolean {
    if ((flags & ~LOOKUPFLAGS_SYMLINK_FOLLOW) !== 0) throw new Failure(E.INVAL);
    return (flags & LOOKUPFLAGS_SYMLINK_FOLLOW) !== 0;
  }

  /** What open(2) is given. FIFOs and devices never wait: that is done by whoever reads. */
  function openFlags(follow: boolean, how: number, rights: number, flags: number): number {
    if ((how & ~OFLAGS_ALL) !== 0 || (flags & ~FDFLAGS_ALL) !== 0) throw new Failure(E.INVAL);
    const folder = (how & OFLAGS_DIRECTORY) !== 0;
    if (folder && (how & (OFLAGS_CREAT | OFLAGS_TRUNC)) !== 0) throw new Failure(E.INVAL);
    const reads = (rights & RIGHT_FD_READ) !== 0;
    const changes = RIGHT_FD_WRITE | RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE;
    const writes = (rights & changes) !== 0;
    return (
      O_NONBLOCK |
      O_NOCTTY |
      (writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY) |
      (follow ? 0 : O_NOFOLLOW) |
      (folder ? O_DIRECTORY : 0) |
      ((how & OFLAGS_CREAT) !== 0 ? O_CREAT : 0) |
      ((how & OFLAGS_EXCL) !== 0 ? O_EXCL : 0) |
      ((how & OFLAGS_TRUNC) !== 0 ? O_TRUNC : 0) |
      ((flags & FDFLAGS_APPEND) !== 0 ? O_APPEND : 0) |
      ((flags & FDFLAGS_DSYNC) !== 0 ? O_DSYNC : 0) |
      ((flags & (FDFLAGS_RSYNC | FDFLAGS_SYNC)) !== 0 ? O_SYNC : 0)
    );
  }

  /** Gives what has just been stored under the free `number` its kind and rights. */
  function enter(number: number, base: bigint, inheriting: bigint, flags: number): void {
    const status = fstatSync(descriptors.fds[number]! - 1);
    const folder = status.isDirectory();
    const kind = folder ? KIND_FOLDER : status.isFile() ? KIND_FILE : KIND_STREAM;
    descriptors.open(number, kind, flags);
    if (kind === KIND_STREAM) return;
    descriptors.opened.set(number, {
      rights: folder ? RIGHTS_FOLDER : Number(base) & RIGHTS_ALL,
      inheriting: folder ? RIGHTS_ALL : Number(inheriting) & RIGHTS_ALL,
    });
  }

  return {
    path_open: (
      folder: number,
      lookup: number,
      path: number,
      length: number,
      how: number,
      base: bigint,
      inheriting: bigint,
      flags: number,
      result: number,
    ) =>
      attempt(() => {
        const root = paths.folder(folder);
        const text = paths.text(path, length);
        hold(result, 4);
        const rights = Number(BigInt.asUintN(32, base));
        const mode = openFlags(follows(lookup), how, rights, flags);
        if ((mode & CHANGING) !== 0) paths.refuseReadOnly(folder);
        const number = descriptors.lowest();
        if (number < 0) throw new Failure(E.MFILE);
        const { fds } = descriptors;
        const permissions = (mode & O_CREAT) !== 0 ? FILE_MODE : 0;
        const opened = paths.open(fds, number, root, text, mode, permissions);
        if (opened < 0) throw new Failure(paths.errorOf(opened));
        enter(number, BigInt.asUintN(32, base), BigInt.asUintN(32, inheriting), flags);
        descriptors.readOnly[number] = descriptors.readOnly[folder >>> 0]!;
        memory.setU32(result, number);
      }),

    path_create_directory: (folder: number, path: number, length: number) =>
      attempt(() => {
        const root = paths.changing(folder);
        paths.place(root, paths.text(path, length), E.EXIST, (place) => mkdirSync(place.path));
      }),

    path_remove_directory: (folder: number, path: number, length: number) =>
      attempt(() => {
        const root = paths.changing(folder);
        paths.place(root, paths.text(path, length), E.INVAL, (place) => rmdirSync(place.path));
      }),

    path_unlink_file: (folder: number, path: number, length: number) =>
      attempt(() => {
        const root = paths.changing(folder);
        paths.place(root, paths.text(path, length), E.ISDIR, (place) => unlinkSync(place.path));
      }),

    path_rename: (
      from: number,
      oldPath: number,
      oldLength: number,
      to: number,
      newPath: number,
      newLength: number,
    ) =>
      attempt(() => {
        const [source, target] = [paths.changing(from), paths.changing(to)];
        const [before, after] = [paths.text(oldPath, oldLength), paths.text(newPath, newLength)];
        paths.place(source, before, E.BUSY, (old) =>
          paths.place(target, after, E.BUSY, (fresh) => renameSync(old.path, fresh.path)),
        );
      }),

    // Also the folder of the old name: a second one elsewhere would be a way to change the file.
    path_link: (
      from: number,
      lookup: number,
      oldPath: number,
      oldLength: number,
      to: number,
      newPath: number,
      newLength: number,
    ) =>
      attempt(() => {
        const [source, target] = [paths.changing(from), paths.changing(to)];
        const [before, after] = [paths.text(oldPath, oldLength), paths.text(newPath, newLength)];
        // A link to what a link points to could only be made by its name, which others can change.
        if (follows(lookup)) throw new Failure(E.INVAL);
        paths.refuseSlashes(source, before, E.PERM);
        paths.place(source, before, E.PERM, (old) =>
          paths.place(target, after, E.EXIST, (fresh) => linkSync(old.path, fresh.path)),
        );
      }),

    path_symlink: (
      oldPath: number,
      oldLength: number,
      folder: number,
      newPath: number,
      newLength: number,
    ) =>
      attempt(() => {
        // An absolute one could lead a guest nowhere, but other programs out of the folder.
        const destination = paths.text(oldPath, oldLength);
        const root = paths.changing(folder);
        const text = paths.text(newPath, newLength);
        paths.place(root, text, E.EXIST, (place) => symlinkSync(destination, place.path));
      }),

    path_readlink: (
      folder: number,
      path: number,
      length: number,
      buffer: number,
      room: number,
      result: number,
    ) =>
      attempt(() => {
        const root = paths.folder(folder);
        const text = paths.text(path, length);
        hold(buffer, room);
        hold(result, 4);
        paths.refuseSlashes(root, text, E.INVAL);
        const bytes = paths.place(root, text, E.INVAL, (place) =>
          readlinkSync(place.path, { encoding: 'buffer' }),
        );
        const taken = bytes.subarray(0, room >>> 0);
        memory.bytes.set(taken, buffer >>> 0);
        memory.setU32(result, taken.length);
      }),

    path_filestat_get: (
      folder: number,
      lookup: number,
      path: number,
      length: number,
      result: number,
    ) =>
      attempt(() => {
        const root = paths.folder(folder);
        const text = paths.text(path, length);
        hold(result, FILESTAT);
        paths.with(root, text, Paths.lookup(follows(lookup)), (fd) => {
          writeFilestat(memory, result >>> 0, fstatSync(fd, { bigint: true }));
        });
      }),

    path_filestat_set_times: (
      folder: number,
      lookup: number,
      path: number,
      length: number,
      access: bigint,
      modification: bigint,
      flags: number,
    ) =>
      attempt(() => {
        const root = paths.changing(folder);
        const text = paths.text(path, length);
        paths.with(root, text, Paths.lookup(follows(lookup)), (fd) => {
          setTimes(host, fd, access, modification, flags);
        });
      }),
  } satisfies WasiGroup;
}
