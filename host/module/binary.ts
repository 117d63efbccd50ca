// The core WebAssembly binary format (webassembly.github.io/spec/core/binary): reads what a loader
// judges. It knows no policy, changes nothing, and leaves bodies, data and types to the engine.

import { BinaryError, hex, type Kind, type Limits, MOST, Reader } from './reader.ts';

export const WASM_PAGE_BYTES = 65_536;

/** Value types by their first byte; the type that a `(ref …)` names is not kept. */
export interface FunctionType {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

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
  readonly exports: readonly Export[];
  /** Index of the start function. */
  readonly start: number | null;
  /** Type indexes of the tags that the module defines. */
  readonly tags: readonly number[];
  readonly sections: ReadonlyMap<number, Section>;
}

export const SECTIONS: readonly string[] = (
  'custom type import function table memory global export ' +
  'start element code data data-count tag'
).split(' ');
// Ids were given out in another order than sections have to come in.
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** @throws BinaryError when the file is not one that an engine could compile, as far as it is read. */
export function parseModule(binary: Uint8Array): ParsedModule {
  checkHeader(binary);
  const types: number[] = [];
  const imports: Import[] = [];
  const functions: number[] = [];
  const tables: Table[] = [];
  const memories: Limits[] = [];
  const exports: Export[] = [];
  const tags: number[] = [];
  let start: number | null = null;
  const readers: Record<string, (section: Reader) => void> = {
    type: (section) => section.vector('types', () => readRecursiveTypes(section, types)),
    import: (section) => section.vector('imports', () => imports.push(readImport(section))),
    function: (section) => section.vector('functions', () => functions.push(section.u32())),
    table: (section) => section.vector('tables', () => tables.push(readTable(section))),
    memory: (section) => section.vector('memories', () => memories.push(readMemory(section))),
    tag: (section) => section.vector('tags', () => tags.push(readTag(section))),
    export: (section) => section.vector('exports', () => exports.push(readExport(section))),
    start: (section) => {
      start = section.u32();
    },
  };
  const sections = readSections(binary, (name, section) => {
    const read = readers[name];
    if (read === undefined) return;
    read(section);
    if (section.left > 0) throw section.error('malformed', `${section.left} bytes too many`);
  });
  const imported = imports.filter(({ kind }) => kind === 'function');
  const all = [...imported.map(({ typeIndex }) => typeIndex!), ...functions];
  const module = {
    types,
    imports,
    functions: all,
    tables,
    memories,
    exports,
    start,
    tags,
    sections,
  };
  checkIndexes(module);
  return module;
}

/** The type of a function, by its index among all functions. */
export function functionType(
  binary: Uint8Array,
  { types, functions }: ParsedModule,
  index: number,
): FunctionType {
  const reader = new Reader(binary, types[functions[index]!]!, binary.length, 'type');
  return { params: reader.valueTypes(), results: reader.valueTypes() };
}

const VALUE_TYPES = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
]);

/** As the guest interface is written down: `(i32, i32) -> i32`, `() -> ()`. */
export function signatureOf({ params, results }: FunctionType): string {
  const names = (types: readonly number[]) =>
    types.map((type) => VALUE_TYPES.get(type) ?? 'ref').join(', ');
  return `(${names(params)}) -> ${results.length === 1 ? names(results) : `(${names(results)})`}`;
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

function readSections(
  binary: Uint8Array,
  read: (name: string, section: Reader) => void,
): Map<number, Section> {
  const file = new Reader(binary, 8, binary.length, null);
  const sections = new Map<number, Section>();
  let next = 0;
  while (file.left > 0) {
    const id = file.byte();
    const size = file.at;
    const bytes = file.u32();
    const start = file.at;
    file.skip(bytes);
    if (id === 0) continue;
    const place = ORDER.indexOf(id);
    if (place < 0) throw file.error('unsupported', `section id ${id}`);
    const name = SECTIONS[id]!;
    if (place < next) throw file.error('malformed', `the ${name} section twice or out of order`);
    next = place + 1;
    sections.set(id, { size, start, end: file.at });
    read(name, new Reader(binary, start, file.at, name));
  }
  return sections;
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
function readRecursiveTypes(section: Reader, types: number[]): void {
  if (section.peek() === 0x4e) {
    section.byte();
    section.vector('types', () => readType(section, types));
  } else readType(section, types);
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
