// Descriptors of the process: how many are open, and whether there is room for more. It opens some to find
// out, and closes them again.

import { readdirSync } from 'node:fs';
import type { Native } from './native.ts';

/** To start one thread, beside those that run: Node 20 opens 4, Node 22 and 24 open 5. */
export const THREAD_DESCRIPTORS = 5;

// Where /proc is not to be seen: Node with four workers has 48.
const OPEN_ASSUMED = 64;

export function openDescriptors(): number {
  try {
    // Reading the folder takes one.
    return readdirSync('/proc/self/fd').length - 1;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE' ? Infinity : OPEN_ASSUMED;
  }
}

/**
 * Makes sure that so many descriptors can be opened.
 * @throws a SystemError, EMFILE or ENFILE
 */
export function checkDescriptors(native: Native, count: number): void {
  const opened: number[] = [];
  let result = 0;
  while (opened.length < count && result >= 0) {
    result = native.eventfd(0);
    if (result >= 0) opened.push(result);
  }
  for (const fd of opened) native.close(fd);
  if (result < 0) throw native.systemError('eventfd', result);
}

/** Whether an error says that there was no descriptor left. */
export function lacksDescriptors(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'EMFILE' || code === 'ENFILE';
}
