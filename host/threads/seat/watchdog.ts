// Watchdog: when a callback counts as hung. It is given samples and the time, and has no clock, no
// timer and no thread of its own. A thread that the system lets wait is not one that hangs: on a busy machine
// the connection it serves would be lost for what others do.

/** Samples that a callback must be seen in, whatever the clock says: a suspended machine jumps. */
const SAMPLES = 4;

/** Of the limit, a callback must have run this much on a processor … */
const RAN = 0.5;
/** … or have been in the guest for this many limits. */
const PATIENCE = 4;

export class Watchdog {
  readonly #limitMs: number;
  #sequence = 0;
  #since = 0;
  #ranSince = 0;
  #seen = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /**
   * How often it wants to be given a sample: hung is found within 1.25 × the limit, or 4.25 × on a machine
   * that does not let the thread run.
   */
  get intervalMs(): number {
    return Math.max(1, Math.floor(this.#limitMs / SAMPLES));
  }

  /** Another thread starts, whose callbacks are numbered anew: the old one's say nothing of them. */
  reset(): void {
    this.#sequence = 0;
    this.#seen = 0;
  }

  /**
   * @param sequence odd while the worker is in the guest, another number in each callback
   * @param now monotonic milliseconds
   * @param ran milliseconds that its thread has run on a processor; NaN when nobody knows: then it always ran
   * @returns whether the callback that it is in has run for longer than the limit
   */
  hung(sequence: number, now: number, ran: number): boolean {
    if (sequence !== this.#sequence || sequence % 2 === 0) {
      this.#sequence = sequence;
      this.#since = now;
      this.#ranSince = ran;
      this.#seen = 1;
      return false;
    }
    this.#seen += 1;
    const inside = now - this.#since;
    if (this.#seen <= SAMPLES || inside < this.#limitMs) return false;
    const waited = ran - this.#ranSince < RAN * this.#limitMs;
    return !waited || inside >= PATIENCE * this.#limitMs;
  }
}
