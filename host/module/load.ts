// Loader: what a host demands of a .wasm file before it runs, each refusal one line. It knows the
// limits, and is given the interface to judge by. Nothing of the guest runs here.

import { messageOf, WasmpollError } from '../errors.ts';
import type { Policy } from '../policy.ts';
import { printable } from '../text.ts';
import {
  functionType,
  type ParsedModule,
  parseModule,
  signatureOf,
  WASM_PAGE_BYTES,
} from './binary.ts';
import { compile } from './compile.ts';
import type { Rule } from './interface.ts';
import { withMemoryMaximum } from './limits.ts';
import { BinaryError } from './reader.ts';
import { listed, Refusal, shown } from './refusal.ts';

/** A module that has passed every check that its source allows. */
export interface GuestModule {
  readonly module: WebAssembly.Module;
  readonly name: string;
  /** The exports of the guest interface that it has. */
  readonly exports: ReadonlySet<string>;
}

/** Paths, bundled names and URLs are resolved before. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/** The settings that bound a module. */
export type ModuleLimits = Pick<
  Policy,
  'guestMemoryBytes' | 'maxTableElements' | 'maxModuleBytes' | 'compileTimeoutMs'
>;

type Types = { readonly [name: string]: string };

/** What a kind of guest is judged by. Types are as `signatureOf` shows them; a memory's is `memory`. */
export interface GuestInterface {
  /** By module and name. Nothing else may be imported. */
  readonly imports: { readonly [module: string]: Types };
  readonly required: Types;
  readonly optional: Types;
  /** What to do about each broken rule. */
  readonly rules: Readonly<Record<Rule, string>>;
  /** Each of these may throw a Refusal that says more than the general one. */
  readonly checkExports?: (names: ReadonlySet<string>) => void;
  readonly checkUnknown?: (imports: readonly ImportItem[]) => void;
  readonly checkMissing?: (names: ReadonlySet<string>, missing: readonly string[]) => void;
}

/** What both kinds of source tell; `type` is null where only the kind is known. */
interface Item {
  readonly name: string;
  readonly kind: string;
  readonly type: string | null;
}
export type ImportItem = Item & { readonly module: string };

/**
 * Checks a module against an interface and the limits, imposes those on memory and tables, and compiles
 * it. Bytes are read before the first await; they are neither changed nor kept. A ready-made
 * WebAssembly.Module has no bytes: only names and kinds are checked here. Signatures and the limits
 * of its memory and tables are then what the host finds at start; a maximum cannot be imposed.
 * A compilation that takes too long goes on in the background: an engine cannot be told to stop.
 * @param name what messages call the module.
 * @throws WasmpollError ERR_MODULE: `<name>: <rule>: <what was found>; <what to do>`, see its `rules`.
 */
export async function loadGuest(
  source: ModuleSource,
  limits: ModuleLimits,
  name: string,
  guestInterface: GuestInterface,
): Promise<GuestModule> {
  try {
    if (source instanceof WebAssembly.Module) {
      const exports = checkInterface(
        guestInterface,
        WebAssembly.Module.imports(source).map((item) => ({ ...item, type: null })),
        WebAssembly.Module.exports(source).map((item) => ({ ...item, type: null })),
      );
      return { module: source, name, exports };
    }
    const binary = bytesOf(source, limits);
    const parsed = parseModule(binary);
    const signature = signaturesOf(binary, parsed);
    const imports = importsOf(parsed, signature);
    const exports = checkInterface(
      guestInterface,
      imports,
      exportsOf(parsed, signature, guestInterface),
    );
    checkLimits(parsed, limits);
    const maxPages = Math.floor(limits.guestMemoryBytes / WASM_PAGE_BYTES);
    const limited = withMemoryMaximum(binary, parsed, maxPages, limits.maxTableElements);
    return { module: await compile(limited, limits.compileTimeoutMs), name, exports };
  } catch (thrown) {
    const refusal =
      thrown instanceof BinaryError ? new Refusal(thrown.rule, shown(thrown.message, 200)) : thrown;
    if (!(refusal instanceof Refusal)) throw thrown;
    const message = printable(`${messageOf(refusal)}; ${guestInterface.rules[refusal.rule]}`);
    throw new WasmpollError('ERR_MODULE', `${shown(name)}: ${message}`, { cause: refusal.cause });
  }
}

function bytesOf(source: unknown, limits: ModuleLimits): Uint8Array {
  let bytes: Uint8Array;
  if (ArrayBuffer.isView(source)) {
    bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  } else if (source instanceof ArrayBuffer) bytes = new Uint8Array(source);
  else
    throw new Refusal('source', `it is ${source === null ? 'null' : `of type ${typeof source}`}`);
  if (bytes.length > limits.maxModuleBytes) {
    throw new Refusal('size limit', `${bytes.length} bytes, over ${limits.maxModuleBytes}`);
  }
  // Another thread may write into shared memory between two looks at it.
  return bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
}

