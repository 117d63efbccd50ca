// Course: a server's way from serving to closed. It knows the order and the delay; what a drain is the server knows.

import type { ServerState } from './status.ts';

export class Course {
  state: ServerState = 'serving';
  /** It was asked to close. */
  closing = false;
  readonly #delayMs: number;
  readonly #begin: () => void;
  #delay: NodeJS.Timeout | undefined;

  /** @param begin begins the drain; called once */
  constructor(delayMs: number, begin: () => void) {
    this.#delayMs = delayMs;
    this.#begin = begin;
  }

  leave(): void {
    if (this.state === 'serving') this.state = 'leaving';
  }

  /** It leaves, and drains after the delay. */
  close(): void {
    if (this.#delayMs === 0) this.drain();
    if (this.closing) return;
    this.closing = true;
    this.leave();
    this.#delay = setTimeout(() => this.drain(), this.#delayMs);
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
