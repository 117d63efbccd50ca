// Guest modules: what a host demands of a .wasm file before it runs, each refusal one line. Nothing
// of the guest runs here. This file knows ABI 1 and the limits; no paths, no sockets, no instances.

import { messageOf, WasmpollError } from './errors.ts';
import {
  ABI_VERSION,
  guestImports,
  MARKER,
  optionalExports,
  type Rule,
  requiredExports,
  rules,
} from './guest-interface.ts';
import type { Policy } from './policy.ts';
import { printable } from './text.ts';
import {
  BinaryError,
  functionType,
  PAGE_BYTES,
  type ParsedModule,
  parseModule,
  signatureOf,
  withMemoryMaximum,
} from './wasm-binary.ts';

/** A module that has passed every check that its source allows. */
export interface GuestModule {
  readonly module: WebAssembly.Module;
  readonly name: string;
  /** The exports of the guest interface that it has. */
  readonly exports: ReadonlySet<string>;
}

/** Paths, bundled names and URLs are resolved before. */
export type ModuleSource = Uint8Array | ArrayBuffer | WebAssembly.Module;

/** A rule that was broken, before the module's name stands in front of it. */
class Refusal extends Error {
  constructor(rule: Rule, found: string, options?: ErrorOptions) {
    super(`${rule}: ${found}; ${rules[rule]}`, options);
  }
}

/** What both kinds of source tell; `type` is null where only the kind is known. */
interface Item {
  readonly name: string;
  readonly kind: string;
  readonly type: string | null;
}
type ImportItem = Item & { readonly module: string };

/**
 * Checks a module against ABI 1 and the policy, imposes the limits on memory and tables, and compiles
 * it. Bytes are read before the first await; they are neither changed nor kept. A ready-made
 * WebAssembly.Module has no bytes: only names and kinds are checked here. Signatures and the limits
 * of its memory and tables are then what the host finds at start; a maximum cannot be imposed.
 * A compilation that takes too long goes on in the background: an engine cannot be told to stop.
 * @param name what messages call the module.
 * @throws WasmpollError ERR_MODULE: `<name>: <rule>: <what was found>; <what to do>`, see `rules`.
 */
export async function loadModule(
  source: ModuleSource,
  policy: Policy,
  name = 'guest',
): Promise<GuestModule> {
  try {
    if (source instanceof WebAssembly.Module) {
      const exports = checkInterface(
        WebAssembly.Module.imports(source).map((item) => ({ ...item, type: null })),
        WebAssembly.Module.exports(source).map((item) => ({ ...item, type: null })),
      );
      return { module: source, name, exports };
    }
    const binary = bytesOf(source, policy);
    const parsed = parseModule(binary);
    const signature = signaturesOf(binary, parsed);
    const exports = checkInterface(importsOf(parsed, signature), exportsOf(parsed, signature));
    checkLimits(parsed, policy);
    const maxPages = Math.floor(policy.guestMemoryBytes / PAGE_BYTES);
    const limited = withMemoryMaximum(binary, parsed, maxPages, policy.maxTableElements);
    return { module: await compile(limited, policy.compileTimeoutMs), name, exports };
  } catch (thrown) {
    const refusal =
      thrown instanceof BinaryError ? new Refusal(thrown.rule, shown(thrown.message, 200)) : thrown;
    if (!(refusal instanceof Refusal)) throw thrown;
    const message = printable(messageOf(refusal));
    throw new WasmpollError('ERR_MODULE', `${shown(name)}: ${message}`, { cause: refusal.cause });
  }
}

