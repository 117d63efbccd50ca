// Waiter: how a guest's thread waits, and how a waiting guest is ended. It knows the stop of a run and
// the time; not what is waited for.

import { monotonicMs } from '../../kernel/monotonic.ts';
import type { Native } from '../../kernel/native.ts';
import { SLICE_MS } from '../../kernel/slice.ts';

/** What the run's owner tells its thread, in the shared control word. */
export const RUN_GOES_ON = 0;
/** No new connection; a guest that waits with none open, or in vain for quietMs, is ended. */
export const RUN_STOPS = 1;
/** A guest that waits is ended. */
export const RUN_ENDS = 2;

/** Thrown through the guest to end it: by proc_exit, or when it waits after a stop. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.status = status;
  }
}

export interface WaiterOptions {
  readonly native: Pick<Native, 'poll' | 'read'>;
  /** An eventfd that becomes readable when the control word has changed. */
  readonly wake: number;
  readonly control: Int32Array;
  /** Milliseconds that a stopped guest may wait without a byte before it is ended. */
  readonly quietMs: number;
  /** How many connections are open. */
  readonly connections: () => number;
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

  /** To be called often: the first time that a stop is noticed, `stopped` is called. */
  notice(): void {
    if (this.#stopSeen || Atomics.load(this.#options.control, 0) === RUN_GOES_ON) return;
    this.#stopSeen = true;
    this.#options.stopped();
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
   * @throws Exit 0 when the guest has nothing left to wait for.
   */
  check(): void {
    this.notice();
    if (!this.#stopSeen) return;
    const { native, control, quietMs, connections } = this.#options;
    native.read(this.wake, this.#counter, 0, this.#counter.length);
    const ends = Atomics.load(control, 0) === RUN_ENDS || connections() === 0;
    if (ends || this.#waited >= quietMs) throw new Exit(0);
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
