// Limits: a copy of a module in which memory and tables have maxima of the host's. It knows where they
// stand in a file, and neither where the numbers come from nor what else is in it.

import { type ParsedModule, SECTIONS } from './binary.ts';
import type { Limits } from './reader.ts';

const [TABLE, MEMORY] = [SECTIONS.indexOf('table'), SECTIONS.indexOf('memory')];

/**
 * A copy in which no memory can grow over `maxPages` pages, and all tables together not over
 * `maxTableElements`: the first table gets what the minimums leave over, then the next. Only the
 * two sections change; a minimum over the limit is kept, and the engine refuses the module.
 */
export function withMemoryMaximum(
  binary: Uint8Array,
  { tables, memories, sections }: ParsedModule,
  maxPages: number,
  maxTableElements = Number.POSITIVE_INFINITY,
): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let copied = 0;
  const rewrite = (id: number, limits: readonly Limits[], maximum: (own: Limits) => number) => {
    const section = sections.get(id);
    if (section === undefined) return;
    const content: Uint8Array[] = [];
    let from = section.start;
    for (const own of limits) {
      const [flags, minimumEnd, end] = own.at;
      content.push(binary.subarray(from, flags), Uint8Array.of(binary[flags]! | 1));
      content.push(binary.subarray(flags + 1, minimumEnd), unsigned(maximum(own)));
      from = end;
    }
    content.push(binary.subarray(from, section.end));
    const size = content.reduce((sum, piece) => sum + piece.length, 0);
    // Appended one by one: there may be too many for the arguments of one call.
    pieces.push(binary.subarray(copied, section.size), unsigned(size));
    for (const piece of content) pieces.push(piece);
    copied = section.end;
  };
  if (maxTableElements !== Number.POSITIVE_INFINITY) {
    const limits = tables.map((table) => table.limits);
    let left = limits.reduce((sum, { minimum }) => sum - minimum, maxTableElements);
    rewrite(TABLE, limits, ({ minimum, maximum }) => {
      const most = Math.max(0, Math.min(maximum ?? Number.POSITIVE_INFINITY, minimum + left));
      left -= Math.max(0, most - minimum);
      return most;
    });
  }
  rewrite(MEMORY, memories, ({ maximum }) => Math.min(maximum ?? maxPages, maxPages));
  pieces.push(binary.subarray(copied));
  const copy = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => {
    copy.set(piece, at);
    return at + piece.length;
  }, 0);
  return copy;
}

function unsigned(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}
