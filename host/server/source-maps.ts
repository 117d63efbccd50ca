// Source maps: files that say which line of a source an instruction of a module came from. One is read when somebody
// asks for a line, and once. It does not know how a module names its map, and not what stands in it.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { SourceLines } from '../module/source-lines.ts';
import type { Failure } from '../threads/engine.ts';

// asc's map of a large protocol has some 200 KB. It is read while nobody is served.
const MOST_BYTES = 4 * 1024 * 1024;

/** Maps that were asked for, each read once; what is not there is not looked for again. */
export class SourceMaps {
  readonly #maps = new Map<string, SourceLines | null>();

  /** See `SourceLines.at`. */
  lineAt({ map, offset, called }: NonNullable<Failure['place']>): string | null {
    const known = this.#maps.get(map);
    const found = known === undefined ? linesOf(map) : known;
    if (known === undefined) this.#maps.set(map, found);
    return found?.at(offset, called) ?? null;
  }

  /** The files may be others by now. */
  forget(): void {
    this.#maps.clear();
  }
}

/** Null for a map that is not there, or is none. */
function linesOf(file: string): SourceLines | null {
  try {
    return SourceLines.of(textOf(file));
  } catch {
    // It only makes a line of the log longer.
    return null;
  }
}

function textOf(file: string): string {
  // Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MOST_BYTES) throw new Error('not a source map');
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
