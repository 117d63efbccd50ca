// Admission: which seat gets an accepted connection, and whether any does. Who finds the house full waits until
// the workers have looked whether it still is: a worker counts a close a moment after the client has seen
// it, and a client may come back at once.

import type { Native } from '../kernel/native.ts';
import type { Seat } from './seat/seat.ts';

/** The seats that take connections, and those that only drain. */
export interface Seats {
  readonly open: readonly Seat[];
  readonly draining: Iterable<Seat>;
}

export class Admission {
  /** Connections that may be open at once. */
  most: number;
  /** Descriptors beyond those that may wait. */
  mostWaiting = 0;
  refused = 0;
  readonly #native: Native;
  readonly #seats: () => Seats;
  /** More than any seat's load. */
  readonly #penalty: number;
  #waiting: { readonly fd: number; readonly listener: number }[] = [];
  #looking = false;
  #closed = false;

  constructor(native: Native, most: number, seats: () => Seats) {
    this.most = most;
    this.#penalty = most;
    this.#native = native;
    this.#seats = seats;
  }

  /** The descriptor is a seat's from here on, or closed. */
  enter(fd: number, listener: number): void {
    if (this.#hand(fd, listener)) return;
    if (this.#waiting.length >= this.mostWaiting) {
      this.#refuse(fd);
      return;
    }
    this.#waiting.push({ fd, listener });
    if (!this.#looking) void this.#look();
  }

  #hand(fd: number, listener: number): boolean {
    let [chosen, least, total]: [Seat | null, number, number] = [null, Infinity, 0];
    const { open, draining } = this.#seats();
    for (const seat of open) {
      const { load } = seat.holdings;
      total += load;
      // A seat whose thread is being replaced is served again in a moment, if less well.
      const cost = seat.ready ? load : load + this.#penalty;
      if (cost < least) [chosen, least] = [seat, cost];
    }
    for (const seat of draining) total += seat.holdings.load;
    return total < this.most && chosen?.holdings.hand(fd, listener) === true;
  }

  /** Whether those who are there, with those whom they have asked for, and so many more are not too many. */
  hasRoom(more: number): boolean {
    const { open, draining } = this.#seats();
    let total = more;
    for (const { holdings } of [...open, ...draining]) total += holdings.load;
    return total <= this.most;
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const { open, draining } = this.#seats();
    await Promise.all([...open, ...draining].map((seat) => seat.look()));
    this.#looking = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { fd, listener } of waiting) {
      if (this.#closed || !this.#hand(fd, listener)) this.#refuse(fd);
    }
  }

  #refuse(fd: number): void {
    this.#native.close(fd);
    this.refused += 1;
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#closed = true;
    for (const { fd } of this.#waiting) this.#refuse(fd);
    this.#waiting = [];
  }
}
