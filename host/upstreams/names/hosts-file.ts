// Hosts file: whether a name stands in hosts(5). It looks nothing up.

import { readFile, stat } from 'node:fs/promises';

/** It changes seldom; so often it is looked whether it has. */
const LOOKED_AT_MS = 5000;

export class HostsFile {
  readonly #path: string;
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> = Promise.resolve();
  #changedMs = Number.NaN;
  #text = '';

  /** @param now monotonic milliseconds */
  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  /** @param name in small letters. One that cannot be read has none */
  async has(name: string): Promise<boolean> {
    if (this.#now() - this.#lookedAt >= LOOKED_AT_MS) {
      this.#lookedAt = this.#now();
      this.#looking = this.#read();
    }
    await this.#looking;
    // Lists of names to be blocked are long: nothing is made of each line.
    const text = this.#text;
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      const line = text.slice(text.lastIndexOf('\n', at) + 1, at);
      if (/^[^#]*\s$/.test(line) && /^(?:[\s#]|$)/.test(text.slice(at + name.length)[0] ?? '')) {
        return true;
      }
    }
    return false;
  }

  async #read(): Promise<void> {
    try {
      const { mtimeMs } = await stat(this.#path);
      if (mtimeMs === this.#changedMs) return;
      this.#text = (await readFile(this.#path, 'latin1')).toLowerCase();
      this.#changedMs = mtimeMs;
    } catch {
      this.#text = '';
      this.#changedMs = Number.NaN;
    }
  }
}
