// Seat calls: what one seat has asked for, in the server's thread. A few requests at a time are begun, so that a flood of
// them keeps nothing else from its turn; those for which nobody waits any more by then cost no connection.

import { Call, type Calls } from './call.ts';
import type { DialRequest, SeatDialer } from './contract.ts';

/** Begun in one turn of the event loop: a connection takes some 50 µs. */
const MOST_AT_ONCE = 32;

/** The seat, as its calls see it. */
export interface SeatSide {
  /**
   * Hands a connection over, −1 for none, with the session of TLS that it has, 0 for none.
   * @returns false when there is no room for more now
   */
  give(handle: number, fd: number, session: number): boolean;
  /** Whether the connection is to be made still, and no answer for it is on its way. */
  waits(handle: number): boolean;
  /** Takes what the seat has asked for without a message. */
  asked(each: (request: DialRequest) => void): void;
  /** One more request has left those that wait to be begun. */
  seen(): void;
}

export class SeatCalls implements SeatDialer {
  readonly room = Number.POSITIVE_INFINITY;
  readonly #calls: Calls;
  readonly #seat: number;
  readonly #side: SeatSide;
  readonly #answer: (handle: number, fd: number, session: number) => void;
  readonly #forget: () => void;
  /** By their handles: those that are being made, or whose answers are not given. */
  readonly #open = new Map<number, Call>();
  /** Those that are not begun, in the order in which they came. */
  readonly #waiting = new Map<number, DialRequest>();
  #begun = 0;
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  /** @param seat tells seats from one another */
  constructor(
    calls: Calls,
    seat: number,
    side: SeatSide,
    answer: (handle: number, fd: number, session: number) => void,
    forget: () => void,
  ) {
    this.#calls = calls;
    this.#seat = seat;
    this.#side = side;
    this.#answer = answer;
    this.#forget = forget;
  }

  /** Requests that were not begun. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The seat may have asked for something without a message. */
  look(): void {
    this.#side.asked((request) => this.dial(request));
  }

  dial(request: DialRequest): void {
    const { handle } = request;
    if (this.#open.has(handle) || this.#waiting.has(handle)) {
      this.#side.seen();
      return;
    }
    if (this.#closed) {
      this.#side.seen();
      this.#drop(request);
      return;
    }
    this.#waiting.set(handle, request);
    this.#begin();
  }

  #begin(): void {
    for (const request of this.#waiting.values()) {
      if (this.#begun >= MOST_AT_ONCE) break;
      this.#begun += 1;
      this.#waiting.delete(request.handle);
      this.#side.seen();
      if (this.#side.waits(request.handle)) this.#call(request);
      else this.#drop(request);
    }
    if (this.#begun === 0) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#begun = 0;
      this.#begin();
    });
  }

  #call(request: DialRequest): void {
    const { handle } = request;
    const call = new Call(this.#calls, this.#seat, request, (fd, session) =>
      this.#answer(handle, fd, session),
    );
    this.#open.set(handle, call);
    call.start();
  }

  #drop({ upstream }: DialRequest): void {
    const { upstreams } = this.#calls;
    upstreams.dialing(upstream);
    upstreams.dialed(upstream, 'cancelled');
  }

  /** The seat was given the answer. */
  answered(handle: number): void {
    this.#open.delete(handle);
  }

  cancel(handle: number): void {
    const waiting = this.#waiting.get(handle);
    if (waiting !== undefined) {
      this.#waiting.delete(handle);
      this.#side.seen();
      this.#drop(waiting);
    }
    this.#open.get(handle)?.cancel();
    this.#open.delete(handle);
  }

  /** The seat is gone: nothing is answered any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const handle of [...this.#waiting.keys(), ...this.#open.keys()]) this.cancel(handle);
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#forget();
  }
}
