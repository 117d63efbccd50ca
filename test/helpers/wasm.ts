// A small assembler: modules from a description, types and imports inferred. It knows the binary
// format and the guest interface's table, and deliberately checks nothing: tests need bad modules.

import { guestImports, optionalExports, requiredExports } from '../../host/module/interface.ts';

/** Bytes, or a name that is resolved when the module is put together. */
export type Code = readonly (
  | number
  | Code
  | { readonly call: string }
  | { readonly reference: string }
  | { readonly global: string }
  | { readonly type: string }
)[];

export interface FunctionSpec {
  /** As in the guest interface: `(i32, i32) -> i32`. Known names have theirs, others `() -> ()`. */
  readonly type?: string;
  readonly locals?: readonly string[];
  /** Without the last `end`. */
  readonly body: Code;
  /** false: not exported. */
  readonly export?: boolean;
}

export interface LimitsSpec {
  readonly min: number;
  readonly max?: number;
  /** Instead of what follows from `max`: 2 is shared, 4 is 64-bit, 8 has its own page size. */
  readonly flags?: number;
}

export interface ModuleSpec {
  /** `module.name` to a signature, or to an import's raw description; called names come of themselves. */
  readonly imports?: { readonly [fullName: string]: string | Code };
  /** null removes one of the defaults of `guest`. */
  readonly functions?: { readonly [name: string]: FunctionSpec | Code | null };
  /** null: no memory. The first one is exported as `memory`. */
  readonly memory?: LimitsSpec | readonly LimitsSpec[] | null;
  /** Of funcref. */
  readonly tables?: readonly LimitsSpec[];
  /** Functions in table 0, from element 0 on. */
  readonly elements?: readonly string[];
  /** Mutable i32, with its first value. */
  readonly globals?: { readonly [name: string]: number };
  /** Exports beside those of the functions and the memory: `[kind, index]`. */
  readonly exports?: { readonly [name: string]: readonly [kind: number, index: number] };
  /** Exceptions with the parameters of these types as values, or so many without. */
  readonly tags?: number | readonly string[];
  readonly start?: string;
  readonly data?: readonly { readonly at: number; readonly bytes: string | Uint8Array }[];
}

type Bytes = readonly number[];

export const HEADER: Bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** LEB128 of an unsigned number below 2^53. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** LEB128 of a signed 32-bit number. */
export function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest & 0x7f];
}

export const vector = (items: readonly Bytes[]): number[] => [
  ...leb(items.length),
  ...items.flat(),
];
export const name = (text: string): number[] =>
  vector([...new TextEncoder().encode(text)].map((b) => [b]));
