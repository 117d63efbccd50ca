// Rotation: which of several targets is next. They are taken in turn; one that has failed rests. It is given clock
// and chance, and knows targets by their places in a list.

const FIRST_REST_MS = 1000;
const LONGEST_REST_MS = 30_000;
/** A target that fails so many clients one after the other does not do so for who they are. */
const FAILED_CLIENTS = 3;

export class Rotation {
  readonly #now: () => number;
  readonly #random: () => number;
  /** Until when each rests. */
  readonly #until: Float64Array;
  /** How long the last rest was meant to be; 0 for one that works. */
  readonly #rests: Float64Array;
  /** In whose names connections to each have failed since one came about. */
  readonly #clients: Set<string>[];
  #next = 0;

  /**
   * @param now milliseconds
   * @param random from 0 to below 1
   * @param before one that this takes the place of, and the places that its targets had there, −1 for a new one
   */
  constructor(
    targets: number,
    now: () => number,
    random: () => number,
    before: { readonly rotation: Rotation; readonly places: readonly number[] } | null = null,
  ) {
    this.#now = now;
    this.#random = random;
    this.#until = new Float64Array(targets);
    this.#rests = new Float64Array(targets);
    this.#clients = Array.from({ length: targets }, () => new Set());
    for (const [target, place] of (before?.places ?? []).entries()) {
      if (place < 0) continue;
      this.#until[target] = before!.rotation.#until[place]!;
      this.#rests[target] = before!.rotation.#rests[place]!;
      this.#clients[target] = before!.rotation.#clients[place]!;
    }
  }

  /**
   * The targets in the order in which one connection tries them: first those in service, beginning with the one
   * whose turn it is; then those that rest, the one that is ready soonest first, since trying is better than not.
   */
  order(): number[] {
    const now = this.#now();
    const count = this.#until.length;
    const turn = Array.from({ length: count }, (_, index) => (this.#next + index) % count);
    const ready = turn.filter((target) => this.#until[target]! <= now);
    const resting = turn.filter((target) => this.#until[target]! > now);
    resting.sort((a, b) => this.#until[a]! - this.#until[b]!);
    this.#next = ((ready[0] ?? resting[0] ?? 0) + 1) % Math.max(1, count);
    return [...ready, ...resting];
  }

  /** It has accepted a connection. */
  succeeded(target: number): void {
    this.#until[target] = 0;
    this.#rests[target] = 0;
    this.#clients[target]!.clear();
  }

  /**
   * It has failed after it had heard whose connection it was, which may have been why.
   * @returns whether it has failed several clients by now, and worked for none meanwhile
   */
  failedClient(target: number, client: string): boolean {
    const clients = this.#clients[target]!;
    clients.add(client);
    if (clients.size < FAILED_CLIENTS) return false;
    clients.clear();
    return true;
  }

  /**
   * A connection to it could not be made: it rests 1 s, then 2 s … 30 s, and up to a half less, so that many do not
   * fall into step. Attempts that were on their way when it began to rest count as one failure.
   */
  failed(target: number): void {
    const now = this.#now();
    if (this.#until[target]! > now) return;
    const last = this.#rests[target]!;
    const rest = last === 0 ? FIRST_REST_MS : Math.min(LONGEST_REST_MS, last * 2);
    this.#rests[target] = rest;
    this.#until[target] = now + rest * (1 - this.#random() / 2);
  }

  /** Whether it has failed since it last worked. */
  isFailing(target: number): boolean {
    return this.#rests[target]! > 0;
  }

  /** Whether it rests, for who asks how it is doing. */
  rests(target: number): boolean {
    return this.#until[target]! > this.#now();
  }
}
