// The guest interface as the loader checks it: which imports and exports there are, with their types,
// and every rule by which a module is refused. Data only; docs/abi.md has the prose.

import { WASI_MODULE, type WasiName, wasiImports } from '../wasi/preview1/interface.ts';
import type { BinaryRule } from './reader.ts';

export const ABI_VERSION = 1;
export const MARKER = `wasmpoll_abi_${ABI_VERSION}`;

/** What standard libraries import although the guest needs none of it. */
const wasiStubs = [
  ...['fd_write', 'fd_close', 'fd_seek', 'fd_fdstat_get', 'fd_prestat_get', 'fd_prestat_dir_name'],
  ...['args_get', 'args_sizes_get', 'environ_get', 'environ_sizes_get', 'clock_time_get'],
  ...['clock_res_get', 'random_get', 'sched_yield', 'poll_oneoff', 'proc_exit'],
] as readonly WasiName[];

/** The host functions a guest may import (docs/abi.md), and nothing else. */
export const guestImports: { readonly [module: string]: { readonly [name: string]: string } } = {
  wasmpoll: {
    send: '(i32, i32, i32) -> i32',
    close: '(i32, i32) -> i32',
    pause: '(i32) -> i32',
    resume: '(i32) -> i32',
    want: '(i32, i32) -> i32',
    set_timer: '(i32, i32) -> i32',
    peer_address: '(i32, i32, i32) -> i32',
    property: '(i32, i32, i32, i32, i32) -> i32',
    start_tls: '(i32) -> i32',
    connect: '(i32, i32, i32, i32) -> i32',
    splice: '(i32, i32) -> i32',
    now: '() -> f64',
    wall_clock: '() -> f64',
    random: '(i32, i32) -> i32',
    config: '(i32, i32) -> i32',
    metric: '(i32, i32, i32) -> i32',
    measure: '(i32, f64) -> i32',
    log: '(i32, i32, i32) -> ()',
    join: '(i32, i32, i32, i32, i32) -> i32',
    leave: '(i32, i32, i32, i32) -> i32',
    publish: '(i32, i32, i32, i32, i32) -> i32',
    publish_for: '(i32, i32, i32, i32, i32, i32) -> i32',
    store_get: '(i32, i32, i32, i32) -> i32',
    store_put: '(i32, i32, i32, i32, i32, i32, i32, i32) -> i32',
    store_delete: '(i32, i32, i32, i32, i32) -> i32',
    store_add: '(i32, i32, i32, i32, f64, i32) -> i32',
  },
  env: { abort: '(i32, i32, i32, i32) -> ()' },
  [WASI_MODULE]: Object.fromEntries(wasiStubs.map((name) => [name, wasiImports[name]])),
};

/** The exports a guest must have (docs/abi.md). `memory` is not a function. */
export const requiredExports: { readonly [name: string]: string } = {
  memory: 'memory',
  [MARKER]: '() -> ()',
  allocate: '(i32) -> i32',
  on_data: '(i32, i32, i32, i32) -> i32',
};

/** The exports a guest may have; others are ignored. */
export const optionalExports: { readonly [name: string]: string } = {
  _initialize: '() -> ()',
  state_size: '() -> i32',
  state_version: '() -> i32',
  on_open: '(i32, i32) -> ()',
  on_end: '(i32, i32, i32, i32) -> i32',
  on_drain: '(i32, i32) -> ()',
  on_timer: '(i32, i32) -> ()',
  on_close: '(i32, i32, i32) -> ()',
  on_connect: '(i32, i32, i32) -> ()',
  on_restore: '(i32, i32) -> ()',
  migrate: '(i32, i32, i32, i32, i32) -> ()',
  on_start: '() -> ()',
  on_tick: '() -> ()',
  on_message: '(i32, i32, i32, i32, i32, i32, i32, i32) -> ()',
  on_missed: '(i32, i32) -> ()',
  on_reply: '(i32, i32, i32, i32, i32, i32) -> ()',
  on_replies: '(i32, i32, i32, i32) -> ()',
};

/** What else a guest must export if it exports this. */
export const exportCompanions: { readonly [name: string]: string } = {
  on_message: 'on_missed',
  on_replies: 'on_reply',
};

/** What else a guest must export if it imports this. */
export const importCompanions: { readonly [name: string]: string } = {
  connect: 'on_connect',
  store_get: 'on_reply',
  store_put: 'on_reply',
  store_delete: 'on_reply',
  store_add: 'on_reply',
};

const WASM_FILE = 'give a compiled core WebAssembly file (.wasm)';
const DAMAGED = 'the file is damaged or cut short: build or copy it again';

/** Every reason to refuse a module, with what to do about it. */
export const rules = {
  source: 'give bytes or a WebAssembly.Module',
  'size limit': 'make the module smaller or raise maxModuleBytes',
  'empty file': WASM_FILE,
  'not a module': WASM_FILE,
  component: 'build a core module instead, for instance with target wasm32-unknown-unknown',
  'binary version': 'build it with a compiler that writes version 1',
  truncated: DAMAGED,
  malformed: DAMAGED,
  unsupported: 'build it without that WebAssembly feature',
  'too many': 'make the module smaller',
  'ABI version': 'use a matching version of wasmpoll, or build the guest against this ABI',
  WASI: 'run a command with wasmpoll run, or build a library that imports what docs/abi.md lists',
  memory: 'define exactly one memory in the module and export it as memory',
  'shared memory': 'build it without threads',
  '64-bit memory': 'build it for wasm32',
  'page size': 'build it with 64 KiB pages',
  'memory limit': 'lower its initial memory or raise guestMemoryBytes',
  'garbage collection': 'build it for linear memory; such objects are outside guestMemoryBytes',
  'table limit': 'make its tables smaller or raise maxTableElements',
  'global limit': 'keep such values in its memory',
  'exception limit': 'give its exceptions a pointer instead',
  'compile cost': 'split its largest functions, optimise for size, or raise maxFunctionCost',
  'name limit': 'give the bytes of the module, or strip its names',
  'import not allowed': 'import only what docs/abi.md lists, from modules wasmpoll and env',
  'import type': 'declare it as docs/abi.md does',
  'missing export': 'export it as docs/abi.md describes',
  'export type': 'declare it as docs/abi.md does',
  'missing callback': 'export it as docs/abi.md describes',
  engine: 'build it without features that this engine lacks',
  'compile limit': 'make the module smaller or raise compileTimeoutMs',
} as const satisfies Record<BinaryRule, string> & Record<string, string>;

export type Rule = keyof typeof rules;
