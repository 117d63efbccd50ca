// Source lines: which line of a source an instruction of a module came from, as a source map says. It opens no
// file, and does not know how a module names its map.

import { printable } from '../text.ts';

/** A source map that was read. */
export class SourceLines {
  readonly #sources: readonly string[];
  /** Four numbers a place, in the order of the first: offset, source, line and column, the last two from 0. */
  readonly #places: Int32Array;
  /** Where nothing is known a function has ended, and goes on otherwise. */
  readonly #ends: boolean;

  private constructor(sources: readonly string[], places: Int32Array, ends: boolean) {
    this.#sources = sources;
    this.#places = places;
    this.#ends = ends;
  }

  /** @returns null for a text that is no source map */
  static of(text: string): SourceLines | null {
    try {
      const map = JSON.parse(text) as Record<string, unknown>;
      const { version, sources, mappings } = map;
      if (version !== 3 || typeof mappings !== 'string' || !Array.isArray(sources)) return null;
      return new SourceLines(sources.map(String), placesOf(mappings), map[ENDS] === true);
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) return null;
      throw error;
    }
  }

  /**
   * `assembly/echo.ts:12:5` for a place in the module's file, or null. For one in a library's function that was inlined
   * also what comes before it: the author's line that has most likely called it.
   * @param called it is a call of the host that has thrown, such as abort
   */
  at(offset: number, called = false): string | null {
    const places = this.#places;
    let [low, high] = [0, places.length / PLACE];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle * PLACE]! <= offset) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const inner = called && this.#isAbort(low - 1, offset) ? low - 2 : low - 1;
    const line = this.#line(inner);
    if (line === null) return null;
    let outer = inner;
    const first = Math.max(0, inner - INLINED_PLACES);
    while (outer > first && this.#isLibrary(outer)) outer -= 1;
    return outer === inner || this.#isLibrary(outer) ? line : `${this.#line(outer)}, in ${line}`;
  }

  // asc says nothing of the calls of abort that it adds, as of the beginnings of many functions.
  #isAbort(place: number, offset: number): boolean {
    const [at, source] = this.#places.subarray(place * PLACE, (place + 1) * PLACE);
    const behind = offset - at!;
    return (
      source === NOWHERE && place > 0 && !this.#ends && behind >= FOUR_BYTES && behind < CALL_BYTES
    );
  }

  #isLibrary(place: number): boolean {
    return this.#sources[this.#places[place * PLACE + 1]!]?.startsWith(LIBRARY) !== false;
  }

  #line(place: number): string | null {
    const [, source = 0, line = 0, column = 0] = this.#places.subarray(
      place * PLACE,
      (place + 1) * PLACE,
    );
    const name = this.#sources[source];
    return name === undefined ? null : `${printable(name, 256)}:${line + 1}:${column + 1}`;
  }
}

/** What AssemblyScript puts in front of its own library and of packages. */
export const LIBRARY = '~lib/';
/** A field of maps that are made from line tables, in which a place where nothing is known ends a function. */
export const ENDS = 'x_functionEnds';
/** Further back is another call, or another function. */
const INLINED_PLACES = 64;
/** Four constants, of two to six bytes each, and behind them the call. */
const FOUR_BYTES = 8;
const CALL_BYTES = 30;
const PLACE = 4;
/** In the place of a source's number. */
const NOWHERE = -1;
/** Of base64, as source maps have them. */
export const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

// Source Map Revision 3: base64 VLQ, each number the difference to the one before. All of a module is one line.
function placesOf(mappings: string): Int32Array {
  const places: number[] = [];
  let [offset, source, line, column] = [0, 0, 0, 0];
  for (const segment of mappings.split(';', 1)[0]!.split(',')) {
    const fields = numbersIn(segment);
    offset += fields[0] ?? 0;
    if (fields.length < PLACE) {
      // From here on nothing is known.
      places.push(offset, NOWHERE, 0, 0);
      continue;
    }
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
    if (digit < 0) throw new SyntaxError(`'${letter}' is no digit`);
    value |= (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 0 ? value >>> 1 : -(value >>> 1));
    [value, shift] = [0, 0];
  }
  return numbers;
}
