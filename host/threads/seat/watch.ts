// Watch: what is seen of a worker from outside: whether a callback hangs, and whether the worker turns at all.
// It takes samples, and ends nothing.

import { monotonicMs } from '../../kernel/monotonic.ts';
import type { ControlWords } from '../../memory/control-words.ts';
import type { Policy } from '../../policy.ts';
import { Pulse } from './pulse.ts';
import { Watchdog } from './watchdog.ts';

export class Watch {
  readonly #control: ControlWords;
  readonly #watchdog: Watchdog;
  readonly #pulse: Pulse;

  /** @param ask has the worker give a sign, which is told by `turned` */
  constructor(worker: { control: ControlWords; policy: Policy }, ask: () => void) {
    this.#control = worker.control;
    this.#watchdog = new Watchdog(worker.policy.callbackTimeoutMs);
    this.#pulse = new Pulse(worker.policy.callbackTimeoutMs, ask);
  }

  /** How often `hung` wants to be called. */
  get intervalMs(): number {
    return this.#watchdog.intervalMs;
  }

  /** Another thread has the seat. */
  reset(): void {
    this.#watchdog.reset();
    this.#pulse.reset();
  }

  turned(): void {
    this.#pulse.turned(monotonicMs());
  }

  /**
   * Takes a sample.
   * @param serves whether a thread serves
   * @returns the number of the callback that hangs; null when none does
   */
  hung(serves: boolean): number | null {
    const now = monotonicMs();
    const { sequence } = this.#control;
    this.#pulse.look(serves ? sequence : null, now);
    return this.#watchdog.hung(sequence, now) ? sequence : null;
  }

  /** Milliseconds for which it has not turned, if that is longer than it may; null if it is well. */
  get stuckMs(): number | null {
    return this.#pulse.stuckMs(monotonicMs());
  }
}
