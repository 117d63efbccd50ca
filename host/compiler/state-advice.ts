// State advice: what is wrong with a state block of the author's kit, as far as words tell: its class, and the size that
// the guest asks for. It knows how the kit is written, and not what the compiler made of it.

import type { Diagnostic } from './diagnostics.ts';
import type { Sources } from './places.ts';

// A class of the kit's state blocks with a field, up to that field's colon.
const STATE =
  /\bclass\s+(\w+)\s+extends\s+Session\s*\{\s*(?:(?:private|protected|readonly)\s+)*\w+!?\s*:/;
// A pointer in the block is one into an instance, which the block outlives; and the collector does not look there.
const POINTER =
  /(?<!\bstatic\s+(?:readonly\s+)?)\b(\w+)!?\s*:\s*(?:string|String|Bytes|Output|ArrayBuffer|DataView|(?:Static)?Array\s*<[^;]*>|Map\s*<[^;]*>|Set\s*<[^;]*>|ByteMap\s*<[^;]*>|(?:Uint|Int|Float)\d+(?:Clamped)?Array)(?:\s*\|\s*null)?\s*[;=](?<=\bclass\s+\w+\s+extends\s+Session\s*\{[^}(]*)/;

/** Warnings of blocks that are missing, too small, or kept in what ends before them. */
export function adviseState(
  exports: readonly { readonly name: string }[],
  sources: Sources,
): Diagnostic[] {
  return [...ofSize(exports, sources), ...ofFields(sources)];
}

function ofSize(exports: readonly { readonly name: string }[], sources: Sources): Diagnostic[] {
  const state = sources.match(STATE);
  if (state === null) return [];
  const { place, word: name } = state;
  if (!exports.some((item) => item.name === 'state_size')) {
    const what = `clients have no ${name} of their own: export state_size, which returns stateSize<${name}>()`;
    return [warning(place, what)];
  }
  // It may be computed otherwise, or be that of another class, which has more fields.
  const base = sources.find(/\bstateSize\s*<\s*Session\s*>/);
  if (base === null || sources.find(/\bstateSize\s*<\s*(?!Session\s*>)\w/) !== null) return [];
  return [warning(base, `state_size has no room for ${name}: return stateSize<${name}>()`)];
}

function ofFields(sources: Sources): Diagnostic[] {
  const field = sources.match(POINTER);
  if (field === null) return [];
  const what = `${field.word} is no number: a state block keeps the bytes of tail, and nothing that is elsewhere`;
  return [warning(field.place, what)];
}

const warning = (place: string, message: string): Diagnostic => ({
  severity: 'warning',
  place,
  message,
});
