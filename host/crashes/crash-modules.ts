// Crash modules: keeps the module of a crash file beside it, where modules change under the author's hands. It knows
// what such a file says of its module, and nothing of crashes.

import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkCrashFolder } from './crash-files.ts';

const CRASH = /^crash-\d+\.json$/;
/** So many digits of the digest tell the modules of one author apart. */
const DIGEST_DIGITS = 12;

/** The module that is served lies in the folder; the ones before, as long as a crash file is of them. */
export class CrashModules {
  readonly #folder: string;
  #current: { readonly file: string; readonly sha256: string } | null = null;

  /**
   * @param folder where the crash files are
   * @throws WasmpollError ERR_OPTION when there is no such folder, or it cannot be written to
   */
  constructor(folder: string) {
    checkCrashFolder(folder);
    this.#folder = folder;
  }

  /** @param name of the module, without an ending. Rejects when the folder takes no file */
  async serve(name: string, wasm: Uint8Array): Promise<void> {
    const sha256 = createHash('sha256').update(wasm).digest('hex');
    const file = path.join(this.#folder, `${name}-${sha256.slice(0, DIGEST_DIGITS)}.wasm`);
    if (sha256 === this.#current?.sha256) return;
    await writeFile(file, wasm);
    const before = this.#current;
    this.#current = { file, sha256 };
    if (before !== null) await this.#drop(before);
  }

  /** None is served any more. */
  async end(): Promise<void> {
    if (this.#current !== null) await this.#drop(this.#current);
    this.#current = null;
  }

  async #drop({ file, sha256 }: { readonly file: string; readonly sha256: string }): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (!CRASH.test(name)) continue;
      const text = await readFile(path.join(this.#folder, name), 'utf8').catch(() => '');
      if (text.includes(`"${sha256}"`)) return;
    }
    await rm(file, { force: true });
  }
}
