// What the groups of functions share: one instance's memory, descriptors and way to wait.

import type { Native } from '../../kernel/native.ts';
import type { Descriptors } from './descriptors.ts';
import type { GuestMemory } from './memory.ts';
import type { Waiter } from './waiter.ts';

export interface Host {
  readonly native: Native;
  readonly memory: GuestMemory;
  readonly descriptors: Descriptors;
  readonly waiter: Waiter;
  /** WASI's error numbers by Linux's. */
  readonly errors: Uint8Array;
}
