// Names: what a topic or a pattern may look like, and which topics a pattern matches, by MQTT's rules: '/'
// parts levels, '+' is any one level, '#' all that follow, none included. Names are bytes; in the twin, text
// with a character for each byte.

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/** Whether something may be published to this topic: it has a byte, and no wildcard. */
export function isTopic(bytes: Uint8Array, from: number, length: number): boolean {
  for (let at = from; at < from + length; at += 1) {
    const byte = bytes[at];
    if (byte === PLUS || byte === HASH) return false;
  }
  return length > 0;
}

/** Whether it is a pattern: it has a byte, wildcards are whole levels, and '#' is the last one. */
export function isPattern(bytes: Uint8Array, from: number, length: number): boolean {
  const end = from + length;
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at];
    if (byte !== PLUS && byte !== HASH) continue;
    if (at > from && bytes[at - 1] !== SLASH) return false;
    if (at + 1 < end && (byte === HASH || bytes[at + 1] !== SLASH)) return false;
  }
  return length > 0;
}

/** How long the name of a share is, which stands before the first '/'; 0 if there is none. */
export function shareLength(bytes: Uint8Array, from: number, length: number): number {
  const end = bytes.indexOf(SLASH, from) - from;
  return end > 0 && end < length && isTopic(bytes, from, end) ? end : 0;
}

export const nameOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** A topic that begins with '$' is matched only by patterns that spell its first level out. */
export function matches(pattern: string, topic: string): boolean {
  const [wanted, given] = [pattern.split('/'), topic.split('/')];
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true;
    if (at >= given.length || (level !== '+' && level !== given[at])) return false;
  }
  return wanted.length === given.length;
}

/** The order of patterns that match the same topic: level by level '#', '+', the level itself. */
export function comparePatterns(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = rank(left[at]) - rank(right[at]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(level: string | undefined): number {
  if (level === '#') return 0;
  return level === '+' ? 1 : 2;
}
