// Turns: names that guests have asked for, looked up a few at a time, each asker in turn. So a client that asks for very
// many waits for itself, and the others do not wait for it. It keeps no address.

import type { LookUp } from './addresses.ts';

/** Guests choose names: how many wait is bounded, over all servers of the process. */
const MOST_WAITING = 1024;

interface Wish {
  readonly name: string;
  /** Nobody waits for it any longer. */
  readonly until: number;
  /** Null: it was not looked up. */
  readonly answer: (found: Promise<readonly string[]> | null) => void;
}

export class Turns {
  readonly #lookUp: LookUp;
  readonly #now: () => number;
  readonly #places: number;
  /** What each asker waits for. The first asker is next. */
  readonly #lines = new Map<string, Wish[]>();
  #waiting = 0;
  #running = 0;
  #members = 0;

  /**
   * @param places so many are looked up at a time; with 0 none ever is
   * @param now monotonic milliseconds
   */
  constructor(lookUp: LookUp, places: number, now: () => number) {
    this.#lookUp = lookUp;
    this.#places = places;
    this.#now = now;
  }

  /** A number for whoever speaks of askers of its own. */
  join(): number {
    this.#members += 1;
    return this.#members;
  }

  /**
   * Null if the name is not looked up: too many wait, or its time is over before its turn. When all places in the line
   * are taken, the asker who has the most of them gives one up.
   * @param until after that nobody wants to know
   */
  async lookUp(name: string, asker: string, until: number): Promise<readonly string[] | null> {
    if (this.#places === 0 || !this.#makeRoom(asker)) return null;
    return new Promise((answer) => {
      const line = this.#lines.get(asker) ?? [];
      line.push({ name, until, answer });
      this.#lines.set(asker, line);
      this.#waiting += 1;
      this.#next();
    });
  }

  #makeRoom(asker: string): boolean {
    if (this.#waiting < MOST_WAITING) return true;
    const now = this.#now();
    this.#drop((wish) => wish.until <= now);
    if (this.#waiting < MOST_WAITING) return true;
    const lines = [...this.#lines].sort(([, a], [, b]) => b.length - a.length);
    const [longest, line] = lines[0]!;
    if (line.length <= (this.#lines.get(asker)?.length ?? 0)) return false;
    const last = line.at(-1)!;
    this.#drop((wish) => wish === last, longest);
    return true;
  }

  /** @param asker all, if it is not given */
  #drop(unwanted: (wish: Wish) => boolean, asker?: string): void {
    for (const [name, line] of [...this.#lines]) {
      if (asker !== undefined && name !== asker) continue;
      const dropped = line.filter(unwanted);
      if (dropped.length === 0) continue;
      this.#keep(
        name,
        line.filter((wish) => !dropped.includes(wish)),
      );
      this.#waiting -= dropped.length;
      for (const { answer } of dropped) answer(null);
    }
  }

  #keep(asker: string, line: Wish[]): void {
    if (line.length === 0) this.#lines.delete(asker);
    else this.#lines.set(asker, line);
  }

  #next(): void {
    while (this.#running < this.#places && this.#waiting > 0) {
      const [asker, line] = this.#lines.entries().next().value!;
      const [wish, ...rest] = line as [Wish, ...Wish[]];
      this.#lines.delete(asker);
      this.#keep(asker, rest);
      this.#waiting -= 1;
      if (wish.until <= this.#now()) wish.answer(null);
      else void this.#run(wish);
    }
  }

  async #run({ name, answer }: Wish): Promise<void> {
    this.#running += 1;
    const found = this.#lookUp(name);
    answer(found);
    try {
      await found;
    } catch {
      // Whoever has asked is told.
    }
    this.#running -= 1;
    this.#answerOthers(name, found);
    this.#next();
  }

  /** Who waits for the same name has its answer, too. */
  #answerOthers(name: string, found: Promise<readonly string[]>): void {
    for (const [asker, line] of [...this.#lines]) {
      const same = line.filter((wish) => wish.name === name);
      if (same.length === 0) continue;
      this.#keep(
        asker,
        line.filter((wish) => wish.name !== name),
      );
      this.#waiting -= same.length;
      for (const { answer } of same) answer(found);
    }
  }
}
