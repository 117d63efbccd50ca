// The core WebAssembly binary format (webassembly.github.io/spec/core/binary): reads what a loader
// judges. It knows no policy, changes nothing, and leaves bodies, data and types to the engine.

import { BinaryError, hex, type Kind, type Limits, MOST, Reader } from './reader.ts';
import { atOnce, PORTION_BYTES } from './slices.ts';

export const WASM_PAGE_BYTES = 65_536;

export interface Table {
  readonly elementType: number;
  readonly limits: Limits;
}

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: Kind;
  /** Of a function or tag. */
  readonly typeIndex: number | null;
  /** Of a table or memory. */
  readonly limits: Limits | null;
}

export interface Export {
  readonly name: string;
  readonly kind: Kind;
  readonly index: number;
}

export interface Section {
  /** Where the section begins, its size stands, and its content begins and ends. */
  readonly from: number;
  readonly size: number;
  readonly start: number;
  readonly end: number;
}

export interface ParsedModule {
  /** Where each function type's parameters stand in the file; −1 for a struct or an array. */
  readonly types: readonly number[];
  readonly imports: readonly Import[];
  /** Type indexes of all functions, the imported ones first. */
  readonly functions: readonly number[];
  /** Those that the module defines itself. */
  readonly tables: readonly Table[];
  readonly memories: readonly Limits[];
  /** How many globals the module defines. */
  readonly globals: number;
  readonly exports: readonly Export[];
  /** Index of the start function. */
  readonly start: number | null;
  /** Type indexes of the tags that the module defines. */
  readonly tags: readonly number[];
  readonly sections: ReadonlyMap<number, Section>;
  readonly custom: readonly Section[];
  /** The content of the custom section that names functions, without its own name. */
  readonly names: { readonly start: number; readonly end: number } | null;
}

export const SECTIONS: readonly string[] = (
  'custom type import function table memory global export ' +
  'start element code data data-count tag'
).split(' ');
// Ids were given out in another order than sections have to come in.
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** @throws BinaryError when the file is not one that an engine could compile, as far as it is read. */
export const parseModule = (binary: Uint8Array): ParsedModule => atOnce(parseSteps(binary));

/** As `parseModule`; yields after each portion. */
export function* parseSteps(binary: Uint8Array): Generator<void, ParsedModule> {
  checkHeader(binary);
  const types: number[] = [];
  const imports: Import[] = [];
  const functions: number[] = [];
  const tables: Table[] = [];
  const memories: Limits[] = [];
  const exports: Export[] = [];
  const tags: number[] = [];
  let globals = 0;
  let start: number | null = null;
  const readers: Record<string, (section: Reader) => Generator<void, void> | undefined> = {
    type: (section) => {
      section.atMost('bytes of types', section.left);
      return each(section, 'types', () => readRecursiveTypes(section, types));
    },
    import: (section) =>
      each(section, 'imports', () => {
        const item = readImport(section);
        imports.push(item);
        if (item.kind === 'function') functions.push(item.typeIndex!);
        return undefined;
      }),
    function: (section) => each(section, 'functions', () => void functions.push(section.u32())),
    table: (section) => each(section, 'tables', () => void tables.push(readTable(section))),
    memory: (section) => each(section, 'memories', () => void memories.push(readMemory(section))),
    tag: (section) => each(section, 'tags', () => void tags.push(readTag(section))),
    global: (section) => {
      globals = section.u32();
      section.skip(section.left);
      return undefined;
    },
    export: (section) => each(section, 'exports', () => void exports.push(readExport(section))),
    start: (section) => {
      start = section.u32();
      return undefined;
    },
  };
  const { sections, custom } = findSections(binary);
  for (const [id, { start: from, end }] of sections) {
    const read = readers[SECTIONS[id]!];
    if (read === undefined) continue;
    const section = new Reader(binary, from, end, SECTIONS[id]!);
    const steps = read(section);
    if (steps !== undefined) yield* steps;
    if (section.left > 0) throw section.error('malformed', `${section.left} bytes too many`);
  }
  const module = {
    types,
    imports,
    functions,
    tables,
    memories,
    globals,
    exports,
    start,
    tags,
    sections,
    custom,
    names: namesIn(binary, custom),
  };
  checkIndexes(module);
  return module;
}

function checkHeader(binary: Uint8Array): void {
  const [magic, version] = [binary.subarray(0, 4), hex(binary.subarray(4, 8))];
  if (magic.length === 0) throw new BinaryError('empty file', '0 bytes');
  if (!'00 61 73 6d'.startsWith(hex(magic))) {
    throw new BinaryError('not a module', `it starts with ${hex(magic)}, not with 00 61 73 6d`);
  }
  if (binary.length < 8) throw new BinaryError('truncated', `the header ends at ${binary.length}`);
  if (version === '01 00 00 00') return;
  // The second half of the version is the layer: 0 for core modules, 1 for components.
  const rule = version.endsWith('01 00') ? 'component' : 'binary version';
  throw new BinaryError(rule, `its version is ${version}, not 01 00 00 00`);
}

