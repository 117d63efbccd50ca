// Resolver: the addresses of names, kept for a while. It is given the look-up and the clock, and judges no address.

import { isV4, parseIp } from '../listen/peer/ip.ts';

/** All addresses that the system has for a name, as text, the best first. Rejects when there are none. */
export type LookUp = (name: string) => Promise<readonly string[]>;

/** As long as getaddrinfo(3) tells no time to live: changes are to be seen soon. */
const KEPT_MS = 30_000;
/** A name that is not there is asked for again soon, but not for each connection. */
const FAILURE_KEPT_MS = 1000;
/** Guests choose names: what is kept of them is bounded. */
const MOST_NAMES = 1024;

/** Who gives a name more addresses is not tried longer; it also bounds what a resolver may have kept here. */
const MOST_ADDRESSES = 16;

interface Entry {
  readonly until: number;
  /** Empty: there are none. */
  readonly addresses: readonly Uint8Array[];
}

const NONE: readonly Uint8Array[] = [];

export class Resolver {
  readonly #lookUp: LookUp;
  readonly #now: () => number;
  /** In the order in which they were asked for. */
  readonly #kept = new Map<string, Entry>();
  readonly #asked = new Map<string, Promise<readonly Uint8Array[]>>();

  /** @param now milliseconds */
  constructor(lookUp: LookUp, now: () => number) {
    this.#lookUp = lookUp;
    this.#now = now;
  }

  /** What is kept of a name; undefined if it has to be looked up. */
  kept(name: string): readonly Uint8Array[] | undefined {
    const entry = this.#kept.get(name);
    return entry === undefined || entry.until <= this.#now() ? undefined : entry.addresses;
  }

  /**
   * The addresses of a name in the order in which they are tried; none if it has none, cannot be looked up, or too
   * many other names are being looked up. It never rejects.
   */
  async resolve(name: string): Promise<readonly Uint8Array[]> {
    const kept = this.kept(name);
    if (kept !== undefined) return kept;
    const asked = this.#asked.get(name);
    if (asked !== undefined) return asked;
    if (this.#asked.size >= MOST_NAMES) return NONE;
    const found = this.#find(name);
    this.#asked.set(name, found);
    try {
      return await found;
    } finally {
      this.#asked.delete(name);
    }
  }

  async #find(name: string): Promise<readonly Uint8Array[]> {
    let addresses = NONE;
    try {
      // What is no plain address, such as one with a zone, is left out.
      const found = (await this.#lookUp(name)).map(parseIp);
      addresses = interleaved(found.filter((bytes) => bytes !== null));
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

/**
 * The addresses with families in turn, as RFC 8305, 4 has it: the first as the system has sorted them, then one of the
 * other family, and so on. None is there twice.
 */
export function interleaved(addresses: readonly Uint8Array[]): Uint8Array[] {
  const once = new Map(addresses.map((bytes) => [bytes.join('.'), bytes] as const));
  const [first, ...others] = once.values();
  if (first === undefined) return [];
  const same = others.filter((bytes) => isV4(bytes) === isV4(first));
  const other = others.filter((bytes) => isV4(bytes) !== isV4(first));
  const order = [first];
  for (let at = 0; at < Math.max(same.length, other.length); at += 1) {
    if (at < other.length) order.push(other[at]!);
    if (at < same.length) order.push(same[at]!);
  }
  return order.slice(0, MOST_ADDRESSES);
}
