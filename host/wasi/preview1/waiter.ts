// Waiter: how a guest's thread waits, and how a waiting guest is ended. It knows the stop of a run and
// the time; not what is waited for.

import { monotonicMs } from '../../kernel/monotonic.ts';
import type { Native } from '../../kernel/native.ts';
import { SLICE_MS } from '../../kernel/slice.ts';

/** The words that a run's thread shares with its owner. */
export const CONTROL_WORDS = 3;
/** What the owner tells it: one of the three below. */
export const CONTROL_STOP = 0;
/** How many connections it has open. */
export const CONTROL_CONNECTIONS = 1;
/** 1 as soon as the guest runs. */
export const CONTROL_RUNS = 2;

export const RUN_GOES_ON = 0;
/** No new connection; a guest that has none open, or waits in vain for quietMs, is ended. */
export const RUN_STOPS = 1;
/** The guest is ended. */
export const RUN_ENDS = 2;

/** Thrown through the guest to end it: by proc_exit. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.status = status;
  }
}

/** Thrown through the guest to end it: its owner has stopped it. */
export class Stop extends Error {}

export interface WaiterOptions {
  readonly native: Pick<Native, 'poll' | 'read'>;
  /** An eventfd that becomes readable when the control word has changed. */
  readonly wake: number;
  readonly control: Int32Array;
  /** Milliseconds that a stopped guest may wait without a byte before it is ended. */
  readonly quietMs: number;
  /** Called once, when the stop is noticed. */
  readonly stopped: () => void;
}

export class Waiter {
  readonly wake: number;
  readonly #options: WaiterOptions;
  readonly #counter = new Uint8Array(8);
  /** Milliseconds that the guest has waited for nothing since bytes moved, after a stop. */
  #waited = 0;
  #stopSeen = false;

  constructor(options: WaiterOptions) {
    this.#options = options;
    this.wake = options.wake;
  }

  /** Whether the run's owner has asked it to stop, as far as it was noticed. */
  get stopping(): boolean {
    return this.#stopSeen;
  }

  /**
   * To be called often. The first time that a stop is noticed, `stopped` is called.
   * @throws Stop when the guest has nothing left to do
   */
  notice(): void {
    const { control, stopped } = this.#options;
    const told = Atomics.load(control, CONTROL_STOP);
    if (told === RUN_GOES_ON) return;
    if (!this.#stopSeen) {
      this.#stopSeen = true;
      stopped();
    }
    if (told === RUN_ENDS || Atomics.load(control, CONTROL_CONNECTIONS) === 0) throw new Stop();
  }

  /** Bytes have moved. */
  active(): void {
    this.#waited = 0;
  }

  /** Before a wait: what `end` is given behind it. A guest that computes meanwhile is not quiet. */
  begin(): number {
    return this.#stopSeen ? monotonicMs() : 0;
  }

  end(began: number): void {
    if (began > 0) this.#waited += monotonicMs() - began;
  }

  /**
   * To be called before each wait.
   * @throws Stop when the guest has nothing left to wait for
   */
  check(): void {
    this.notice();
    if (!this.#stopSeen) return;
    const { native, quietMs } = this.#options;
    native.read(this.wake, this.#counter, 0, this.#counter.length);
    if (this.#waited >= quietMs) throw new Stop();
  }

  /** For how long one native call may wait, of `left` milliseconds; whole milliseconds, rounded up. */
  slice(left: number): number {
    const most = this.#stopSeen ? Math.min(SLICE_MS, this.#options.quietMs) : SLICE_MS;
    return Math.ceil(Math.max(0, Math.min(most, left)));
  }

  /**
   * Waits until `fd` is ready for one of `mask`'s events, as epoll names them.
   * @returns what it is ready for, or −errno
   */
  until(fd: number, mask: number): number {
    for (;;) {
      this.check();
      const began = this.begin();
      const ready = this.#options.native.poll(fd, mask, this.wake, this.slice(SLICE_MS));
      this.end(began);
      if (ready !== 0) return ready;
    }
  }
}
