// Places: where in the author's own sources something stands that a module has or imports. It looks for words, and
// understands no language.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FilesRead } from './files.ts';

// Both kinds of comments, and texts, in each of the three languages. A quote in Rust may also begin a lifetime:
// only what ends on its line is taken for a text.
const NOT_CODE = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;

/** The author's files among those that were read, without what stands in packages. */
export class Sources {
  readonly #texts = new Map<string, string>();

  /** @param folder from which places are seen */
  constructor(folder: string, files: FilesRead) {
    for (const file of Object.keys(files)) {
      if (files[file] === '' || file.includes('/node_modules/')) continue;
      if (!/\.(?:ts|rs|c|h)$/.test(file)) continue;
      this.#texts.set(path.relative(folder, file), codeOf(file));
    }
  }

  /** Where it stands first, as `src/mine.ts:5:35`; null if it does not. */
  find(pattern: RegExp): string | null {
    return this.match(pattern)?.place ?? null;
  }

  /** The same, with the word that the pattern's first group has; empty without one. */
  match(pattern: RegExp): { readonly place: string; readonly word: string } | null {
    for (const [file, text] of this.#texts) {
      const found = pattern.exec(text);
      if (found === null) continue;
      const before = text.slice(0, found.index).split('\n');
      const place = `${file}:${before.length}:${before.at(-1)!.length + 1}`;
      return { place, word: found[1] ?? '' };
    }
    return null;
  }
}

/** The text with spaces for all that is no code, so that places stay what they are. */
function codeOf(file: string): string {
  try {
    const blank = (found: string): string => found.replaceAll(/[^\n]/g, ' ');
    return readFileSync(file, 'utf8').replaceAll(NOT_CODE, blank);
  } catch {
    // It was deleted meanwhile: there is no place to tell.
    return '';
  }
}
