// Bodies: what it takes to compile each function of a module. It walks over the code section in
// portions, and knows no limit.

import { type ParsedModule, SECTIONS } from '../binary.ts';
import { Reader } from '../reader.ts';
import { PORTION_BYTES } from '../slices.ts';
import { Arities } from './arities.ts';
import { Body } from './body.ts';

/** What the bodies of a module cost to compile, in the units of body.ts. */
export interface Costs {
  /** The function that costs most, by its index among all; −1 when there is none. */
  readonly worst: number;
  readonly cost: number;
  /** Of all functions together. */
  readonly total: number;
}

const CODE = SECTIONS.indexOf('code');

/**
 * Scans the code section; yields after each portion, so that a large module need not hold up its thread.
 * @throws BinaryError when a body cannot be read
 */
export function* scanBodies(binary: Uint8Array, module: ParsedModule): Generator<void, Costs> {
  const section = module.sections.get(CODE);
  if (section === undefined) return { worst: -1, cost: 0, total: 0 };
  const reader = new Reader(binary, section.start, section.end, 'code');
  const arities = new Arities(binary, module);
  const count = reader.u32();
  const first = module.functions.length - count;
  if (first < 0) throw reader.error('malformed', `${count} bodies`);
  let costs: Costs = { worst: -1, cost: 0, total: 0 };
  let portion = reader.at + PORTION_BYTES;
  for (let index = first; index < first + count; index += 1) {
    const size = reader.u32();
    const { at } = reader;
    reader.skip(size);
    const body = new Body(binary, at, reader.at, arities, index);
    while (!body.run(portion)) {
      yield;
      portion += PORTION_BYTES;
    }
    const { cost } = body;
    const total = costs.total + cost;
    costs = cost > costs.cost ? { worst: index, cost, total } : { ...costs, total };
  }
  return costs;
}
