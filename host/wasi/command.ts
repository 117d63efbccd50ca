// Commands: a .wasm file judged by WASI preview 1. It knows what a command exports and may import; the
// limits are the loader's.

import { parseModule } from '../module/binary.ts';
import { requiredExports, rules } from '../module/interface.ts';
import type { GuestInterface } from '../module/judge.ts';
import type { ModuleLimits } from '../module/limits.ts';
import { type GuestModule, loadGuest, type ModuleSource } from '../module/load.ts';
import { WASI_MODULE, wasiImports } from './preview1/interface.ts';

const command: GuestInterface = {
  imports: { [WASI_MODULE]: wasiImports },
  required: { memory: 'memory', _start: '() -> ()' },
  optional: {},
  rules: {
    ...rules,
    component: 'build a core module instead, for instance with target wasm32-wasip1',
    memory: 'define exactly one memory in the module and export it as memory',
    'size limit': 'make the module smaller or raise maxModuleBytes (--max-module)',
    'memory limit': 'lower its initial memory or raise guestMemoryBytes (--guest-memory)',
    'table limit': 'make its tables smaller or raise maxTableElements (--max-table-elements)',
    'compile limit': 'make the module smaller or raise compileTimeoutMs (--compile-timeout)',
    'import not allowed': `import only the functions of ${WASI_MODULE}`,
    'import type': 'declare it as WASI preview 1 does',
    'missing export': 'a command exports _start and memory; a protocol is served without run',
    'export type': 'declare it as WASI preview 1 does',
  },
};

/**
 * Checks a command, imposes the limits, and compiles it; see `loadGuest`.
 * @throws WasmpollError ERR_MODULE: `<name>: <rule>: <what was found>; <what to do>`
 */
export const loadCommand = (
  source: ModuleSource,
  limits: ModuleLimits,
  name: string,
): Promise<GuestModule> => loadGuest(source, limits, name, command);

/**
 * Whether a file is a command, by its exports: `_start`, and nothing of a protocol's. False for what is no
 * module at all: why it is not is the loaders' to say.
 */
export function isCommand(source: ModuleSource): boolean {
  try {
    const names =
      source instanceof WebAssembly.Module
        ? WebAssembly.Module.exports(source).map(({ name }) => name)
        : parseModule(new Uint8Array(source as ArrayBuffer)).exports.map(({ name }) => name);
    return names.includes('_start') && !names.some((name) => Object.hasOwn(protocolOnly, name));
  } catch {
    return false;
  }
}

const { memory: _memory, ...protocolOnly } = requiredExports;
