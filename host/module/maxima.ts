// Maxima: the copy of a module that an engine gets. Memory and tables have the host's maxima in it,
// functions short names, and custom sections are left out. It knows where these stand in a file.

import { type ParsedModule, SECTIONS, WASM_PAGE_BYTES } from './binary.ts';
import { type Edit, edited, unsigned } from './edits.ts';
import type { ModuleLimits } from './limits.ts';
import { shortNames } from './names.ts';
import type { Limits } from './reader.ts';
import { type MapOf, mapOf } from './source-map.ts';

const [TABLE, MEMORY] = [SECTIONS.indexOf('table'), SECTIONS.indexOf('memory')];

/** What an engine gets, and where it came from. */
interface Bounded {
  readonly copy: Uint8Array<ArrayBuffer>;
  readonly map: MapOf | null;
}

/** Yields after each portion. */
export function* bounded(
  binary: Uint8Array,
  module: ParsedModule,
  { guestMemoryBytes, maxTableElements }: ModuleLimits,
): Generator<void, Bounded> {
  const names = yield* shortNames(binary, module);
  const maxPages = Math.floor(guestMemoryBytes / WASM_PAGE_BYTES);
  const edits = limitEdits(binary, module, maxPages, maxTableElements);
  for (const { from, end } of module.custom) edits.push({ from, to: end, by: [] });
  edits.sort((a, b) => a.from - b.from);
  const { length } = binary;
  if (names !== null) edits.push({ from: length, to: length, by: [names] });
  return { copy: yield* edited(binary, edits), map: mapOf(binary, module, edits) };
}

/**
 * The edits by which no memory can grow over `maxPages` pages, and all tables together not over
 * `maxTableElements`: the first table gets what the minimums leave over, then the next. A minimum over the
 * limit is kept, and the engine refuses the module.
 */
export function limitEdits(
  binary: Uint8Array,
  { tables, memories, sections }: ParsedModule,
  maxPages: number,
  maxTableElements = Number.POSITIVE_INFINITY,
): Edit[] {
  const edits: Edit[] = [];
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
    edits.push({ from: section.size, to: section.end, by: [unsigned(size), ...content] });
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
  return edits;
}
