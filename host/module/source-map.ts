// Source map: where a module says that its source map is. Only a name is taken from there: which folder is looked
// into is not the module's to say. It opens nothing.

import { type ParsedModule, SECTIONS } from './binary.ts';
import type { Edit } from './edits.ts';
import { BinaryError, Reader } from './reader.ts';

/** A source map that may be there. */
export interface MapOf {
  /** A name until the folder is known, a path from then on. */
  readonly map: string;
  /** How much further behind an instruction lies in the file than in the copy that the engine has. */
  readonly shift: number;
}

const SECTION = 'sourceMappingURL';
const NAME = /(?:^|\/)([^\p{Cc}/\\]{1,251}\.map)$/u;

/**
 * What the module says of its map, null when it has none.
 * @param edits by which the engine's copy differs
 */
export function mapOf(
  binary: Uint8Array,
  { custom, sections }: ParsedModule,
  edits: readonly Edit[],
): MapOf | null {
  const code = sections.get(SECTIONS.indexOf('code'));
  if (code === undefined) return null;
  for (const { start, end } of custom) {
    const url = urlIn(new Reader(binary, start, end, 'custom'));
    if (url === null) continue;
    const map = NAME.exec(url)?.[1];
    if (map === undefined) return null;
    const before = edits.filter(({ to }) => to <= code.start);
    const shift = before.reduce((sum, { from, to, by }) => sum + to - from - sizeOf(by), 0);
    return { map, shift };
  }
  return null;
}

const sizeOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, { length }) => sum + length, 0);

// Engines ignore what is damaged, and so does this.
function urlIn(section: Reader): string | null {
  try {
    return section.name() === SECTION ? section.name() : null;
  } catch (error) {
    if (error instanceof BinaryError) return null;
    throw error;
  }
}
