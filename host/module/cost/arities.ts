// Arities: how many values the functions, types and tags of a module take and give. It reads types when
// they are asked for, and knows nothing of instructions.

import type { ParsedModule } from '../binary.ts';
import { Reader } from '../reader.ts';

/** How many parameters and results the types, functions and tags of a module have. */
export class Arities {
  readonly #reader: Reader;
  readonly #types: readonly number[];
  readonly #functions: readonly number[];
  readonly #tags: readonly number[];
  readonly #params: Int16Array;
  readonly #results: Int16Array;

  constructor(binary: Uint8Array, { types, functions, imports, tags }: ParsedModule) {
    this.#reader = new Reader(binary, 0, binary.length, 'type');
    this.#types = types;
    this.#functions = functions;
    const imported = imports.filter(({ kind }) => kind === 'tag');
    this.#tags = [...imported.map(({ typeIndex }) => typeIndex!), ...tags];
    this.#params = new Int16Array(types.length).fill(-1);
    this.#results = new Int16Array(types.length);
  }

  /** A type that is not there has none: the engine refuses such a module. */
  params(type: number): number {
    if (this.#params[type] === -1) this.#read(type);
    return this.#params[type] ?? 0;
  }

  results(type: number): number {
    if (this.#params[type] === -1) this.#read(type);
    return this.#results[type] ?? 0;
  }

  ofFunction(index: number): number {
    return this.#functions[index] ?? -1;
  }

  ofTag(index: number): number {
    return this.#tags[index] ?? -1;
  }

  #read(type: number): void {
    this.#params[type] = 0;
    const at = this.#types[type]!;
    if (at < 0) return;
    this.#reader.at = at;
    this.#params[type] = this.#reader.valueTypes().length;
    this.#results[type] = this.#reader.valueTypes().length;
  }
}
