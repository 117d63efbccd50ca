// Clock: the time of the turn. Read once a round, so that callbacks and timers of one round agree.

export class Clock {
  /** Monotonic milliseconds, as of the last `refresh`. Never 0, which means "unset" in the table. */
  now = 0;
  readonly #read: () => number;

  constructor(read: () => number) {
    this.#read = read;
    this.refresh();
  }

  refresh(): void {
    this.now = this.#read() || Number.MIN_VALUE;
  }
}
