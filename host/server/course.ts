// Course: a server's way from serving to closed. It knows times, the order and the delay; what a drain is the server
// knows.

import { monotonicMs } from '../kernel/monotonic.ts';
import type { ServerState } from './status/status.ts';

export class Course {
  state: ServerState = 'serving';
  /** It was asked to close. */
  closing = false;
  /** As Date.now() has it. */
  readonly startedAt = Date.now();
  readonly #startedMs = monotonicMs();
  readonly #begin: () => void;
  #delay: NodeJS.Timeout | undefined;

  /** @param begin begins the drain; called once */
  constructor(begin: () => void) {
    this.#begin = begin;
  }

  get uptimeMs(): number {
    return Math.round(monotonicMs() - this.#startedMs);
  }

  leave(): void {
    if (this.state === 'serving') this.state = 'leaving';
  }

  /** It leaves, and drains after the delay. */
  close(delayMs: number): void {
    if (delayMs === 0) this.drain();
    if (this.closing) return;
    this.closing = true;
    this.leave();
    this.#delay = setTimeout(() => this.drain(), delayMs);
  }

  /** The delay is over, or not wanted. */
  drain(): void {
    if (this.state === 'draining' || this.state === 'closed') return;
    clearTimeout(this.#delay);
    this.closing = true;
    this.state = 'draining';
    // Later: a logger or a signal may have asked in the middle of a turn, and no microtask runs in one.
    queueMicrotask(this.#begin);
  }
}
