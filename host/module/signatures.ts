// Signatures: the types of functions, and how they are written down. It knows type codes, and not which
// types a guest must have.

import type { ParsedModule } from './binary.ts';
import { Reader } from './reader.ts';

/** Value types by their first byte; the type that a `(ref …)` names is not kept. */
export interface FunctionType {
  readonly params: readonly number[];
  readonly results: readonly number[];
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

/** How many parameters a type has; none when it is not a function's. */
export function parameterCount(binary: Uint8Array, { types }: ParsedModule, type: number): number {
  const at = types[type] ?? -1;
  return at < 0 ? 0 : new Reader(binary, at, binary.length, 'type').count('parameters or results');
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
