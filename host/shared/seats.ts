// Seats: whose number is which. The program has one of its own, and each worker has one. It knows no thread.

/** The program's. */
export const OWN_SEAT = 0;

/** @param worker the number of the worker, from 0 on */
export const seatOf = (worker: number): number => OWN_SEAT + 1 + worker;

/** A connection, as shared state knows it. */
export interface Receiver {
  readonly seat: number;
  readonly handle: number;
}
