// An eventfd: a counter in the kernel by which one thread wakes another; eventfd(2). Knows its form,
// not who waits.

import type { NativeCalls } from './addon.ts';

/** 1 as u64, in the machine's order. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Where the counter is read to; nobody looks at it. */
const counter = new Uint8Array(8);

/** A new one, which is not readable. @throws SystemError */
export function makeEventFd(native: Pick<NativeCalls, 'eventfd' | 'systemError'>): number {
  const fd = native.eventfd(0);
  if (fd < 0) throw native.systemError('eventfd', fd);
  return fd;
}

/** Makes it readable. */
export function ringEventFd(native: Pick<NativeCalls, 'write'>, fd: number): void {
  native.write(fd, ONE, 0, ONE.length);
}

/** Makes it unreadable until it is rung again. */
export function drainEventFd(native: Pick<NativeCalls, 'read'>, fd: number): void {
  native.read(fd, counter, 0, counter.length);
}
