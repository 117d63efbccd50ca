// Descriptors, rows and values for the tests of the addon, and how it refuses arguments.

import { readdirSync, readlinkSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';

/** A descriptor that nobody has. */
export const NO_FD = 2 ** 31 - 1;

/** Room for so many events of `wait`. */
export function events(room = 8): Uint32Array {
  return new Uint32Array(room * kernel.EVENT);
}

export function outOfRange(t: ExecutionContext, call: () => unknown, message?: RegExp): void {
  const expected = { instanceOf: RangeError, code: 'ERR_OUT_OF_RANGE' };
  t.throws(call, message === undefined ? expected : { ...expected, message });
}

export function wrongType(t: ExecutionContext, call: () => unknown): void {
  t.throws(call, { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' });
}

export function wrongState(t: ExecutionContext, call: () => unknown): void {
  t.throws(call, { instanceOf: TypeError, code: 'ERR_INVALID_STATE' });
}

/** A pair, both ends closed when the test ends. */
export function socketpair(t: Pick<ExecutionContext, 'teardown'>): [number, number] {
  const pair = native.socketpair();
  if (typeof pair === 'number') throw native.systemError('socketpair', pair);
  t.teardown(() => pair.map((fd) => native.close(fd)));
  return pair;
}

/** Closes `fd` when the test ends; −errno is an error. */
export function owned(t: ExecutionContext, fd: number): number {
  if (fd < 0) throw native.systemError('test', fd);
  t.teardown(() => native.close(fd));
  return fd;
}

/** A TCP connection over loopback: [client, accepted]. */
export async function connection(t: ExecutionContext): Promise<[number, number]> {
  const listener = owned(t, native.listenTcp('127.0.0.1', 0, false, 8));
  const client = owned(t, native.connectTcp('127.0.0.1', portOf(listener)));
  await readable(listener);
  return [client, owned(t, native.accept(listener))];
}

export function portOf(fd: number): number {
  const address = native.localAddress(fd);
  return Number(String(address).replace(/.*:/, ''));
}

/** Resolves once `fd` is readable, through a watcher. */
export function readable(fd: number): Promise<void> {
  return new Promise((resolve) => {
    const watcher = new native.Watcher(fd, () => {
      watcher.close();
      resolve();
    });
  });
}

export interface Row {
  kind: number;
  fd?: number;
  buffer?: number;
  offset?: number;
  length?: number;
  result?: number;
  target?: number;
  targetOffset?: number;
}

/** What a row's result is before anything has touched it. */
export const UNTOUCHED = -7777;

export function fill(rows: Int32Array, list: Row[]): Int32Array {
  list.forEach((row, index) => {
    rows.set(
      [
        row.kind,
        row.fd ?? 0,
        row.buffer ?? 0,
        row.offset ?? 0,
        row.length ?? 0,
        row.result ?? UNTOUCHED,
        row.target ?? 0,
        row.targetOffset ?? 0,
      ],
      index * kernel.ROW,
    );
  });
  return rows;
}

export function rowsOf(list: Row[]): Int32Array {
  return fill(new Int32Array(list.length * kernel.ROW), list);
}

export function results(rows: Int32Array): number[] {
  return [...rows].filter((_, index) => index % kernel.ROW === kernel.ROW_RESULT);
}

/** All that `fd` holds now. */
export function drain(fd: number): Buffer {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.alloc(65536);
    const count = native.recv(fd, piece, 0, piece.length);
    if (count <= 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, count));
  }
}

/** Sends until the kernel takes no more. */
export function stuff(fd: number): void {
  const bytes = new Uint8Array(65536);
  while (native.send(fd, bytes, 0, bytes.length) > 0);
}

/** The descriptors of this process, by what they are. */
export function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
      } catch {
        return []; // The one that readdir itself used.
      }
    })
    .sort();
}

/** Collects garbage and lets finalizers run, until `done` or 50 rounds have passed. */
export async function collect(done: () => boolean = () => false): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let round = 0; round < 50; round += 1) {
    gc();
    await turn();
    if (done()) return;
    // What `done` has dereferenced is kept until this turn ends.
    await turn();
  }
}

/** Detaches an ArrayBuffer, as a transfer to another thread does. */
export function detach(buffer: ArrayBuffer): void {
  structuredClone(buffer, { transfer: [buffer] });
}

/** Calls with arguments that TypeScript would refuse. */
export function loosely(call: unknown): (...values: unknown[]) => unknown {
  return call as (...values: unknown[]) => unknown;
}
