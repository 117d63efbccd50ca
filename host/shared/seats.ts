// Seats: whose number is which. The program has one of its own, and each worker is given one for as long as it is
// there. It knows no thread.

/** The program's. */
export const OWN_SEAT = 0;

/** There are no more numbers; native/record.h. */
const SEATS = 4096;

/** A connection, as shared state knows it. */
export interface Receiver {
  readonly seat: number;
  readonly handle: number;
}

/**
 * The numbers of workers. One that is given back is the last to be taken again: an answer that was still on its
 * way to who had it comes before that, and finds nobody.
 */
export class SeatNumbers {
  readonly #taken = new Set<number>();
  #last = OWN_SEAT;

  take(): number {
    do this.#last = this.#last + 1 < SEATS ? this.#last + 1 : OWN_SEAT + 1;
    while (this.#taken.has(this.#last));
    this.#taken.add(this.#last);
    return this.#last;
  }

  giveBack(number: number): void {
    this.#taken.delete(number);
  }
}
