// Target names: the addresses of names that the operator has given. They are looked up again before they are old; and if
// no answer comes, the old ones go on. It judges no address.

import { addressesOf, FAILURE_KEPT_MS, KEPT_MS, type LookUp, NONE } from './addresses.ts';

/** So old they are looked up again, while they are still good for who comes now. */
const REFRESHED_MS = 20_000;
/** So long the first one waits for an answer when they are too old; most answers take less. */
const PATIENCE_MS = 250;
/** Without any answer for so long, a name is as good as gone. */
const LONGEST_KEPT_MS = 3_600_000;

interface Entry {
  addresses: readonly Uint8Array[];
  /** When the name was answered last. */
  answeredAt: number;
  /** From then on it is looked up again; and from then on it has to be. */
  refreshAt: number;
  until: number;
  /** What is on its way. */
  asked: Promise<void> | null;
  /** No answer has come in time: the old ones are good until there is one. */
  isLate: boolean;
}

/** What is known of it says that the name is not there, and not that nobody has answered. */
const isAbsence = (error: unknown): boolean => (error as { code?: unknown }).code === 'ENOTFOUND';

export class TargetNames {
  readonly #lookUp: LookUp;
  readonly #now: () => number;
  readonly #pause: (milliseconds: number) => Promise<void>;
  readonly #entries = new Map<string, Entry>();

  /** @param now monotonic milliseconds */
  constructor(lookUp: LookUp, now: () => number, pause: (milliseconds: number) => Promise<void>) {
    this.#lookUp = lookUp;
    this.#now = now;
    this.#pause = pause;
  }

  /** What is known of a name; undefined if an answer should be awaited. */
  kept(name: string): readonly Uint8Array[] | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const now = this.#now();
    if (now >= entry.answeredAt + LONGEST_KEPT_MS) entry.isLate = false;
    else if (now >= entry.refreshAt && entry.addresses.length > 0) void this.#refresh(name, entry);
    return entry.isLate || now < entry.until ? entry.addresses : undefined;
  }

  /**
   * The addresses of a name in the order in which they are tried; none if it has none, or cannot be looked up. If there
   * are old ones, an answer is awaited for a moment only. It never rejects.
   */
  async resolve(name: string): Promise<readonly Uint8Array[]> {
    const kept = this.kept(name);
    if (kept !== undefined) return kept;
    const entry = this.#entryOf(name);
    const asked = this.#refresh(name, entry);
    const isOld = this.#now() >= entry.answeredAt + LONGEST_KEPT_MS;
    if (entry.addresses.length === 0 || isOld) await asked;
    else {
      await Promise.race([asked, this.#pause(PATIENCE_MS)]);
      if (entry.asked === asked) entry.isLate = true;
    }
    return entry.addresses;
  }

  /** Forgets all other names. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of [...this.#entries.keys()]) {
      if (!names.has(name)) this.#entries.delete(name);
    }
  }

  #entryOf(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const never = Number.NEGATIVE_INFINITY;
    const times = { answeredAt: never, refreshAt: never, until: never };
    const entry: Entry = { addresses: NONE, ...times, asked: null, isLate: false };
    this.#entries.set(name, entry);
    return entry;
  }

  #refresh(name: string, entry: Entry): Promise<void> {
    entry.asked ??= this.#ask(name, entry).finally(() => {
      entry.asked = null;
    });
    return entry.asked;
  }

  async #ask(name: string, entry: Entry): Promise<void> {
    try {
      this.#answered(entry, addressesOf(await this.#lookUp(name)));
    } catch (error) {
      const now = this.#now();
      const isOld = now >= entry.answeredAt + LONGEST_KEPT_MS;
      if (isAbsence(error) || isOld || entry.addresses.length === 0) this.#answered(entry, NONE);
      else {
        entry.isLate = true;
        entry.refreshAt = now + FAILURE_KEPT_MS;
      }
    }
  }

  #answered(entry: Entry, addresses: readonly Uint8Array[]): void {
    const now = this.#now();
    const none = addresses.length === 0;
    entry.addresses = addresses;
    entry.answeredAt = now;
    entry.refreshAt = now + (none ? FAILURE_KEPT_MS : REFRESHED_MS);
    entry.until = now + (none ? FAILURE_KEPT_MS : KEPT_MS);
    entry.isLate = false;
  }
}
