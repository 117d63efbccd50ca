// Loop driver: what makes a reactor's turns, as an interface. SharedLoop does it as one of an event loop's
// guests, OwnLoop in the event loop's place.

import type { Native } from '../kernel/native.ts';
import type { Reactor } from '../reactor/reactor.ts';

/** Milliseconds that both setTimeout and epoll_wait(2) take; a later deadline is looked at again then. */
export const LONGEST_WAIT_MS = 2 ** 31 - 1;

export interface LoopDriver {
  /** Arranges for what the reactor has to do next; to be called after each of its commands. */
  schedule(): void;
  /** To be called in a turn that has left something to the event loop, such as a promise. */
  yield(): void;
  /** No turn is made any more. Idempotent. */
  close(): void;
}

/** @param turned is called after each turn */
export type LoopDriverClass = new (
  native: Native,
  reactor: Reactor,
  turned: () => void,
) => LoopDriver;
