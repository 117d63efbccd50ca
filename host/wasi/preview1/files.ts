// Files by their numbers: positions, sizes, times, and bytes at a position. Names are the folders'.

import { type BigIntStats, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync } from 'node:fs';
import {
  KIND_FILE,
  KIND_FOLDER,
  KIND_FREE,
  KIND_LISTENER,
  KIND_SOCKET,
  KIND_STREAM,
} from './descriptors.ts';
import { filetypeOf } from './entries.ts';
import { type Host, MOST_BYTES } from './host.ts';
import type { WasiGroup } from './interface.ts';
import type { GuestMemory } from './memory.ts';
import {
  E,
  FILESTAT,
  FSTFLAGS_ALL,
  FSTFLAGS_ATIM,
  FSTFLAGS_ATIM_NOW,
  FSTFLAGS_MTIM,
  FSTFLAGS_MTIM_NOW,
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  WHENCE_CUR,
  WHENCE_END,
} from './numbers.ts';
import { attempt, Failure } from './paths.ts';

const ADVICES = 6;
const NOW = -1;
const OMIT = -2;

/** fs functions take whole numbers up to 2^53 as positions, which no file system reaches. */
function whole(value: bigint, error: number): number {
  const size = BigInt.asUintN(64, value);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new Failure(error);
  return Number(size);
}

export function writeFilestat(memory: GuestMemory, at: number, status: BigIntStats): void {
  memory.bytes.fill(0, at, at + FILESTAT);
  memory.setBigU64(at, BigInt.asUintN(64, status.dev));
  memory.setBigU64(at + 8, BigInt.asUintN(64, status.ino));
  memory.setU8(at + 16, filetypeOf(status));
  memory.setBigU64(at + 24, status.nlink);
  memory.setBigU64(at + 32, status.size);
  memory.setBigU64(at + 40, BigInt.asUintN(64, status.atimeNs));
  memory.setBigU64(at + 48, BigInt.asUintN(64, status.mtimeNs));
  memory.setBigU64(at + 56, BigInt.asUintN(64, status.ctimeNs));
}

/** Sets the times of what is open. Throws a Failure. */
export function setTimes(
  { native, errors }: Host,
  fd: number,
  access: bigint,
  modification: bigint,
  flags: number,
): void {
  const both = (one: number, now: number): boolean => (flags & one) !== 0 && (flags & now) !== 0;
  const contradiction =
    both(FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW) || both(FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW);
  if ((flags & ~FSTFLAGS_ALL) !== 0 || contradiction) throw new Failure(E.INVAL);
  const time = (value: bigint, set: number, now: number): readonly [number, number] => {
    if ((flags & now) !== 0) return [0, NOW];
    if ((flags & set) === 0) return [0, OMIT];
    const nanoseconds = BigInt.asUintN(64, value);
    return [Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n)];
  };
  const result = native.setTimes(
    `/proc/self/fd/${fd}`,
    ...time(access, FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW),
    ...time(modification, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW),
  );
  if (result < 0) throw new Failure(errors[-result]!);
}

