// Line map: makes a source map of what clang and rustc have written into a module for debuggers, and takes that out. So a
// module of any language says its lines in the one form that the server reads. It reads what the author's own compiler has
// made: a module that is served is never looked at in this way.

import path from 'node:path';
import { parseModule, SECTIONS } from '../module/binary.ts';
import { Reader } from '../module/reader.ts';
import { DIGITS, ENDS, LIBRARY } from '../module/source-lines.ts';
import type { FilesRead } from './files.ts';
import { lineRows, type Row } from './line-table.ts';

export interface Mapped {
  readonly wasm: Uint8Array;
  /** Null if the compiler has written nothing that can be read. */
  readonly map: string | null;
}

const DEBUG = /^(?:reloc\.)?\.debug_/;
/** Of files that are not the author's so much says where they are. */
const PARTS_OF_LIBRARIES = 3;

/**
 * @param name of the map's file
 * @param folder in which the compiler ran
 * @param files that it has read
 */
export function mapLines(wasm: Uint8Array, name: string, folder: string, files: FilesRead): Mapped {
  const { custom, sections } = parseModule(wasm);
  const code = sections.get(SECTIONS.indexOf('code'));
  const named = custom.map((section) => {
    const reader = new Reader(wasm, section.start, section.end, 'custom');
    return { ...section, name: reader.name(), at: reader.at };
  });
  const debug = named.filter((section) => DEBUG.test(section.name));
  if (debug.length === 0 || code === undefined) return { wasm, map: null };
  const contents = new Map(debug.map(({ name: of, at, end }) => [of, wasm.subarray(at, end)]));
  const bare = without(wasm, debug);
  const rows = rowsIn(contents);
  if (rows.length === 0) return { wasm: bare, map: null };
  return {
    wasm: concat([bare, customSection('sourceMappingURL', name)]),
    map: mapText(rows, code.start, (file) => nameOf(file, folder, files)),
  };
}

/** None for what this reader has not been taught: it only makes a line of the log longer. */
function rowsIn(sections: ReadonlyMap<string, Uint8Array>): Row[] {
  try {
    return lineRows(sections);
  } catch {
    return [];
  }
}

function without(wasm: Uint8Array, left: readonly { from: number; end: number }[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { from, end } of left) {
    parts.push(wasm.subarray(at, from));
    at = end;
  }
  return concat([...parts, wasm.subarray(at)]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function customSection(name: string, content: string): Uint8Array {
  const [first, second] = [name, content].map((text) => {
    const bytes = new TextEncoder().encode(text);
    return concat([unsigned(bytes.length), bytes]);
  });
  const both = concat([first!, second!]);
  return concat([Uint8Array.of(0), unsigned(both.length), both]);
}

function unsigned(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

function mapText(rows: readonly Row[], codeStart: number, seen: (file: string) => string): string {
  const sources: string[] = [];
  const numbers = new Map<string, number>();
  const segments: string[] = [];
  let [offset, source, line, column] = [0, 0, 0, 0];
  for (const [index, row] of rows.entries()) {
    const before = rows[index - 1];
    if (before !== undefined && sameLine(before, row)) continue;
    const at = codeStart + row.address;
    const fields = [at - offset];
    offset = at;
    if (row.file !== null && row.line > 0) {
      const name = seen(row.file);
      const number = numbers.get(name) ?? sources.push(name) - 1;
      numbers.set(name, number);
      const [row0, column0] = [row.line - 1, Math.max(0, row.column - 1)];
      fields.push(number - source, row0 - line, column0 - column);
      [source, line, column] = [number, row0, column0];
    }
    segments.push(fields.map(digits).join(''));
  }
  const mappings = segments.join(',');
  return JSON.stringify({ version: 3, sources, names: [], mappings, [ENDS]: true });
}

const sameLine = (a: Row, b: Row): boolean =>
  a.file === b.file && a.line === b.line && a.column === b.column;

/** The author's files as they are seen from the project; all others as a library's. */
function nameOf(file: string, folder: string, files: FilesRead): string {
  const whole = path.resolve(folder, file);
  const relative = path.relative(folder, whole);
  const own = Object.hasOwn(files, whole) && !/^\.\.|(?:^|\/)node_modules\//.test(relative);
  return own ? relative : LIBRARY + file.split('/').slice(-PARTS_OF_LIBRARIES).join('/');
}

/** A number of a source map: base64 of five bits each, the sign in the lowest. */
function digits(value: number): string {
  let text = '';
  for (let rest = value < 0 ? -value * 2 + 1 : value * 2; ; ) {
    const digit = rest % 32;
    rest = Math.floor(rest / 32);
    text += DIGITS[rest > 0 ? digit + 32 : digit];
    if (rest === 0) return text;
  }
}
