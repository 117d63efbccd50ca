// Guest names: the addresses of names that guests have chosen, kept for a while and never longer. It judges no address.

import { addressesOf, FAILURE_KEPT_MS, KEPT_MS, NONE } from './addresses.ts';
import type { Turns } from './turns.ts';

/** Guests choose names: what is kept of them is bounded. */
const MOST_NAMES = 1024;

interface Entry {
  readonly until: number;
  /** Empty: there are none. */
  readonly addresses: readonly Uint8Array[];
}

export class GuestNames {
  readonly #turns: Turns;
  readonly #now: () => number;
  readonly #member: number;
  /** The one that was looked up first comes first. */
  readonly #kept = new Map<string, Entry>();

  /** @param now monotonic milliseconds */
  constructor(turns: Turns, now: () => number) {
    this.#turns = turns;
    this.#now = now;
    this.#member = turns.join();
  }

  /** What is kept of a name; undefined if it has to be looked up. */
  kept(name: string): readonly Uint8Array[] | undefined {
    const entry = this.#kept.get(name);
    return entry === undefined || entry.until <= this.#now() ? undefined : entry.addresses;
  }

  /**
   * The addresses of a name in the order in which they are tried; none if it has none, or cannot be looked up. Null if
   * it was not looked up: see `Turns.lookUp`. It never rejects.
   * @param asker of whose names one is looked up after the other
   */
  async resolve(name: string, asker: string, until: number): Promise<readonly Uint8Array[] | null> {
    const kept = this.kept(name);
    if (kept !== undefined) return kept;
    let addresses = NONE;
    try {
      const found = await this.#turns.lookUp(name, `${this.#member}/${asker}`, until);
      if (found === null) return null;
      addresses = addressesOf(found);
    } catch {
      // A name without addresses is an answer, as is a resolver that fails: the connection cannot be made.
    }
    this.#keep(name, addresses);
    return addresses;
  }

  #keep(name: string, addresses: readonly Uint8Array[]): void {
    this.#kept.delete(name);
    if (this.#kept.size >= MOST_NAMES) {
      const [oldest] = this.#kept.keys();
      this.#kept.delete(oldest!);
    }
    const keptMs = addresses.length === 0 ? FAILURE_KEPT_MS : KEPT_MS;
    this.#kept.set(name, { until: this.#now() + keptMs, addresses });
  }
}
