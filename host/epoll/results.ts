// What becomes of a system call's result: a value, null or an error in Node's form; a new descriptor is
// noted. Knows nothing of the calls.

import type { Result } from '../kernel/contract.ts';
import { native } from '../kernel/native.ts';

// EAGAIN and EWOULDBLOCK are one number on Linux.
const { EAGAIN } = native.constants;

/**
 * A new descriptor. Programs close some by other means than ours: whoever gets such a number then must
 * keep it when this thread ends.
 */
export function made(fd: number): number {
  native.identify(fd);
  return fd;
}

export function bothMade([one, other]: [number, number]): [number, number] {
  return [made(one), made(other)];
}

/** Null for what would have to wait. */
export function value(syscall: string, result: Result): number | null {
  return result === -EAGAIN ? null : must(syscall, result);
}

export function must(syscall: string, result: Result): number {
  if (result < 0) throw native.systemError(syscall, result);
  return result;
}

export function found<Value>(syscall: string, result: Value | Result): Value {
  if (typeof result === 'number') throw native.systemError(syscall, result);
  return result;
}
