// Source maps: which line of a source an instruction of a module came from. A map is read when somebody asks for a
// line, and once. It does not know how a module names its map.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { printable } from '../text.ts';

// asc's map of a large protocol has some 200 KB. It is read while nobody is served.
const MOST_BYTES = 4 * 1024 * 1024;

/** A source map that was read. */
class SourceMap {
  readonly #sources: readonly string[];
  /** Four numbers a place, in the order of the first: offset, source, line and column, the last two from 0. */
  readonly #places: Int32Array;

  private constructor(sources: readonly string[], places: Int32Array) {
    this.#sources = sources;
    this.#places = places;
  }

  /** Reads a map; null when it is not there, or is none. */
  static read(file: string): SourceMap | null {
    try {
      const { version, sources, mappings } = JSON.parse(textOf(file)) as Record<string, unknown>;
      if (version !== 3 || typeof mappings !== 'string' || !Array.isArray(sources)) return null;
      return new SourceMap(sources.map(String), placesOf(mappings));
    } catch {
      // It only makes a line of the log longer.
      return null;
    }
  }

  /** `assembly/echo.ts:12:5` for a place in the module's file, or null. */
  lineAt(offset: number): string | null {
    const places = this.#places;
    let [low, high] = [0, places.length / PLACE];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle * PLACE]! <= offset) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const [, source = 0, line = 0, column = 0] = places.subarray((low - 1) * PLACE, low * PLACE);
    const name = this.#sources[source];
    return name === undefined ? null : `${printable(name, 256)}:${line + 1}:${column + 1}`;
  }
}

/** Maps that were asked for, each read once; what is not there is not looked for again. */
export class SourceMaps {
  readonly #maps = new Map<string, SourceMap | null>();

  /** See `SourceMap.lineAt`. */
  lineAt({ map, offset }: { readonly map: string; readonly offset: number }): string | null {
    const known = this.#maps.get(map);
    const found = known === undefined ? SourceMap.read(map) : known;
    if (known === undefined) this.#maps.set(map, found);
    return found?.lineAt(offset) ?? null;
  }

  /** The files may be others by now. */
  forget(): void {
    this.#maps.clear();
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

const PLACE = 4;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

// Source Map Revision 3: base64 VLQ, each number the difference to the one before. All of a module is one line.
function placesOf(mappings: string): Int32Array {
  const places: number[] = [];
  let [offset, source, line, column] = [0, 0, 0, 0];
  for (const segment of mappings.split(';', 1)[0]!.split(',')) {
    const fields = numbersIn(segment);
    offset += fields[0] ?? 0;
    if (fields.length < PLACE) continue;
    source += fields[1]!;
    line += fields[2]!;
    column += fields[3]!;
    places.push(offset, source, line, column);
  }
  return Int32Array.from(places);
}

function numbersIn(segment: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const letter of segment) {
    const digit = DIGITS.indexOf(letter);
    if (digit < 0) throw new Error(`'${letter}' is no digit`);
    value |= (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 0 ? value >>> 1 : -(value >>> 1));
    [value, shift] = [0, 0];
  }
  return numbers;
}
