// Where the chains of a pool lie, read from the segment alone and not by way of the allocator.

import { CHAIN_BYTES, CHAIN_FIRST, CHAIN_START } from '../../host/memory/layout.ts';
import type { Segment } from '../../host/memory/segment.ts';

/** Bytes of a page, and of the smallest block. */
const PAGE = 16_384;
export const UNIT = 256;

/** What a chain takes, all of its block or all of its pages, in units of 256 bytes from the first page. */
export function unitsOf({ table, pageLinks }: Segment, chain: number): number[] {
  const bytes = table[chain + CHAIN_BYTES]!;
  if (bytes === 0) return [];
  const start = table[chain + CHAIN_START]!;
  const units = (from: number, length: number): number[] =>
    Array.from({ length: length / UNIT }, (_, index) => from / UNIT + index);
  let page = table[chain + CHAIN_FIRST]!;
  const link = pageLinks[page]!;
  if (link < -1) {
    const block = 2 ** -link;
    return units(page * PAGE + Math.floor(start / block) * block, block);
  }
  const all: number[] = [];
  for (let left = start + bytes; left > 0; left -= PAGE) {
    all.push(...units(page * PAGE, PAGE));
    page = pageLinks[page]!;
  }
  return all;
}

/** Pages that the chains lie in. @throws Error when two of them have a byte in common */
export function pagesIn(segment: Segment, chains: Iterable<number>): number {
  const owners = new Map<number, number>();
  for (const chain of chains) {
    for (const unit of unitsOf(segment, chain)) {
      if (owners.has(unit))
        throw new Error(`chains ${owners.get(unit)} and ${chain} share a place`);
      owners.set(unit, chain);
    }
  }
  return new Set([...owners.keys()].map((unit) => Math.floor((unit * UNIT) / PAGE))).size;
}
