// Guest modules: a .wasm file judged by ABI 1. It knows how a guest of another version, or a program
// for WASI, is told apart; no paths, no sockets, no instances.

import {
  ABI_VERSION,
  exportCompanions,
  guestImports,
  importCompanions,
  MARKER,
  optionalExports,
  requiredExports,
  rules,
} from './interface.ts';
import { fullName, type GuestInterface } from './judge.ts';
import type { ModuleLimits } from './limits.ts';
import { type GuestModule, loadGuest, type ModuleSource, type OwnBytes } from './load.ts';
import { listed, Refusal } from './refusal.ts';

export type { GuestModule, ModuleSource } from './load.ts';

const abi: GuestInterface = {
  imports: guestImports,
  required: requiredExports,
  optional: optionalExports,
  rules,
  checkExports(names) {
    if (names.has('_start')) throw new Refusal('WASI', 'it exports _start, as a command does');
    if (names.has(MARKER)) return;
    const versions = [...names].flatMap(
      (name) => /^wasmpoll_abi_(0|[1-9]\d{0,8})$/.exec(name)?.[1] ?? [],
    );
    const version = versions.map(Number).sort((a, b) => a - b)[0];
    if (version === undefined) return;
    const relation = version > ABI_VERSION ? 'newer' : 'older';
    const found = `the guest has ABI ${version}, ${relation} than ABI ${ABI_VERSION} of this host`;
    throw new Refusal('ABI version', found);
  },
  checkUnknown(imports) {
    const wasi = imports.filter(({ module }) => /^wasi[_:]/.test(module));
    if (wasi.length > 0) throw new Refusal('WASI', `it imports ${listed(wasi.map(fullName))}`);
  },
  checkTogether(names, imports) {
    for (const [name, needed] of Object.entries(exportCompanions)) {
      if (names.has(name) && !names.has(needed)) refuseWithout(needed, `exports ${name}`);
    }
    for (const item of imports) {
      const needed = item.module === 'wasmpoll' ? importCompanions[item.name] : undefined;
      if (needed !== undefined && !names.has(needed)) {
        refuseWithout(needed, `imports ${fullName(item)}`);
      }
    }
  },
};

function refuseWithout(needed: string, why: string): never {
  throw new Refusal('missing callback', `it ${why}, and does not export ${needed}`);
}

/**
 * Checks a module against ABI 1 and the policy, imposes the limits, and compiles it; see `loadGuest`.
 * @throws WasmpollError ERR_MODULE: `<name>: <rule>: <what was found>; <what to do>`, see `rules`.
 */
export const loadModule = (
  source: ModuleSource | OwnBytes,
  limits: ModuleLimits,
  name = 'guest',
): Promise<GuestModule> => loadGuest(source, limits, name, abi);
