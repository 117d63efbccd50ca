// Judge: whether a module has what an interface demands, and imports nothing else. It knows names and
// types, each refusal in one line, and is given the interface to judge by.

import type { ParsedModule } from './binary.ts';
import type { Rule } from './interface.ts';
import { listed, Refusal, shown } from './refusal.ts';
import { functionType, signatureOf } from './signatures.ts';

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
  readonly checkTogether?: (names: ReadonlySet<string>, imports: readonly ImportItem[]) => void;
}

/** What both kinds of source tell; `type` is null where only the kind is known. */
export interface Item {
  readonly name: string;
  readonly kind: string;
  readonly type: string | null;
}
export type ImportItem = Item & { readonly module: string };

/** A module that has been read. */
export function* judge(
  guestInterface: GuestInterface,
  binary: Uint8Array,
  parsed: ParsedModule,
): Generator<void, Set<string>> {
  yield;
  const signature = signaturesOf(binary, parsed);
  const imports = importsOf(parsed, signature);
  yield;
  const exports = exportsOf(parsed, signature, guestInterface);
  yield;
  return checkInterface(guestInterface, imports, exports);
}

/** A ready-made module has no bytes: only names and kinds are known. */
export const judgeCompiled = (
  guestInterface: GuestInterface,
  module: WebAssembly.Module,
): Set<string> =>
  checkInterface(
    guestInterface,
    WebAssembly.Module.imports(module).map((item) => ({ ...item, type: null })),
    WebAssembly.Module.exports(module).map((item) => ({ ...item, type: null })),
  );

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
  if (missing.length > 0) throw new Refusal('missing export', listed(missing));
  const wrong = exports.flatMap((item) =>
    difference(item, item.name, expectedExport(guestInterface, item.name)),
  );
  if (wrong.length > 0) throw new Refusal('export type', listed(wrong));
  guestInterface.checkTogether?.(names, imports);
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
