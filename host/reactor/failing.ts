// Failing: a guest is given up though it has done nothing wrong, as a test wants it. It takes the way of an on_tick
// that traps, and knows no other.

import { IN_ON_TICK, ON_TICK } from '../memory/control-words.ts';
import type { Turn } from './turn.ts';
import type { Works } from './wiring.ts';

/** The guest fails in a callback that belongs to no connection; a fresh instance goes on with all that there are. */
export function fail({ callbacks }: Works, turn: Turn, why: string): void {
  turn.rest();
  // Nobody is there to fail.
  if (callbacks.replacement.retryAt !== Infinity) return;
  const failing = (): void => {
    throw new Error(why);
  };
  callbacks.enter(IN_ON_TICK, failing, ON_TICK);
  callbacks.lose(IN_ON_TICK);
  callbacks.replacement.restart();
  turn.rest();
}
