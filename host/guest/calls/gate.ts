// Gate: whether a host call gets an answer: how many a callback has left, and why an instance may not go
// on. Each host function asks here first. It does not know what the functions do.

import { STATUS_STATE } from '../../../assembly/abi.ts';
import type { Policy } from '../../policy.ts';
import { GuestMemory } from '../guest-memory.ts';

const BROKEN = 'a host function was interrupted, as by a stack that is full';

/** A host function of up to three numbers. */
type Call = (a: number, b: number, c: number) => number;

export class Gate {
  readonly memory: GuestMemory;
  /** Why the instance may not be entered again; null while it may. */
  dead: string | null = null;
  readonly #perCallback: number;
  #open = false;
  #left: number;

  constructor(policy: Policy) {
    this.#perCallback = policy.hostCallsPerCallback;
    this.#left = this.#perCallback;
    this.memory = new GuestMemory(policy.guestMemoryBytes, (why) => {
      this.dead ??= why;
    });
  }

  /** The start-up is over: from here on calls are admitted. */
  open(): void {
    this.#open = true;
  }

  /** A callback is about to run: its budget is full. Afterwards see `dead`, and `memory.review()`. */
  enter(): void {
    this.#left = this.#perCallback;
  }

  /** Counts a host call; false when the guest may not have an answer any more, or not yet. */
  admit(): boolean {
    if (!this.#open || this.dead !== null) return false;
    this.#left -= 1;
    if (this.#left >= 0) return true;
    this.dead = `more than ${this.#perCallback} host calls in one callback`;
    return false;
  }

  /** As `admit`, and in the start-up, too, from when the memory is known. */
  admitEarly(): boolean {
    if (this.#open) return this.admit();
    if (!this.memory.attached || this.dead !== null) return false;
    this.#left -= 1;
    if (this.#left >= 0) return true;
    this.dead = `more than ${this.#perCallback} host calls in the start-up`;
    return false;
  }

  /** The function, for a guest: STATE when it is not admitted. */
  guarded(call: Call): Call {
    return (a, b, c) => {
      try {
        return this.admit() ? call(a, b, c) : STATUS_STATE;
      } catch (thrown) {
        throw this.broken(thrown);
      }
    };
  }

  /** As `guarded`, for functions that work in the start-up, too. */
  guardedEarly(call: Call): Call {
    return (a, b, c) => {
      try {
        return this.admitEarly() ? call(a, b, c) : STATUS_STATE;
      } catch (thrown) {
        throw this.broken(thrown);
      }
    };
  }

  // Storing a constant takes no stack.
  /**
   * A host function that throws, for want of stack most of all, may have done half of its work; a guest
   * can catch what it threw and go on. So the instance ends here.
   */
  broken(thrown: unknown): unknown {
    this.dead ??= BROKEN;
    return thrown;
  }
}
