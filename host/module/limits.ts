// Limits: what a module must not exceed, and why. It looks at what has been read, and changes nothing.

import type { Policy } from '../policy.ts';
import { type ParsedModule, WASM_PAGE_BYTES } from './binary.ts';
import { scanBodies } from './cost/bodies.ts';
import { countElements } from './cost/elements.ts';
import { functionName, longestName } from './names.ts';
import { Refusal } from './refusal.ts';
import { parameterCount } from './signatures.ts';

/** The settings that bound a module. */
export type ModuleLimits = Pick<
  Policy,
  | 'guestMemoryBytes'
  | 'maxTableElements'
  | 'maxModuleBytes'
  | 'maxFunctionCost'
  | 'compileTimeoutMs'
>;

// An instance has its globals on the engine's heap, where guestMemoryBytes does not count. CPython, linked
// dynamically, has 1,144.
const GLOBALS = 10_000;
// An exception lies on the engine's heap, and a recursion can hold one in each of its frames. C++, setjmp
// and Haskell have one value.
const TAG_VALUES = 16;
// An instance that starts writes those of active segments into its tables, a second for 300 million. Compilers
// list each function once; what is listed for `ref.func` alone needs no table.
const MORE_ELEMENTS = 10_000;

// Real modules cost up to 14 a byte; with the longest argument lists it could be 258,000.
const COST_PER_BYTE = 32;
// An error's stack has up to ten names, each as long as it is in the module.
const NAME_BYTES = 4096;

/** @throws Refusal when the module needs more than it may have, or a kind of memory that it may not have. */
export function checkLimits(binary: Uint8Array, module: ParsedModule, limits: ModuleLimits): void {
  const { memories, tables, types, globals } = module;
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
  if (globals > GLOBALS) throw new Refusal('global limit', `${globals} globals, over ${GLOBALS}`);
  for (const type of new Set(module.tags)) {
    const values = parameterCount(binary, module, type);
    if (values <= TAG_VALUES) continue;
    throw new Refusal('exception limit', `a tag has ${values} values, over ${TAG_VALUES}`);
  }
}

/**
 * @throws Refusal when a function costs too much to compile, or all of them more than their size explains, or
 *   when it lists more elements than its tables may hold
 * @throws BinaryError when a segment or a body cannot be read
 */
export function* checkCosts(
  binary: Uint8Array,
  module: ParsedModule,
  { maxFunctionCost, maxTableElements }: ModuleLimits,
): Generator<void, void> {
  const [elements, mostElements] = [
    yield* countElements(binary, module),
    maxTableElements + MORE_ELEMENTS,
  ];
  if (elements > mostElements) {
    const found = `its segments list ${elements} elements, over ${mostElements}`;
    throw new Refusal('table limit', found);
  }
  const { worst, cost, total } = yield* scanBodies(binary, module);
  if (cost > maxFunctionCost) {
    const name = functionName(binary, module, worst);
    const which = name === '' ? `function ${worst}` : `function ${worst} (${name})`;
    throw new Refusal('compile cost', `${which} costs ${Math.ceil(cost)}, over ${maxFunctionCost}`);
  }
  const most = maxFunctionCost + COST_PER_BYTE * binary.length;
  if (total <= most) return;
  throw new Refusal('compile cost', `its functions cost ${Math.ceil(total)}, over ${most}`);
}

/**
 * A module that has been compiled already has the names it has.
 * @throws Refusal when one of them is too long
 */
export function checkNames(module: WebAssembly.Module): void {
  const bytes = longestName(module);
  if (bytes <= NAME_BYTES) return;
  throw new Refusal('name limit', `a function's name has ${bytes} bytes, over ${NAME_BYTES}`);
}
