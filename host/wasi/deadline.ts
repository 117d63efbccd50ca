// Deadline: the clocks of one poll: when each runs out, and which is first. It waits for nothing.

import { monotonicMs } from '../monotonic.ts';
import type { Host } from './host.ts';
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  E,
  SUBCLOCKFLAGS_ABSTIME,
  SUBSCRIPTION_CLOCK,
  SUBSCRIPTION_CLOCK_FLAGS,
  SUBSCRIPTION_TIMEOUT,
} from './numbers.ts';

export class Deadline {
  readonly #host: Host;
  readonly #time = new Uint32Array(2);
  /** When the poll began, in milliseconds of the monotonic clock. */
  #started = 0;
  #earliest = Number.POSITIVE_INFINITY;

  constructor(host: Host) {
    this.#host = host;
  }

  /** A poll begins, without a clock. */
  begin(): void {
    this.#started = monotonicMs();
    this.#earliest = Number.POSITIVE_INFINITY;
  }

  /** Takes the clock whose subscription is at `at`; an error number if there is no such clock. */
  add(at: number): number {
    const { memory } = this.#host;
    const clock = memory.u32(at + SUBSCRIPTION_CLOCK);
    const flags = memory.u16(at + SUBSCRIPTION_CLOCK_FLAGS);
    if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return E.INVAL;
    if ((flags & ~SUBCLOCKFLAGS_ABSTIME) !== 0) return E.INVAL;
    this.#earliest = Math.min(this.#earliest, this.due(at));
    return E.SUCCESS;
  }

  /** When that clock runs out, in milliseconds of the monotonic clock. */
  due(at: number): number {
    const { memory } = this.#host;
    const high = memory.u32(at + SUBSCRIPTION_TIMEOUT + 4);
    const timeoutMs = (high * 2 ** 32 + memory.u32(at + SUBSCRIPTION_TIMEOUT)) / 1e6;
    const absolute = (memory.u16(at + SUBSCRIPTION_CLOCK_FLAGS) & SUBCLOCKFLAGS_ABSTIME) !== 0;
    if (!absolute) return this.#started + timeoutMs;
    if (memory.u32(at + SUBSCRIPTION_CLOCK) === CLOCK_MONOTONIC) return timeoutMs;
    return timeoutMs - this.#realtimeOffset();
  }

  /** By how many milliseconds the real time is ahead of the monotonic clock. */
  #realtimeOffset(): number {
    const [now, time] = [monotonicMs(), this.#time];
    this.#host.native.clockTime(CLOCK_REALTIME, time);
    return (time[1]! * 2 ** 32 + time[0]!) / 1e6 - now;
  }

  /** Milliseconds until the first clock runs out; not positive when it has. */
  get left(): number {
    return this.#earliest === Number.POSITIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : this.#earliest - monotonicMs();
  }
}