export const section = (id: number, content: Bytes): number[] => [
  id,
  ...leb(content.length),
  ...content,
];
/** A module of ready-made sections. */
export const rawModule = (...sections: readonly Bytes[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([...HEADER, ...sections.flat()]);

// Instructions. Anything else is written as its bytes.
export const unreachable: Code = [0x00];
export const drop: Code = [0x1a];
export const end: Code = [0x0b];
export const returns: Code = [0x0f];
export const memorySize: Code = [0x3f, 0];
export const memoryGrow: Code = [0x40, 0];
export const memoryCopy: Code = [0xfc, 10, 0, 0];
export const memoryFill: Code = [0xfc, 11, 0];
export const add: Code = [0x6a];
export const subtract: Code = [0x6b];
export const equal: Code = [0x46];
export const i32 = (value: number): Code => [0x41, ...signedLeb(value)];
export const get = (local: number): Code => [0x20, ...leb(local)];
export const set = (local: number): Code => [0x21, ...leb(local)];
export const getGlobal = (global: string): Code => [0x23, { global }];
export const setGlobal = (global: string): Code => [0x24, { global }];
export const load = (offset = 0): Code => [0x28, 0, ...leb(offset)];
export const store = (offset = 0): Code => [0x36, 0, ...leb(offset)];
export const load8 = (offset = 0): Code => [0x2d, 0, ...leb(offset)];
export const store8 = (offset = 0): Code => [0x3a, 0, ...leb(offset)];
export const block = (...body: Code): Code => [0x02, 0x40, body, end];
export const loop = (...body: Code): Code => [0x03, 0x40, body, end];
/** Takes its condition from the stack. */
export const when = (...body: Code): Code => [0x04, 0x40, body, end];
export const br = (depth: number): Code => [0x0c, ...leb(depth)];
export const brIf = (depth: number): Code => [0x0d, ...leb(depth)];
/** Never ends. */
export const forever = (...body: Code): Code => [0x03, 0x40, body, br(0), end];
export const call = (target: string): Code => [0x10, { call: target }];
/** Takes the table's index from the stack, after the arguments. */
export const callIndirect = (type: string): Code => [0x11, { type }, 0];
export const functionReference = (target: string): Code => [0xd2, { reference: target }];
/** `try … catch_all … end` of the first exception proposal, which every Node runs. */
export const tryCatchAll = (body: Code, handler: Code = []): Code => [
  ...[0x06, 0x40, body],
  ...[0x19, handler, end],
];
export const throws = (tag: number): Code => [0x08, ...leb(tag)];

const VALUE_TYPES: { readonly [name: string]: number } = {
  ...{ i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b },
  ...{ funcref: 0x70, externref: 0x6f, exnref: 0x69 },
};

/** `(i32, i32) -> i32` as an entry of the type section. */
export function typeBytes(signature: string): number[] {
  const sides = signature.split('->').map((side) => side.match(/[a-z]\w*/g) ?? []);
  const [params = [], results = []] = sides.map((side) => side.map((type) => [VALUE_TYPES[type]!]));
  return [0x60, ...vector(params), ...vector(results)];
}

export const limits = ({ min, max, flags = max === undefined ? 0 : 1 }: LimitsSpec): number[] => [
  flags,
  ...leb(min),
  ...(max === undefined ? [] : leb(max)),
];

const knownExport = (name: string) => requiredExports[name] ?? optionalExports[name];

function knownImport(name: string): [module: string, signature: string] | undefined {
  const module = Object.keys(guestImports).find((module) =>
    Object.hasOwn(guestImports[module]!, name),
  );
  return module === undefined ? undefined : [module, guestImports[module]![name]!];
}

/** The module, exactly as described: nothing is added, save imports of host functions it calls. */
export function assemble(spec: ModuleSpec): Uint8Array<ArrayBuffer> {
  const functions = Object.entries(spec.functions ?? {}).flatMap(([name, given]) =>
    given === null ? [] : [{ name, ...('body' in given ? given : { body: given }) }],
  );
  const imports = new Map(Object.entries(spec.imports ?? {}));
  for (const called of calls(functions.map(({ body }) => body))) {
    const known = knownImport(called);
    if (known === undefined || functions.some(({ name }) => name === called)) continue;
    if (!imports.has(`${known[0]}.${called}`)) imports.set(`${known[0]}.${called}`, known[1]);
  }
  const types: string[] = [];
  const typeIndex = (signature: string): number => {
    if (!types.includes(signature)) types.push(signature);
    return types.indexOf(signature);
  };
  const imported = [...imports].map(([fullName, what]) => {
    const dot = fullName.indexOf('.');
    const [module, field] = [fullName.slice(0, dot), fullName.slice(dot + 1)];
    const description = typeof what === 'string' ? [0, ...leb(typeIndex(what))] : resolve(what);
    const bytes = [...name(module), ...name(field), ...description];
    return { field, kind: description[0], bytes };
  });
  const importedFunctions = imported.filter(({ kind }) => kind === 0);
  const importedGlobals = imported.filter(({ kind }) => kind === 3).length;
  const indexes = [...importedFunctions, ...functions.map(({ name: field }) => ({ field }))];
  // The last of a name is meant: a module's own function hides an import.
  const indexOf = (name: string): number => indexes.findLastIndex(({ field }) => field === name);
  const globals = Object.entries(spec.globals ?? {});

  function resolve(code: Code): number[] {
    return code.flatMap((item): number[] => {
      if (typeof item === 'number') return [item];
      if ('call' in item) return leb(indexOf(item.call));
      if ('reference' in item) return leb(indexOf(item.reference));
      if ('global' in item) {
        return leb(importedGlobals + globals.findIndex(([name]) => name === item.global));
      }
      if ('type' in item) return leb(typeIndex(item.type));
      return resolve(item);
    });
  }

  const bodies = functions.map(({ locals = [], body }) => {
    const declared = vector(locals.map((type) => [1, VALUE_TYPES[type]!]));
    const bytes = [...declared, ...resolve(body), 0x0b];
    return [...leb(bytes.length), ...bytes];
  });
  const signatures = functions.map(({ name, type }) =>
    leb(typeIndex(type ?? knownExport(name) ?? '() -> ()')),
  );
  const { tags: given = 0 } = spec;
  const tagTypes = typeof given === 'number' ? Array<string>(given).fill('() -> ()') : given;
  const tags = tagTypes.map((type) => [0, ...leb(typeIndex(type))]);
  const memories = [spec.memory ?? []].flat();
  const exports = [
    ...functions.flatMap(({ name: text, export: exported }) =>
      exported === false ? [] : [[...name(text), 0, ...leb(indexOf(text))]],
    ),
    ...(memories.length > 0 ? [[...name('memory'), 2, 0]] : []),
    ...Object.entries(spec.exports ?? {}).map(([text, [kind, index]]) => [
      ...name(text),
      kind,
      ...leb(index),
    ]),
  ];
  const elements = (spec.elements ?? []).map((name) => leb(indexOf(name)));
  const data = (spec.data ?? []).map(({ at, bytes }) => {
    const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    return [0, 0x41, ...signedLeb(at), 0x0b, ...leb(content.length), ...content];
  });
  const filled = (id: number, items: readonly Bytes[]) =>
    items.length === 0 ? [] : section(id, vector(items));
  return rawModule(
    filled(1, types.map(typeBytes)),
    filled(
      2,
      imported.map(({ bytes }) => bytes),
    ),
    filled(3, signatures),
    filled(
      4,
      (spec.tables ?? []).map((table) => [0x70, ...limits(table)]),
    ),
    filled(5, memories.map(limits)),
    filled(13, tags),
    filled(
      6,
      globals.map(([, value]) => [0x7f, 1, 0x41, ...signedLeb(value), 0x0b]),
    ),
    filled(7, exports),
    spec.start === undefined ? [] : section(8, leb(indexOf(spec.start))),
    filled(9, elements.length === 0 ? [] : [[0, 0x41, 0, 0x0b, ...vector(elements)]]),
    filled(10, bodies),
    filled(11, data),
  );
}

function calls(code: Code): string[] {
  return code.flatMap((item) => {
    if (typeof item === 'number') return [];
    if ('call' in item) return [item.call];
    if ('reference' in item) return [item.reference];
    return 'global' in item || 'type' in item ? [] : calls(item);
  });
}

/** The module with a name section for functions. */
export function withNames(
  binary: Uint8Array,
  names: readonly (readonly [index: number, text: string])[],
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const entries = names.map(([index, text]) => {
    const bytes = encoder.encode(text);
    return [Uint8Array.from([...leb(index), ...leb(bytes.length)]), bytes];
  });
  const list = Buffer.concat([Uint8Array.from(leb(names.length)), ...entries.flat()]);
  const content = Buffer.concat([Uint8Array.from([...name('name'), 1, ...leb(list.length)]), list]);
  return Uint8Array.from(
    Buffer.concat([binary, Uint8Array.from([0, ...leb(content.length)]), content]),
  );
}

/**
 * A guest that loads: memory of one page, marker, a bump allocator that starts at 4096 (below it is
 * room for data), and an on_data that consumes everything. What `spec` names takes their place.
 */
export function guest(spec: ModuleSpec = {}): Uint8Array<ArrayBuffer> {
  const { functions, globals, ...rest } = spec;
  return assemble({
    memory: { min: 1 },
    ...rest,
    globals: { heap: 4096, ...globals },
    functions: { wasmpoll_abi_1: [], allocate, on_data: [get(3)], ...functions },
  });
}

const SHIFT_LEFT = 0x74;
const SHIFT_RIGHT = 0x76;
const bytesOfMemory: Code = [memorySize, i32(16), SHIFT_LEFT];

const allocate: FunctionSpec = {
  locals: ['i32'],
  body: [
    ...[getGlobal('heap'), set(1)],
    ...[getGlobal('heap'), get(0), i32(15), add, i32(-16), 0x71, add, setGlobal('heap')],
    block(
      ...[getGlobal('heap'), bytesOfMemory, 0x4d, brIf(0)],
      ...[getGlobal('heap'), bytesOfMemory, subtract, i32(65_535), add, i32(16), SHIFT_RIGHT],
      ...[memoryGrow, i32(-1), equal, when(i32(0), returns)],
    ),
    get(1),
  ],
};
