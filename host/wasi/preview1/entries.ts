// The table of descriptors as a guest sees it: what a number is, what it may do, closing and
// renumbering, and the pre-opened folders by name.

import { constants, fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import {
  KIND_FILE,
  KIND_FOLDER,
  KIND_FREE,
  KIND_LISTENER,
  KIND_SOCKET,
  KIND_STREAM,
} from './descriptors.ts';
import type { Host } from './host.ts';
import type { WasiGroup } from './interface.ts';
import {
  E,
  FDFLAGS_ALL,
  FDFLAGS_APPEND,
  FDFLAGS_NONBLOCK,
  FDSTAT,
  FILETYPE_BLOCK_DEVICE,
  FILETYPE_CHARACTER_DEVICE,
  FILETYPE_DIRECTORY,
  FILETYPE_REGULAR_FILE,
  FILETYPE_SOCKET_STREAM,
  FILETYPE_SYMBOLIC_LINK,
  FILETYPE_UNKNOWN,
  PREOPENTYPE_DIR,
  PRESTAT,
  RIGHTS_DEVICE,
  RIGHTS_FILE,
  RIGHTS_SOCKET,
  RIGHTS_STREAM,
} from './numbers.ts';

/** What lstat(2) tells apart. */
interface FileKind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
  isSocket(): boolean;
}

export function filetypeOf(status: FileKind): number {
  if (status.isFile()) return FILETYPE_REGULAR_FILE;
  if (status.isDirectory()) return FILETYPE_DIRECTORY;
  if (status.isSymbolicLink()) return FILETYPE_SYMBOLIC_LINK;
  if (status.isCharacterDevice()) return FILETYPE_CHARACTER_DEVICE;
  if (status.isBlockDevice()) return FILETYPE_BLOCK_DEVICE;
  return status.isSocket() ? FILETYPE_SOCKET_STREAM : FILETYPE_UNKNOWN;
}

export function entryFunctions(host: Host) {
  const { native, memory, descriptors, registrations, errors } = host;

  function filetype(number: number, kind: number): number {
    if (kind === KIND_LISTENER || kind === KIND_SOCKET) return FILETYPE_SOCKET_STREAM;
    if (kind === KIND_FILE) return FILETYPE_REGULAR_FILE;
    if (kind === KIND_FOLDER) return FILETYPE_DIRECTORY;
    return filetypeOf(fstatSync(descriptors.fd(number)));
  }

  function rights(number: number, kind: number): readonly [base: number, inheriting: number] {
    const opened = descriptors.opened.get(number);
    if (opened !== undefined) return [opened.rights, opened.inheriting];
    if (kind === KIND_FILE) return [RIGHTS_FILE, 0];
    if (kind !== KIND_STREAM) return [RIGHTS_SOCKET, 0];
    const fd = descriptors.fd(number);
    const device = fstatSync(fd).isCharacterDevice() && !isatty(fd);
    return [device ? RIGHTS_DEVICE : RIGHTS_STREAM, 0];
  }

  /** The name of a pre-opened folder in the guest. */
  const preopen = (number: number): Uint8Array | undefined => {
    const name = descriptors.opened.get(number >>> 0)?.preopen;
    return name === undefined ? undefined : new TextEncoder().encode(name);
  };

  /** Closes an open number, and frees it whatever close(2) says. Returns 0 or −errno. */
  function close(number: number): number {
    const { fds } = descriptors;
    registrations.forget(number);
    fds[number] = native.close(descriptors.fd(number));
    const result = fds[number]!;
    descriptors.free(number);
    return result;
  }

  return {
    fd_close(number: number) {
      if (descriptors.kind(number) === KIND_FREE) return E.BADF;
      const result = close(number >>> 0);
      return result < 0 ? errors[-result]! : E.SUCCESS;
    },

    fd_renumber(from: number, to: number) {
      const [source, target] = [from >>> 0, to >>> 0];
      if (descriptors.kind(source) === KIND_FREE) return E.BADF;
      if (descriptors.kind(target) === KIND_FREE) return E.BADF;
      if (source === target) return E.SUCCESS;
      close(target);
      registrations.forget(source);
      descriptors.move(source, target);
      return E.SUCCESS;
    },

    fd_fdstat_get(number: number, result: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if (!memory.holds(result, FDSTAT)) return E.FAULT;
      const at = result >>> 0;
      const [base, inheriting] = rights(number, kind);
      memory.bytes.fill(0, at, at + FDSTAT);
      memory.setU8(at, filetype(number, kind));
      memory.setU16(at + 2, descriptors.flags[number]!);
      memory.setU32(at + 8, base);
      memory.setU32(at + 16, inheriting);
      return E.SUCCESS;
    },

    fd_fdstat_set_flags(number: number, flags: number) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      if ((flags & ~FDFLAGS_ALL) !== 0) return E.INVAL;
      const before = descriptors.flags[number]!;
      const changed = (flags ^ before) & ~FDFLAGS_NONBLOCK;
      if ((changed & ~FDFLAGS_APPEND) !== 0) return E.NOTSUP;
      if (changed !== 0) {
        if (kind !== KIND_FILE) return E.NOTSUP;
        const error = append(descriptors.fd(number), (flags & FDFLAGS_APPEND) !== 0);
        if (error < 0) return errors[-error]!;
      }
      descriptors.flags[number] = flags;
      return E.SUCCESS;
    },

    // Rights follow from what a descriptor is; they cannot be taken away from it one by one.
    fd_fdstat_set_rights(number: number, base: bigint, inheriting: bigint) {
      const kind = descriptors.kind(number);
      if (kind === KIND_FREE) return E.BADF;
      const [ownBase, ownInheriting] = rights(number, kind).map(BigInt) as [bigint, bigint];
      const wanted = [BigInt.asUintN(64, base), BigInt.asUintN(64, inheriting)] as const;
      const more = (wanted[0] & ~ownBase) | (wanted[1] & ~ownInheriting);
      return more === 0n ? E.NOTSUP : E.NOTCAPABLE;
    },

    // wasi-libc looks at one number after the other until BADF, so listeners come after the folders.
    fd_prestat_get(number: number, result: number) {
      const name = preopen(number);
      if (name === undefined) return E.BADF;
      if (!memory.holds(result, PRESTAT)) return E.FAULT;
      memory.setU32(result, PREOPENTYPE_DIR);
      memory.setU32((result >>> 0) + 4, name.length);
      return E.SUCCESS;
    },

    fd_prestat_dir_name(number: number, buffer: number, length: number) {
      const name = preopen(number);
      if (name === undefined) return E.BADF;
      if (name.length > length >>> 0) return E.NAMETOOLONG;
      if (!memory.holds(buffer, length >>> 0)) return E.FAULT;
      memory.bytes.set(name, buffer >>> 0);
      return E.SUCCESS;
    },
  } satisfies WasiGroup;

  function append(fd: number, on: boolean): number {
    const { O_APPEND } = constants;
    const flags = native.getFlags(fd);
    return flags < 0 ? flags : native.setFlags(fd, on ? flags | O_APPEND : flags & ~O_APPEND);
  }
}
