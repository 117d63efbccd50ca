// Deadline: the clocks of one poll: when each runs out, and which is first. It waits for nothing.

import { monotonicMs } from '../../kernel/monotonic.ts';
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
  /** Of the absolute ones, in milliseconds of the real time, which can be set meanwhile. */
  #earliestReal = Number.POSITIVE_INFINITY;

  constructor(host: Host) {
    this.#host = host;
  }

  /** A poll begins, without a clock. */
  begin(): void {
    this.#started = monotonicMs();
    this.#earliest = Number.POSITIVE_INFINITY;
    this.#earliestReal = Number.POSITIVE_INFINITY;
  }

  /** Takes the clock whose subscription is at `at`; an error number if there is no such clock. */
  add(at: number): number {
    const { memory } = this.#host;
    const clock = memory.u32(at + SUBSCRIPTION_CLOCK);
    const flags = memory.u16(at + SUBSCRIPTION_CLOCK_FLAGS);
    if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return E.INVAL;
    if ((flags & ~SUBCLOCKFLAGS_ABSTIME) !== 0) return E.INVAL;
    const end = this.#endOf(at);
    if (this.#isReal(at)) this.#earliestReal = Math.min(this.#earliestReal, end);
    else this.#earliest = Math.min(this.#earliest, end);
    return E.SUCCESS;
  }

  /** Whether that clock has run out. */
  due(at: number): boolean {
    return this.#endOf(at) <= (this.#isReal(at) ? this.#realMs() : monotonicMs());
  }

  /** When that clock runs out, in milliseconds of the real time if it `#isReal`, else monotonic. */
  #endOf(at: number): number {
    const { memory } = this.#host;
    const high = memory.u32(at + SUBSCRIPTION_TIMEOUT + 4);
    const timeoutMs = (high * 2 ** 32 + memory.u32(at + SUBSCRIPTION_TIMEOUT)) / 1e6;
    return this.#isAbsolute(at) ? timeoutMs : this.#started + timeoutMs;
  }

  #isAbsolute(at: number): boolean {
    return (this.#host.memory.u16(at + SUBSCRIPTION_CLOCK_FLAGS) & SUBCLOCKFLAGS_ABSTIME) !== 0;
  }

  #isReal(at: number): boolean {
    return (
      this.#isAbsolute(at) && this.#host.memory.u32(at + SUBSCRIPTION_CLOCK) === CLOCK_REALTIME
    );
  }

  #realMs(): number {
    const time = this.#time;
    this.#host.native.clockTime(CLOCK_REALTIME, time);
    return (time[1]! * 2 ** 32 + time[0]!) / 1e6;
  }

  /** Milliseconds until the first clock runs out; not positive when it has. */
  get left(): number {
    const left = this.#earliest - monotonicMs();
    if (this.#earliestReal === Number.POSITIVE_INFINITY) return left;
    return Math.min(left, this.#earliestReal - this.#realMs());
  }
}
