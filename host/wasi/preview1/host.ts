// What the groups of functions share: one instance's memory, its descriptors, and its way to wait. It
// puts these together, and does not know the functions.

import type { Native } from '../../kernel/native.ts';
import { Descriptors, type Inherited } from './descriptors.ts';
import { errorTable } from './errno.ts';
import { GuestMemory } from './memory.ts';
import { Registrations } from './registrations.ts';
import { Waiter } from './waiter.ts';

/** Linux moves no more bytes at once (MAX_RW_COUNT). */
export const MOST_BYTES = 0x7fff_f000;

export interface HostOptions {
  readonly native: Native;
  /** Those that stand in the first elements of `fds`. */
  readonly inherited: readonly Inherited[];
  /** The process's descriptors plus one, by the guest's number; as many as a guest may have. */
  readonly fds: Int32Array;
  /** See Waiter. */
  readonly control: Int32Array;
  readonly wake: number;
  readonly quietMs: number;
  /** Whether writing to standard output or error ends the guest when nobody reads it any more. */
  readonly sigpipe: boolean;
}

export interface Host {
  readonly native: Native;
  readonly memory: GuestMemory;
  readonly descriptors: Descriptors;
  readonly registrations: Registrations;
  readonly waiter: Waiter;
  /** WASI's error numbers by Linux's. */
  readonly errors: Uint8Array;
  readonly sigpipe: boolean;
}

/** @throws SystemError when there can be no epoll set */
export function makeHost(options: HostOptions): Host {
  const { native, inherited } = options;
  const descriptors = new Descriptors(options.fds, options.control);
  const shared = new Set(
    inherited.map((entry, index) => (entry.shared ? options.fds[index]! - 1 : -1)),
  );
  inherited.forEach(({ kind, flags, opened, readOnly }, number) => {
    descriptors.open(number, kind, flags);
    if (readOnly === true) descriptors.readOnly[number] = 1;
    if (opened !== undefined) descriptors.opened.set(number, opened);
  });
  const waiter = new Waiter({
    ...options,
    // Who comes now is refused, and who waits to be accepted is reset; but nobody is at a listener
    // that others have, too.
    stopped: () => {
      for (const fd of descriptors.listeners()) {
        if (!shared.has(fd)) native.shutdown(fd, native.constants.SHUT_RDWR);
      }
    },
  });
  return {
    native,
    memory: new GuestMemory(),
    descriptors,
    registrations: new Registrations(native, descriptors, options.wake),
    waiter,
    errors: errorTable(native.errorName),
    sigpipe: options.sigpipe,
  };
}