function bytesOf(source: unknown, policy: Policy): Uint8Array {
  let bytes: Uint8Array;
  if (ArrayBuffer.isView(source)) {
    bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  } else if (source instanceof ArrayBuffer) bytes = new Uint8Array(source);
  else
    throw new Refusal('source', `it is ${source === null ? 'null' : `of type ${typeof source}`}`);
  if (bytes.length > policy.maxModuleBytes) {
    throw new Refusal('size limit', `${bytes.length} bytes, over ${policy.maxModuleBytes}`);
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

function exportsOf(parsed: ParsedModule, signature: (index: number) => string): Item[] {
  return parsed.exports.map(({ name, kind, index }) => {
    const judged = kind === 'function' && expectedExport(name) !== undefined;
    return { name, kind, type: judged ? signature(index) : kind };
  });
}

const own = (table: { readonly [name: string]: string }, name: string): string | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

const expectedExport = (name: string): string | undefined =>
  own(requiredExports, name) ?? own(optionalExports, name);

const kindOf = (expected: string): string => (expected === 'memory' ? 'memory' : 'function');

/** @returns the exports of the guest interface that are there. */
function checkInterface(imports: readonly ImportItem[], exports: readonly Item[]): Set<string> {
  const names = new Set(exports.map(({ name }) => name));
  checkVersion(names);
  checkImports(imports);
  const present = [...names].filter((name) => expectedExport(name) !== undefined);
  const missing = Object.keys(requiredExports).filter((name) => !names.has(name));
  if (missing.length > 0) {
    if (!names.has('_start')) throw new Refusal('missing export', listed(missing));
    throw new Refusal('WASI', `it exports _start, as a command does, and not ${listed(missing)}`);
  }
  const wrong = exports.flatMap((item) => difference(item, item.name, expectedExport(item.name)));
  if (wrong.length > 0) throw new Refusal('export type', listed(wrong));
  return new Set(present);
}

function checkVersion(exports: ReadonlySet<string>): void {
  if (exports.has(MARKER)) return;
  const versions = [...exports].flatMap(
    (name) => /^wasmpoll_abi_(0|[1-9]\d{0,8})$/.exec(name)?.[1] ?? [],
  );
  const version = versions.map(Number).sort((a, b) => a - b)[0];
  if (version === undefined) return;
  const relation = version > ABI_VERSION ? 'newer' : 'older';
  const found = `the guest has ABI ${version}, ${relation} than ABI ${ABI_VERSION} of this host`;
  throw new Refusal('ABI version', found);
}

function checkImports(imports: readonly ImportItem[]): void {
  const unknown: ImportItem[] = [];
  const wrong: string[] = [];
  for (const item of imports) {
    const functions = Object.hasOwn(guestImports, item.module) ? guestImports[item.module]! : {};
    const expected = own(functions, item.name);
    if (expected === undefined) unknown.push(item);
    else wrong.push(...difference(item, fullName(item), expected));
  }
  const wasi = unknown.filter(({ module }) => /^wasi[_:]/.test(module));
  if (wasi.length > 0) throw new Refusal('WASI', `it imports ${listed(wasi.map(fullName))}`);
  const memory = unknown.find(({ kind }) => kind === 'memory');
  if (memory !== undefined) throw new Refusal('memory', `it imports ${shown(fullName(memory))}`);
  if (unknown.length > 0) throw new Refusal('import not allowed', listed(unknown.map(fullName)));
  if (wrong.length > 0) throw new Refusal('import type', listed(wrong));
}

const fullName = ({ module, name }: ImportItem): string => `${module}.${name}`;

/** What is wrong about an item of the guest interface: both types in one text, or nothing. */
function difference({ kind, type }: Item, name: string, expected: string | undefined): string[] {
  if (expected === undefined) return [];
  if (kind !== kindOf(expected)) return [`${name} is a ${kind}, not ${expected}`];
  if (type === null || type === expected) return [];
  return [`${name} is ${type}, not ${expected}`];
}

function checkLimits({ memories, tables, types }: ParsedModule, policy: Policy): void {
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
  const bytes = memory.minimum * PAGE_BYTES;
  if (bytes > policy.guestMemoryBytes) {
    throw new Refusal(
      'memory limit',
      `it starts with ${bytes} bytes, over ${policy.guestMemoryBytes}`,
    );
  }
  const elements = tables.reduce((sum, { limits }) => sum + limits.minimum, 0);
  if (elements > policy.maxTableElements) {
    throw new Refusal('table limit', `${elements} elements, over ${policy.maxTableElements}`);
  }
}

/** Parts of the compile limit. */
const TICKS = 8;

async function compile(
  binary: Uint8Array<ArrayBuffer>,
  timeoutMs: number,
): Promise<WebAssembly.Module> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const refusal = new Refusal('compile limit', `not compiled within ${timeoutMs} ms`);
    // Counted in ticks: when the thread itself stood still, only one of them is over at its end, and
    // the result that came meanwhile gets its turn before the last.
    let left = TICKS;
    const tick = (): void => {
      left -= 1;
      if (left === 0) reject(refusal);
      else timer = setTimeout(tick, timeoutMs / TICKS);
    };
    timer = setTimeout(tick, timeoutMs / TICKS);
  });
  try {
    return await Promise.race([WebAssembly.compile(binary), late]);
  } catch (thrown) {
    if (!(thrown instanceof WebAssembly.CompileError)) throw thrown;
    throw new Refusal('engine', shown(messageOf(thrown), 300), { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}

const LISTED = 5;

const listed = (texts: readonly string[]): string =>
  texts
    .slice(0, LISTED)
    .map((text) => shown(text, 200))
    .join(', ') + (texts.length > LISTED ? ` and ${texts.length - LISTED} more` : '');

/** Text from outside, short enough for a line and without control characters. */
function shown(text: string, longest = 80): string {
  return printable(text.length <= longest ? text : `${text.slice(0, longest)}…`);
}
