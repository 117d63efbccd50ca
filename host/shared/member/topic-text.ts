// Topic text: a topic's bytes as a string, and back without loss. Guests may publish to topics that are not UTF-8:
// each byte that is none becomes a lone surrogate, U+DC80 to U+DCFF, as Python's `surrogateescape` has it.

const ESCAPE = 0xdc00;
/** Only those that are no half of a pair: that is what the flag u does. */
const ESCAPED = /[\udc80-\udcff]/u;
const REPLACEMENT = '\ufffd';

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
const encoder = new TextEncoder();

/** Never the same for two topics that differ. */
export function topicText(bytes: Uint8Array): string {
  const text = lenient.decode(bytes);
  if (!text.includes(REPLACEMENT)) return text;
  let [escaped, at] = ['', 0];
  while (at < bytes.length) {
    const length = lengthOf(bytes[at]!);
    const character = decoded(bytes.subarray(at, at + length));
    escaped += character ?? String.fromCharCode(ESCAPE + bytes[at]!);
    at += character === null ? 1 : length;
  }
  return escaped;
}

/** UTF-8, and what `topicText` has made of other bytes. */
export function topicBytes(text: string): Uint8Array {
  if (!ESCAPED.test(text)) return encoder.encode(text);
  const parts = Array.from(text, (character) =>
    ESCAPED.test(character) ? [character.charCodeAt(0) - ESCAPE] : [...encoder.encode(character)],
  );
  return Uint8Array.from(parts.flat());
}

/** Bytes of the character that begins so, if it is one. */
function lengthOf(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}
