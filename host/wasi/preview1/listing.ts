// Listing: fd_readdir. A folder's entries are taken when a guest begins to read them, and told from there.

import { type Dirent, fstatSync, lstatSync, readdirSync } from 'node:fs';
import type { Opened } from './descriptors.ts';
import { filetypeOf } from './entries.ts';
import type { Host } from './host.ts';
import type { WasiGroup } from './interface.ts';
import { DIRENT, E, FILETYPE_DIRECTORY } from './numbers.ts';
import { attempt, Failure, Paths } from './paths.ts';

type Listing = NonNullable<Opened['listing']>;

/** `.`, `..` and the entries as they are now. */
function list(fd: number): Listing {
  const path = `/proc/self/fd/${fd}`;
  const encode = (text: string) => new TextEncoder().encode(text);
  const { ino } = fstatSync(fd, { bigint: true });
  // Names are bytes, which Node's types do not say of entries.
  const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' as 'utf8' });
  const named = entries as unknown as Dirent<Buffer>[];
  return [
    { name: encode('.'), ino, type: FILETYPE_DIRECTORY },
    // What is above may be outside.
    { name: encode('..'), ino: 0n, type: FILETYPE_DIRECTORY },
    ...named.map((entry) => ({
      name: entry.name,
      ino: inodeOf(Buffer.concat([Buffer.from(`${path}/`), entry.name])),
      type: filetypeOf(entry),
    })),
  ];
}

/** 0 if it is gone meanwhile, or the folder may be read but not searched. */
function inodeOf(path: Buffer): bigint {
  try {
    return lstatSync(path, { bigint: true }).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === undefined) throw error;
    return 0n;
  }
}

/** Fills `out` with the entries from `first` on; the last one may be cut off. Returns the bytes used. */
function fill(out: Uint8Array, entries: Listing, first: bigint): number {
  const head = new Uint8Array(DIRENT);
  const view = new DataView(head.buffer);
  let used = 0;
  for (let at = first; at < entries.length && used < out.length; at += 1n) {
    const { name, ino, type } = entries[Number(at)]!;
    view.setBigUint64(0, at + 1n, true);
    view.setBigUint64(8, BigInt.asUintN(64, ino), true);
    view.setUint32(16, name.length, true);
    view.setUint32(20, type, true);
    for (const part of [head, name]) {
      const taken = part.subarray(0, out.length - used);
      out.set(taken, used);
      used += taken.length;
    }
  }
  return used;
}

export function listingFunctions(host: Host) {
  const { memory, descriptors } = host;
  const paths = new Paths(host);

  return {
    // A full buffer says that there is more, so what is cut off is told again.
    fd_readdir: (folder: number, buffer: number, length: number, cookie: bigint, result: number) =>
      attempt(() => {
        const fd = paths.folder(folder);
        const [start, room] = [buffer >>> 0, length >>> 0];
        if (!memory.holds(start, room) || !memory.holds(result, 4)) throw new Failure(E.FAULT);
        const opened = descriptors.opened.get(folder >>> 0)!;
        if (cookie === 0n || opened.listing === undefined) opened.listing = list(fd);
        const out = memory.bytes.subarray(start, start + room);
        memory.setU32(result, fill(out, opened.listing, BigInt.asUintN(64, cookie)));
      }),
  } satisfies WasiGroup;
}
