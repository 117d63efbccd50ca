// Edits: a copy of a module in which some places are different. It knows bytes and where they stand, and
// nothing of what they mean.

import { COPIED_BYTES } from './slices.ts';

export interface Edit {
  /** The first byte that is replaced, and the first that is not any more. */
  readonly from: number;
  readonly to: number;
  readonly by: readonly Uint8Array[];
}

/** The edits come in the order of their places. Yields after each portion. */
export function* edited(
  binary: Uint8Array,
  edits: readonly Edit[],
): Generator<void, Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let copied = 0;
  for (const { from, to, by } of edits) {
    pieces.push(binary.subarray(copied, from));
    // Appended one by one: there may be too many for the arguments of one call.
    for (const piece of by) pieces.push(piece);
    copied = to;
  }
  pieces.push(binary.subarray(copied));
  const copy = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += COPIED_BYTES) {
      const part = piece.subarray(from, from + COPIED_BYTES);
      copy.set(part, at);
      at += part.length;
      if (part.length === COPIED_BYTES) yield;
    }
  }
  return copy;
}

/** LEB128. */
export function unsigned(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}
