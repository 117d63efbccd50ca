// Crash modules: keeps the module of a crash file beside it, where modules change under the author's hands. It knows
// what such a file says of its module, and nothing of crashes.

import { createHash } from 'node:crypto';
import { open, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkCrashFolder } from './crash-files.ts';

const CRASH = /^(?:crash-\d+\.json|recording-\d+\.jsonl)$/;
/** What a file says of its module stands in front. */
const FRONT_BYTES = 4096;
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
      const text = await frontOf(path.join(this.#folder, name)).catch(() => '');
      if (text.includes(`"${sha256}"`)) return;
    }
    await rm(file, { force: true });
  }
}

async function frontOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FRONT_BYTES), 0, FRONT_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
