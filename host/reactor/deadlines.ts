// Deadlines: when each of the host's timeouts, and the guest's timer, is due for a connection. It reads
// the table and the policy, and does nothing about them.

import * as Numbers from '../memory/layout.ts';
import type { Segment } from '../memory/segment.ts';
import type { Policy } from '../policy.ts';

const {
  BLOCKED,
  CLOSING,
  COLUMNS,
  DOOMED,
  ENDED,
  FLAGS,
  GUEST_TIMER,
  HELD_BYTES,
  HELD_SINCE,
  LAST_PROGRESS,
  LINGERING,
  LINGER_UNTIL,
  OUTPUT_BYTES,
  OUTPUT_SINCE,
  PAUSED,
  TIMES,
} = Numbers;

/** All in monotonic milliseconds; Infinity where none holds. */
export class Deadlines {
  /** Connections are closed when they fall quiet. */
  draining = false;
  readonly #table: Int32Array;
  readonly #times: Float64Array;
  readonly #policy: Policy;

  constructor(segment: Segment, policy: Policy) {
    this.#table = segment.table;
    this.#times = segment.times;
    this.#policy = policy;
  }

  /** The next deadline of all that hold for the connection; Infinity when none does. */
  next(slot: number): number {
    const [base, times] = [slot * COLUMNS, slot * TIMES];
    const flags = this.#table[base + FLAGS]!;
    if ((flags & DOOMED) !== 0) return Infinity;
    if ((flags & LINGERING) !== 0) {
      return (flags & ENDED) === 0 ? this.#times[times + LINGER_UNTIL]! : Infinity;
    }
    const guest = this.#times[times + GUEST_TIMER]! || Infinity;
    const write = Math.min(guest, this.write(slot));
    if ((flags & CLOSING) !== 0) return write;
    return Math.min(write, this.frame(slot), this.idle(slot), this.quiet(slot));
  }

  write(slot: number): number {
    const { writeTimeoutMs } = this.#policy;
    if (writeTimeoutMs === 0 || this.#table[slot * COLUMNS + OUTPUT_BYTES] === 0) return Infinity;
    return this.#times[slot * TIMES + OUTPUT_SINCE]! + writeTimeoutMs;
  }

  // Input that is held because of back-pressure or the guest's own pause does not count.
  frame(slot: number): number {
    const { frameTimeoutMs } = this.#policy;
    const base = slot * COLUMNS;
    if (frameTimeoutMs === 0 || this.#table[base + HELD_BYTES] === 0) return Infinity;
    if ((this.#table[base + FLAGS]! & (PAUSED | BLOCKED)) !== 0) return Infinity;
    return this.#times[slot * TIMES + HELD_SINCE]! + frameTimeoutMs;
  }

  idle(slot: number): number {
    const { idleTimeoutMs } = this.#policy;
    return idleTimeoutMs === 0
      ? Infinity
      : this.#times[slot * TIMES + LAST_PROGRESS]! + idleTimeoutMs;
  }

  quiet(slot: number): number {
    if (!this.draining || this.#table[slot * COLUMNS + OUTPUT_BYTES]! > 0) return Infinity;
    return this.#times[slot * TIMES + LAST_PROGRESS]! + this.#policy.drainQuietMs;
  }
}