export function fileFunctions(host: Host) {
  const { native, memory, descriptors, errors } = host;

  /** The process's descriptor of a file; `other` is the error for what has no positions. */
  function fileOf(number: number, other: number = E.SPIPE): number {
    const kind = descriptors.kind(number);
    if (kind === KIND_FREE || kind === KIND_FOLDER) throw new Failure(E.BADF);
    if (kind !== KIND_FILE) throw new Failure(other);
    return descriptors.fd(number);
  }

  /** The process's descriptor of what may have a position: of streams only the kernel knows. */
  function positionedOf(number: number): number {
    return descriptors.kind(number) === KIND_STREAM ? descriptors.fd(number) : fileOf(number);
  }

  function openOf(number: number): number {
    if (descriptors.kind(number) === KIND_FREE) throw new Failure(E.BADF);
    return descriptors.fd(number);
  }

  function demand(number: number, right: number): void {
    const opened = descriptors.opened.get(number);
    if (opened !== undefined && (opened.rights & right) === 0) throw new Failure(E.BADF);
  }

  function hold(address: number, length: number): void {
    if (!memory.holds(address, length)) throw new Failure(E.FAULT);
  }

  function seek(number: number, offset: number, whence: number, result: number): void {
    const fd = positionedOf(number);
    if (whence >>> 0 > WHENCE_END) throw new Failure(E.INVAL);
    hold(result, 8);
    const position = native.seek(fd, offset, whence);
    if (position < 0) throw new Failure(errors[-position]!);
    memory.setU64(result, position);
  }

  function transferAt(
    call: typeof native.preadv,
    number: number,
    vectors: number,
    count: number,
    offset: bigint,
    result: number,
  ): void {
    const position = whole(offset, E.INVAL);
    if (memory.total(vectors, count) < 0) throw new Failure(E.FAULT);
    hold(result, 4);
    const fd = descriptors.fd(number);
    const [at, pieces] = [vectors >>> 0, count >>> 0];
    const moved = call(fd, memory.bytes, at, pieces, 0, MOST_BYTES, position);
    if (moved < 0) throw new Failure(errors[-moved]!);
    memory.setU32(result, moved);
  }

  return {
    fd_seek: (number: number, offset: bigint, whence: number, result: number) =>
      attempt(() => {
        const bound = BigInt(Number.MAX_SAFE_INTEGER);
        positionedOf(number);
        if (offset > bound || offset < -bound) throw new Failure(E.INVAL);
        seek(number, Number(offset), whence, result);
      }),

    fd_tell: (number: number, result: number) => attempt(() => seek(number, 0, WHENCE_CUR, result)),

    fd_pread: (number: number, vectors: number, count: number, offset: bigint, result: number) =>
      attempt(() => {
        if (descriptors.kind(number) === KIND_FOLDER) throw new Failure(E.ISDIR);
        fileOf(number);
        demand(number, RIGHT_FD_READ);
        transferAt(native.preadv, number, vectors, count, offset, result);
      }),

    fd_pwrite: (number: number, vectors: number, count: number, offset: bigint, result: number) =>
      attempt(() => {
        if (descriptors.kind(number) === KIND_FOLDER) throw new Failure(E.ISDIR);
        fileOf(number);
        demand(number, RIGHT_FD_WRITE);
        transferAt(native.pwritev, number, vectors, count, offset, result);
      }),

    // Advice may be ignored.
    fd_advise: (number: number, _offset: bigint, _length: bigint, advice: number) =>
      attempt(() => {
        fileOf(number);
        if (advice >>> 0 >= ADVICES) throw new Failure(E.INVAL);
      }),

    fd_allocate: (number: number) =>
      attempt(() => {
        fileOf(number);
        throw new Failure(E.NOTSUP);
      }),

    fd_sync: (number: number) => attempt(() => fsyncSync(openOf(number))),
    fd_datasync: (number: number) => attempt(() => fdatasyncSync(openOf(number))),

    fd_filestat_get: (number: number, result: number) =>
      attempt(() => {
        const status = fstatSync(openOf(number), { bigint: true });
        hold(result, FILESTAT);
        writeFilestat(memory, result >>> 0, status);
      }),

    fd_filestat_set_size: (number: number, size: bigint) =>
      attempt(() => {
        const fd = fileOf(number, E.INVAL);
        demand(number, RIGHT_FD_WRITE);
        ftruncateSync(fd, whole(size, E.FBIG));
      }),

    fd_filestat_set_times: (number: number, access: bigint, modification: bigint, flags: number) =>
      attempt(() => {
        const kind = descriptors.kind(number);
        const fd = openOf(number);
        if (kind === KIND_SOCKET || kind === KIND_LISTENER) throw new Failure(E.INVAL);
        if (descriptors.readOnly[number >>> 0] === 1) throw new Failure(E.ROFS);
        setTimes(host, fd, access, modification, flags);
      }),
  } satisfies WasiGroup;
}
