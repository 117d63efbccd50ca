// Clock: the time of the turn, and how long the turn may go on. It is read once a round, so that callbacks and
// timers of one round agree. It does not know what is served, or who comes next.

// After so long the event loop gets its turn: swaps and stops, or the timers and promises of the program
// that the server is embedded in.
const TURN_MS = 10;
// A look at the time takes about 35 ns, and the shortest callbacks 100 ns: at each it would show.
const CALLBACKS = 16;
// A guest that has let so much time pass between two looks is looked at after each callback, and for so
// long: else it could be quick until looks are rare, and slow between two of them, again and again. A
// loaded machine takes the processor away for less.
const SLOW_MS = 250;
const EXACT_MS = 600_000;
// More than a turn between two looks may be either. For so long a message costs a look more.
const SUSPECT_MS = 100;

export class Clock {
  /** Monotonic milliseconds, as of the last `refresh`. Never 0, which means "unset" in the table. */
  now = 0;
  /** Whether the turn's time was over at the last look. */
  over = false;
  /** Callbacks until the next look; whoever counts them down by himself writes it back. */
  left = 0;
  readonly #read: () => number;
  readonly #readWall: () => number;
  #wall = 0;
  /** The `now` at which the wall's time was read. */
  #wallAt = Number.NaN;
  /** When the turn ends, and when the time was last looked at. */
  #end = 0;
  #seen = 0;
  /** Callbacks between two looks. */
  #stride = 1;
  #exactUntil = 0;

  /**
   * @param read monotonic milliseconds
   * @param readWall milliseconds since 1970
   */
  constructor(read: () => number, readWall: () => number) {
    this.#read = read;
    this.#readWall = readWall;
    this.refresh();
  }

  /** Milliseconds since 1970, the same as long as `now` is. */
  get wall(): number {
    if (this.#wallAt !== this.now) {
      this.#wallAt = this.now;
      this.#wall = this.#readWall();
    }
    return this.#wall;
  }

  refresh(): void {
    this.now = this.#read() || Number.MIN_VALUE;
  }

  /** Milliseconds that have passed since `now`. */
  get passed(): number {
    return this.#read() - this.now;
  }

  /** A turn begins `now`. */
  begin(): void {
    this.#begin(this.now);
  }

  /** Whatever was spent before: there is something that must get on in this turn. */
  extend(): void {
    this.#begin(this.#read());
  }

  #begin(now: number): void {
    this.#end = now + TURN_MS;
    this.#seen = now;
    this.over = false;
  }

  /** Between two rounds of a turn: time goes on. @returns whether the turn is to end */
  ends(): boolean {
    this.refresh();
    this.#seen = this.now;
    return this.now >= this.#end;
  }

  /** To be asked after each callback that others are to follow. @returns whether they have to wait */
  spent(): boolean {
    const left = this.left - 1;
    this.left = left;
    return left < 0 && this.look();
  }

  /** Looks at the time, and says until when not to look again. @returns `over` */
  look(): boolean {
    const now = this.#read();
    const passed = now - this.#seen;
    if (passed > TURN_MS) {
      const exactMs = passed > SLOW_MS ? EXACT_MS : SUSPECT_MS;
      this.#exactUntil = Math.max(this.#exactUntil, now + exactMs);
    }
    this.#seen = now;
    this.#stride = now < this.#exactUntil ? 1 : Math.min(CALLBACKS, this.#stride * 2);
    this.over = now >= this.#end;
    this.left = this.over ? 0 : this.#stride - 1;
    return this.over;
  }
}
