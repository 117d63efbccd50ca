// Rotation: which of several targets is next. They are taken in turn; one that has failed rests. It is given clock
// and chance, and knows targets by their places in a list.

const FIRST_REST_MS = 1000;
const LONGEST_REST_MS = 30_000;
/** A target that fails so many clients one after the other does not do so for who they are. */
const FAILED_CLIENTS = 3;
/** So long the others come first for a client whom a target has failed: it may have to wait a second to be failed again. */
const CLIENT_REST_MS = 10_000;
/** Of each target; the one whom it failed first makes room. */
const MOST_CLIENTS = 256;

export class Rotation {
  readonly #now: () => number;
  readonly #random: () => number;
  /** Until when each rests. */
  readonly #until: Float64Array;
  /** How long the last rest was meant to be; 0 for one that works. */
  readonly #rests: Float64Array;
  /** In whose names connections to each have failed since one came about. */
  readonly #clients: Set<string>[];
  /** Until when each rests for those clients alone. */
  readonly #shunned: Map<string, number>[];
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
    this.#shunned = Array.from({ length: targets }, () => new Map());
    for (const [target, place] of (before?.places ?? []).entries()) {
      if (place < 0) continue;
      this.#until[target] = before!.rotation.#until[place]!;
      this.#rests[target] = before!.rotation.#rests[place]!;
      this.#clients[target] = before!.rotation.#clients[place]!;
      this.#shunned[target] = before!.rotation.#shunned[place]!;
    }
  }

  /**
   * The targets in the order in which one connection tries them: first those in service, beginning with the one
   * whose turn it is, and behind them those that have failed this client; then those that rest, the one that is ready
   * soonest first, since trying is better than not.
   * @param client in whose name it is; '' for nobody
   */
  order(client = ''): number[] {
    const now = this.#now();
    const count = this.#until.length;
    const turn = Array.from({ length: count }, (_, index) => (this.#next + index) % count);
    const shuns = (target: number): boolean => this.#shunned[target]!.get(client)! > now;
    const inService = turn.filter((target) => this.#until[target]! <= now);
    inService.sort((a, b) => Number(shuns(a)) - Number(shuns(b)));
    const resting = turn.filter((target) => this.#until[target]! > now);
    resting.sort((a, b) => this.#until[a]! - this.#until[b]!);
    this.#next = ((inService[0] ?? resting[0] ?? 0) + 1) % Math.max(1, count);
    return [...inService, ...resting];
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
    this.#shun(target, client);
    const clients = this.#clients[target]!;
    clients.add(client);
    if (clients.size < FAILED_CLIENTS) return false;
    clients.clear();
    return true;
  }

  #shun(target: number, client: string): void {
    const shunned = this.#shunned[target]!;
    shunned.delete(client);
    shunned.set(client, this.#now() + CLIENT_REST_MS);
    if (shunned.size > MOST_CLIENTS) shunned.delete(shunned.keys().next().value!);
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