/** All of the file is walked over: a section that is cut short is found before any is read. */
function findSections(binary: Uint8Array): { sections: Map<number, Section>; custom: Section[] } {
  const file = new Reader(binary, 8, binary.length, null);
  const sections = new Map<number, Section>();
  const custom: Section[] = [];
  let next = 0;
  while (file.left > 0) {
    const from = file.at;
    const id = file.byte();
    const size = file.at;
    const bytes = file.u32();
    const start = file.at;
    file.skip(bytes);
    const section = { from, size, start, end: file.at };
    if (id === 0) {
      custom.push(section);
      continue;
    }
    const place = ORDER.indexOf(id);
    if (place < 0) throw file.error('unsupported', `section id ${id}`);
    if (place < next) {
      throw file.error('malformed', `the ${SECTIONS[id]} section twice or out of order`);
    }
    next = place + 1;
    sections.set(id, section);
  }
  return { sections, custom };
}

const NAME = [4, ...new TextEncoder().encode('name')];

function namesIn(binary: Uint8Array, custom: readonly Section[]): ParsedModule['names'] {
  const found = custom.find(({ start }) => NAME.every((byte, at) => binary[start + at] === byte));
  return found === undefined ? null : { start: found.start + NAME.length, end: found.end };
}

/** Reads a vector; yields after each portion. */
export function* each(
  section: Reader,
  what: keyof typeof MOST,
  read: () => undefined | Generator<void, void>,
): Generator<void, void> {
  let portion = section.at + PORTION_BYTES;
  for (let left = section.count(what); left > 0; left -= 1) {
    const more = read();
    if (more !== undefined) yield* more;
    if (section.at < portion) continue;
    portion = section.at + PORTION_BYTES;
    yield;
  }
}

function checkIndexes({ types, functions, exports }: ParsedModule): void {
  for (const type of functions) {
    if ((types[type] ?? -1) >= 0) continue;
    throw new BinaryError('malformed', `a function has type ${type}, which is not one`);
  }
  for (const { name, kind, index } of exports) {
    if (kind !== 'function' || index < functions.length) continue;
    throw new BinaryError('malformed', `export '${name}' is function ${index}, which is not there`);
  }
}

// `rec` groups, `sub` with its supertypes, and the composite types themselves.
function readRecursiveTypes(section: Reader, types: number[]): undefined | Generator<void, void> {
  if (section.peek() !== 0x4e) {
    readType(section, types);
    return undefined;
  }
  section.byte();
  return each(section, 'types', () => void readType(section, types));
}

function readType(section: Reader, types: number[]): void {
  if (types.length >= MOST.types) throw section.error('too many', `more than ${MOST.types} types`);
  let form = section.byte();
  if (form === 0x50 || form === 0x4f) {
    section.vector('types', () => section.u32());
    form = section.byte();
  }
  types.push(form === 0x60 ? section.at : -1);
  if (form === 0x60) {
    section.valueTypes();
    section.valueTypes();
  } else if (form === 0x5f) section.vector('fields', () => section.field());
  else if (form === 0x5e) section.field();
  else throw section.error('unsupported', `type form ${hex([form])}`);
}

function readImport(section: Reader): Import {
  const [module, name, kind] = [section.name(), section.name(), section.kind()];
  const own = { module, name, kind };
  if (kind === 'function') return { ...own, typeIndex: section.u32(), limits: null };
  if (kind === 'tag') return { ...own, typeIndex: readTag(section), limits: null };
  if (kind === 'memory') return { ...own, typeIndex: null, limits: readMemory(section) };
  if (kind === 'table') {
    section.valueType();
    return { ...own, typeIndex: null, limits: section.limits() };
  }
  section.valueType();
  section.byte();
  return { ...own, typeIndex: null, limits: null };
}

function readTable(section: Reader): Table {
  const withInitializer = section.peek() === 0x40;
  if (withInitializer) section.skip(2);
  const table = { elementType: section.valueType(), limits: section.limits() };
  if (withInitializer) section.constantExpression();
  return table;
}

function readMemory(section: Reader): Limits {
  const limits = section.limits();
  if (limits.customPageSize) section.u32();
  return limits;
}

function readTag(section: Reader): number {
  const attribute = section.u32();
  if (attribute !== 0) throw section.error('unsupported', `tag attribute ${attribute}`);
  return section.u32();
}

function readExport(section: Reader): Export {
  return { name: section.name(), kind: section.kind(), index: section.u32() };
}
