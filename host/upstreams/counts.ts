// Upstream counts: how many connections each seat has to each upstream, in memory that outlives its thread. A column
// has one writer, the seat's thread; what all have together is added up. It knows no connection.

/** No more seats have a number; shared/seats.ts. */
const SEAT_NUMBERS = 4096;
/** Upstreams of one server. */
export const MOST_UPSTREAMS = 256;
/** The `max` of one that has none: all together have theirs, which is a setting. */
export const UNBOUNDED = 0x7fff_ffff;

// The Int32 words: the highest seat that ever counted; then a row of seats for all upstreams together, and one for each.
const HIGHEST = 0;
const FIRST_ROW = 16;
const ROW = SEAT_NUMBERS;
// Behind them doubles: bytes in and out of connections that are over, for each upstream and seat.
const PAIR = 2;

export class UpstreamCounts {
  readonly #words: Int32Array;
  readonly #bytes: Float64Array;

  /** @param buffer of `bytesFor`, new or as other threads have it */
  constructor(buffer: ArrayBufferLike, upstreams: number) {
    const words = wordsFor(upstreams);
    this.#words = new Int32Array(buffer, 0, words);
    this.#bytes = new Float64Array(buffer, words * 4, upstreams * SEAT_NUMBERS * PAIR);
  }

  /** Size of a buffer. The kernel gives its memory where it is touched. */
  static bytesFor(upstreams: number): number {
    return wordsFor(upstreams) * 4 + upstreams * SEAT_NUMBERS * PAIR * 8;
  }

  /**
   * One more, unless there are too many. Who counts first and looks then is never let in above a limit, whoever else
   * does the same at that moment.
   * @param max of the upstream; `most` of all together
   */
  take(seat: number, upstream: number, max: number, most: number): boolean {
    this.#add(seat, upstream, 1);
    if (this.open(upstream) <= max && this.all <= most) return true;
    this.#add(seat, upstream, -1);
    return false;
  }

  giveBack(seat: number, upstream: number): void {
    this.#add(seat, upstream, -1);
  }

  #add(seat: number, upstream: number, more: number): void {
    const words = this.#words;
    for (let high = Atomics.load(words, HIGHEST); high < seat; ) {
      high = Atomics.compareExchange(words, HIGHEST, high, seat);
    }
    Atomics.add(words, FIRST_ROW + ROW * (upstream + 1) + seat, more);
    Atomics.add(words, FIRST_ROW + seat, more);
  }

  /** What a seat has is counted anew, after its thread has ended. @param open for each upstream */
  recount(seat: number, open: readonly number[]): void {
    let all = 0;
    for (const [upstream, count] of open.entries()) {
      Atomics.store(this.#words, FIRST_ROW + ROW * (upstream + 1) + seat, count);
      all += count;
    }
    Atomics.store(this.#words, FIRST_ROW + seat, all);
  }

  /** Connections to an upstream, those included that are being made. */
  open(upstream: number): number {
    return this.#sum(upstream + 1);
  }

  /** Those to all of them. */
  get all(): number {
    return this.#sum(0);
  }

  #sum(row: number): number {
    const words = this.#words;
    const last = FIRST_ROW + ROW * row + Atomics.load(words, HIGHEST);
    let sum = 0;
    for (let at = FIRST_ROW + ROW * row; at <= last; at += 1) sum += Atomics.load(words, at);
    return sum;
  }

  /** A connection is over. */
  over(seat: number, upstream: number, bytesIn: number, bytesOut: number): void {
    const at = (upstream * SEAT_NUMBERS + seat) * PAIR;
    this.#bytes[at]! += bytesIn;
    this.#bytes[at + 1]! += bytesOut;
  }

  /** Bytes of the connections to an upstream that are over. */
  moved(upstream: number): { bytesIn: number; bytesOut: number } {
    let [bytesIn, bytesOut] = [0, 0];
    for (let seat = 0; seat <= Atomics.load(this.#words, HIGHEST); seat += 1) {
      const at = (upstream * SEAT_NUMBERS + seat) * PAIR;
      bytesIn += this.#bytes[at]!;
      bytesOut += this.#bytes[at + 1]!;
    }
    return { bytesIn, bytesOut };
  }
}

// Whole doubles follow.
const wordsFor = (upstreams: number): number => FIRST_ROW + ROW * (upstreams + 1);
