// Seat outage: what becomes of a seat's connections while no thread serves it, and when to try again. It
// starts no thread.

import { lacksDescriptors } from '../../kernel/descriptors.ts';
import { Backoff } from '../backoff.ts';
import type { SeatHoldings } from './holdings.ts';

// Between tries to start a thread when the system has none to give.
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5000;
// The first failure may be a matter of a moment; from the second on connections make room, a few each time.
const PATIENT_TRIES = 1;
const GIVEN_UP_EACH = 8;
// A client that waits for longer has most likely gone, and the next ones could be served.
const LONGEST_MS = 10_000;

export interface OutageObserver {
  /** Once an outage, and whenever connections were lost. */
  failure(message: string): void;
  /** `starved` has changed. */
  starving(): void;
}

export class SeatOutage {
  /** No thread could be started for want of descriptors. */
  starved = false;
  readonly #holdings: SeatHoldings;
  readonly #observer: OutageObserver;
  readonly #retries = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  /** One after the other. */
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(holdings: SeatHoldings, observer: OutageObserver) {
    this.#holdings = holdings;
    this.#observer = observer;
  }

  /** No thread serves from here on, if one did. */
  begin(): void {
    this.#timer ??= setInterval(() => this.#giveAllUp(), LONGEST_MS);
  }

  /** Whether a thread that began, and ended at once, was lacking what others may give back. */
  explains(error: unknown): boolean {
    return lacksDescriptors(error);
  }

  /**
   * A thread could not be started.
   * @returns milliseconds until the next try
   */
  failed(why: string, error: unknown): number {
    this.begin();
    this.#failures += 1;
    if (this.#failures === 1) this.#observer.failure(why);
    if (lacksDescriptors(error)) {
      this.#set(true);
      if (this.#failures > PATIENT_TRIES) this.#holdings.giveUp(GIVEN_UP_EACH);
    }
    return this.#retries.next();
  }

  #giveAllUp(): void {
    const waited = `no thread has served for ${LONGEST_MS / 1000} s`;
    if (this.#holdings.load > 0) {
      this.#observer.failure(`${waited}: the connections of this worker were reset`);
    }
    this.#holdings.giveUp(Infinity);
    this.#set(false);
  }

  #set(starved: boolean): void {
    if (this.starved === starved) return;
    this.starved = starved;
    this.#observer.starving();
  }

  /** A thread serves, or none ever will. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#failures = 0;
    this.#retries.reset();
    this.#set(false);
  }
}
