// Upstream counts: how many connections each seat has to each upstream, in memory that outlives its thread. A column
// has one writer, the seat's thread; what all have together is added up. It knows no connection.

/** No more seats have a number; shared/seats.ts. */
const SEAT_NUMBERS = 4096;
/** Upstreams of one server. */
export const MOST_UPSTREAMS = 256;
/** The `max` of one that has none: all together have theirs, which is a setting. */
export const UNBOUNDED = 0x7fff_ffff;

// The words of all upstreams together: the highest seat that ever counted; then one for each seat. Of one upstream: one
// for each seat; then doubles: the bytes in and out of each seat's connections that are over.
const HIGHEST = 0;
const FIRST_SEAT = 16;
const PAIR = 2;
const ALL_BYTES = (FIRST_SEAT + SEAT_NUMBERS) * Int32Array.BYTES_PER_ELEMENT;
const OPEN_BYTES = SEAT_NUMBERS * Int32Array.BYTES_PER_ELEMENT;
const EACH_BYTES = OPEN_BYTES + SEAT_NUMBERS * PAIR * Float64Array.BYTES_PER_ELEMENT;

/** Where they are. The kernel gives the memory of a buffer where it is touched. */
export interface CountBuffers {
  readonly all: ArrayBufferLike;
  /** By the upstreams' numbers. */
  readonly each: readonly ArrayBufferLike[];
}

export class UpstreamCounts {
  readonly #all: Int32Array;
  readonly #open: Int32Array[] = [];
  readonly #bytes: Float64Array[] = [];

  /** @param buffers of `make`, new or as other threads have them */
  constructor(buffers: CountBuffers) {
    this.#all = new Int32Array(buffers.all);
    this.adopt(buffers);
  }

  /** @param before those that were there, which stay; all are new by default */
  static make(
    Buffer: new (bytes: number) => ArrayBufferLike,
    upstreams: number,
    { all, each }: CountBuffers = { all: new Buffer(ALL_BYTES), each: [] },
  ): CountBuffers {
    const more = Array.from({ length: upstreams - each.length }, () => new Buffer(EACH_BYTES));
    return { all, each: [...each, ...more] };
  }

  /** There are more upstreams. */
  adopt({ each }: CountBuffers): void {
    for (const buffer of each.slice(this.#open.length)) {
      this.#open.push(new Int32Array(buffer, 0, SEAT_NUMBERS));
      this.#bytes.push(new Float64Array(buffer, OPEN_BYTES, SEAT_NUMBERS * PAIR));
    }
  }

  /** How many upstreams there are. */
  get size(): number {
    return this.#open.length;
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
    const all = this.#all;
    for (let high = Atomics.load(all, HIGHEST); high < seat; ) {
      high = Atomics.compareExchange(all, HIGHEST, high, seat);
    }
    Atomics.add(this.#open[upstream]!, seat, more);
    Atomics.add(all, FIRST_SEAT + seat, more);
  }

  /** What a seat has is counted anew, after its thread has ended. @param open for each upstream; 0 for all by default */
  recount(seat: number, open: readonly number[] = []): void {
    let all = 0;
    for (const [upstream, words] of this.#open.entries()) {
      const count = open[upstream] ?? 0;
      Atomics.store(words, seat, count);
      all += count;
    }
    Atomics.store(this.#all, FIRST_SEAT + seat, all);
  }

  /** Connections to an upstream, those included that are being made. */
  open(upstream: number): number {
    return this.#sum(this.#open[upstream]!, 0);
  }

  /** Those to all of them. */
  get all(): number {
    return this.#sum(this.#all, FIRST_SEAT);
  }

  #sum(words: Int32Array, first: number): number {
    const last = first + Atomics.load(this.#all, HIGHEST);
    let sum = 0;
    for (let at = first; at <= last; at += 1) sum += Atomics.load(words, at);
    return sum;
  }

  /** A connection is over. */
  over(seat: number, upstream: number, bytesIn: number, bytesOut: number): void {
    const bytes = this.#bytes[upstream]!;
    bytes[seat * PAIR]! += bytesIn;
    bytes[seat * PAIR + 1]! += bytesOut;
  }

  /** Bytes of the connections to an upstream that are over. */
  moved(upstream: number): { bytesIn: number; bytesOut: number } {
    const bytes = this.#bytes[upstream]!;
    let [bytesIn, bytesOut] = [0, 0];
    for (let seat = 0; seat <= Atomics.load(this.#all, HIGHEST); seat += 1) {
      bytesIn += bytes[seat * PAIR]!;
      bytesOut += bytes[seat * PAIR + 1]!;
    }
    return { bytesIn, bytesOut };
  }
}