// Each type is put into words once: a hostile file can name a long one a hundred thousand times.
function signaturesOf(binary: Uint8Array, parsed: ParsedModule): (index: number) => string {
  const known = new Map<number, string>();
  return (index) => {
    const type = parsed.functions[index]!;
    const signature = known.get(type) ?? shown(signatureOf(functionType(binary, parsed, index)));
    known.set(type, signature);
    return signature;
  };
}

function importsOf(parsed: ParsedModule, signature: (index: number) => string): ImportItem[] {
  let functions = 0;
  return parsed.imports.map(({ module, name, kind }) => {
    if (kind !== 'function') return { module, name, kind, type: kind };
    functions += 1;
    return { module, name, kind, type: signature(functions - 1) };
  });
}

function exportsOf(
  parsed: ParsedModule,
  signature: (index: number) => string,
  guestInterface: GuestInterface,
): Item[] {
  return parsed.exports.map(({ name, kind, index }) => {
    const judged = kind === 'function' && expectedExport(guestInterface, name) !== undefined;
    return { name, kind, type: judged ? signature(index) : kind };
  });
}

const own = (table: Types, name: string): string | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

const expectedExport = (guestInterface: GuestInterface, name: string): string | undefined =>
  own(guestInterface.required, name) ?? own(guestInterface.optional, name);

const kindOf = (expected: string): string => (expected === 'memory' ? 'memory' : 'function');

/** @returns the exports of the guest interface that are there. */
function checkInterface(
  guestInterface: GuestInterface,
  imports: readonly ImportItem[],
  exports: readonly Item[],
): Set<string> {
  const names = new Set(exports.map(({ name }) => name));
  guestInterface.checkExports?.(names);
  checkImports(guestInterface, imports);
  const present = [...names].filter((name) => expectedExport(guestInterface, name) !== undefined);
  const missing = Object.keys(guestInterface.required).filter((name) => !names.has(name));
  if (missing.length > 0) {
    guestInterface.checkMissing?.(names, missing);
    throw new Refusal('missing export', listed(missing));
  }
  const wrong = exports.flatMap((item) =>
    difference(item, item.name, expectedExport(guestInterface, item.name)),
  );
  if (wrong.length > 0) throw new Refusal('export type', listed(wrong));
  return new Set(present);
}

function checkImports(guestInterface: GuestInterface, imports: readonly ImportItem[]): void {
  const unknown: ImportItem[] = [];
  const wrong: string[] = [];
  for (const item of imports) {
    const functions = Object.hasOwn(guestInterface.imports, item.module)
      ? guestInterface.imports[item.module]!
      : {};
    const expected = own(functions, item.name);
    if (expected === undefined) unknown.push(item);
    else wrong.push(...difference(item, fullName(item), expected));
  }
  guestInterface.checkUnknown?.(unknown);
  const memory = unknown.find(({ kind }) => kind === 'memory');
  if (memory !== undefined) throw new Refusal('memory', `it imports ${shown(fullName(memory))}`);
  if (unknown.length > 0) throw new Refusal('import not allowed', listed(unknown.map(fullName)));
  if (wrong.length > 0) throw new Refusal('import type', listed(wrong));
}

export const fullName = ({ module, name }: ImportItem): string => `${module}.${name}`;

/** What is wrong about an item of the guest interface: both types in one text, or nothing. */
function difference({ kind, type }: Item, name: string, expected: string | undefined): string[] {
  if (expected === undefined) return [];
  if (kind !== kindOf(expected)) return [`${name} is a ${kind}, not ${expected}`];
  if (type === null || type === expected) return [];
  return [`${name} is ${type}, not ${expected}`];
}

function checkLimits({ memories, tables, types }: ParsedModule, limits: ModuleLimits): void {
  // A struct or an array: the engine's heap holds them, where no limit of the host's reaches.
  if (types.includes(-1)) {
    throw new Refusal('garbage collection', 'it has struct or array types');
  }
  const [memory] = memories;
  if (memory === undefined || memories.length > 1) {
    throw new Refusal('memory', `it defines ${memories.length} memories`);
  }
  if (memory.shared) throw new Refusal('shared memory', 'its memory is shared between threads');
  if (memory.index64) throw new Refusal('64-bit memory', 'its memory has 64-bit addresses');
  if (memory.customPageSize) throw new Refusal('page size', 'its memory has pages of its own size');
  const bytes = memory.minimum * WASM_PAGE_BYTES;
  if (bytes > limits.guestMemoryBytes) {
    throw new Refusal(
      'memory limit',
      `it starts with ${bytes} bytes, over ${limits.guestMemoryBytes}`,
    );
  }
  const elements = tables.reduce((sum, table) => sum + table.limits.minimum, 0);
  if (elements > limits.maxTableElements) {
    throw new Refusal('table limit', `${elements} elements, over ${limits.maxTableElements}`);
  }
}
