// Bytes that tell whose they are and where they stand, and where two streams differ.

/** Bytes that tell their position and whose they are. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let value = Math.imul(seed, 0x9e3779b1) | 1;
  for (let index = 0; index < length; index += 1) {
    value = (Math.imul(value, 1_103_515_245) + 12_345) | 0;
    bytes[index] = value >>> 16;
  }
  return bytes;
}

/** Where two streams part, in words; empty when they are the same. */
export function difference(actual: Uint8Array, expected: Uint8Array): string {
  if (Buffer.compare(actual, expected) === 0) return '';
  const length = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < length && actual[at] === expected[at]) at += 1;
  return `${actual.length} bytes instead of ${expected.length}; they part at ${at}`;
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
