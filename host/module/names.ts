// Names: what an engine is told of the functions' names, short and printable: V8 copies a function's
// whole name for each frame of an error's stack. It knows the name section, and nobody who reads names.

import { printable } from '../text.ts';
import type { ParsedModule } from './binary.ts';
import { unsigned } from './edits.ts';
import { BinaryError, Reader } from './reader.ts';
import { atOnce, PORTION_BYTES } from './slices.ts';

/** Longer names are cut. */
const NAME_CHARACTERS = 64;

const FUNCTION_NAMES = 1;
const NAME_SECTION = Uint8Array.of(4, 0x6e, 0x61, 0x6d, 0x65);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A name section in which the functions have short names, or null when none has a name. */
export function* shortNames(
  binary: Uint8Array,
  module: ParsedModule,
): Generator<void, Uint8Array | null> {
  const entries = new Written();
  let [count, last] = [0, -1];
  yield* readNames(binary, module, (index, name) => {
    // The format wants them in order; a hostile file could name one function a million times.
    if (index <= last) return;
    last = index;
    count += 1;
    entries.unsigned(index);
    entries.name(name);
  });
  if (count === 0) return null;
  const counted = unsigned(count);
  const size = unsigned(counted.length + entries.length);
  const head = [NAME_SECTION, Uint8Array.of(FUNCTION_NAMES), size, counted];
  const content = head.reduce((sum, { length }) => sum + length, entries.length);
  const section = new Uint8Array(1 + unsigned(content).length + content);
  let at = 1;
  for (const piece of [unsigned(content), ...head, entries.bytes]) {
    section.set(piece, at);
    at += piece.length;
  }
  return section;
}

/** Bytes that are written one after the other. */
class Written {
  length = 0;
  #room = new Uint8Array(4096);

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.length);
  }

  unsigned(value: number): void {
    this.#add(unsigned(value));
  }

  name(name: Uint8Array): void {
    const text = shortName(name);
    this.unsigned(text.length);
    this.#add(text);
  }

  #add(piece: Uint8Array): void {
    const end = this.length + piece.length;
    if (end > this.#room.length) {
      const more = new Uint8Array(2 * end);
      more.set(this.bytes);
      this.#room = more;
    }
    this.#room.set(piece, this.length);
    this.length = end;
  }
}

/** What a function is called, for a message: by its export or its name; empty when it has neither. */
export function functionName(binary: Uint8Array, module: ParsedModule, index: number): string {
  const exported = module.exports.find((item) => item.kind === 'function' && item.index === index);
  let found = exported === undefined ? '' : shortText(exported.name);
  const steps = readNames(binary, module, (named, name) => {
    if (named === index && found === '') found = decoder.decode(shortName(name));
  });
  atOnce(steps);
  return found;
}

/** How long the longest name is that a module which has been compiled already gives a function. */
export function longestName(module: WebAssembly.Module): number {
  let longest = 0;
  for (const content of WebAssembly.Module.customSections(module, 'name')) {
    const binary = new Uint8Array(content);
    const names = { start: 0, end: binary.length };
    const functions = { length: Number.POSITIVE_INFINITY };
    const steps = readNames(binary, { names, functions }, (_, name) => {
      longest = Math.max(longest, name.length);
    });
    atOnce(steps);
  }
  return longest;
}

interface Named {
  readonly names: { readonly start: number; readonly end: number } | null;
  readonly functions: { readonly length: number };
}

// What is damaged has nothing to say: engines ignore it, too.
function* readNames(
  binary: Uint8Array,
  { names, functions }: Named,
  visit: (index: number, name: Uint8Array) => void,
): Generator<void, void> {
  if (names === null) return;
  const section = new Reader(binary, names.start, names.end, 'name');
  try {
    while (section.left > 0) {
      const id = section.byte();
      const end = section.u32() + section.at;
      if (id !== FUNCTION_NAMES) {
        section.skip(end - section.at);
        continue;
      }
      let portion = section.at + PORTION_BYTES;
      for (let left = section.u32(); left > 0 && section.at < end; left -= 1) {
        const index = section.u32();
        const length = section.u32();
        section.skip(length);
        const name = binary.subarray(section.at - length, section.at);
        if (index < functions.length) visit(index, name);
        if (section.at < portion) continue;
        portion = section.at + PORTION_BYTES;
        yield;
      }
      return;
    }
  } catch (error) {
    if (!(error instanceof BinaryError)) throw error;
  }
}

function shortName(name: Uint8Array): Uint8Array {
  if (name.length <= NAME_CHARACTERS && name.every((byte) => byte > 0x20 && byte < 0x7f)) {
    return name;
  }
  // Four bytes are the longest character.
  return encoder.encode(shortText(decoder.decode(name.subarray(0, NAME_CHARACTERS * 4))));
}

function shortText(name: string): string {
  const text = printable(name.slice(0, NAME_CHARACTERS + 1));
  if (text.length <= NAME_CHARACTERS) return text;
  return `${[...text].slice(0, NAME_CHARACTERS - 1).join('')}…`;
}
