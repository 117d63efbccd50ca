// IP: addresses as sixteen bytes and as text, IPv4 as ::ffff:a.b.c.d in both ways. It runs in any thread and in
// a page, and knows no socket.

export const IP_BYTES = 16;

const V4_AT = 12;
const GROUPS = 8;

/**
 * Reads a numeric address; an interface behind a % is none.
 * @returns null when it is no address
 */
export function parseIp(text: string): Uint8Array | null {
  const v4 = parseV4(text);
  if (v4 === null) return text.includes(':') ? parseV6(text) : null;
  const bytes = new Uint8Array(IP_BYTES).fill(255, V4_AT - 2, V4_AT);
  bytes.set(v4, V4_AT);
  return bytes;
}

function parseV4(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  // As inet_pton(3): a zero in front would be octal to some.
  const numbers = parts.map((part) => (/^(?:0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return numbers.every((number) => number < 256) ? numbers : null;
}

function parseV6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (!unfoldV4(tail ?? head!)) return null;
  const missing = GROUPS - head!.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head!, ...Array<string>(missing).fill('0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[\da-fA-F]{1,4}$/.test(group))) return null;
  const view = new DataView(new ArrayBuffer(IP_BYTES));
  for (const [index, group] of groups.entries())
    view.setUint16(2 * index, Number.parseInt(group, 16));
  return new Uint8Array(view.buffer);
}

// `::ffff:192.0.2.1`: the last group may be an IPv4 address, which is two. False when it is a wrong one.
function unfoldV4(groups: string[]): boolean {
  const last = groups.at(-1);
  if (last === undefined || !last.includes('.')) return true;
  const v4 = parseV4(last);
  if (v4 === null) return false;
  const [a, b, c, d] = v4 as [number, number, number, number];
  groups.splice(-1, 1, ((a << 8) | b).toString(16), ((c << 8) | d).toString(16));
  return true;
}

/** Whether it is an IPv4 address, however it was written. */
export function isV4(bytes: Uint8Array): boolean {
  for (let index = 0; index < V4_AT; index += 1) {
    if (bytes[index] !== (index < V4_AT - 2 ? 0 : 255)) return false;
  }
  return true;
}

/** `192.0.2.1`, or as RFC 5952 has it. */
export function ipText(bytes: Uint8Array): string {
  if (isV4(bytes)) return bytes.subarray(V4_AT, IP_BYTES).join('.');
  const groups = Array.from(
    { length: GROUPS },
    (_, index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!,
  );
  const [start, length] = longestZeros(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (length < 2) return text(0, GROUPS);
  return `${text(0, start)}::${text(start + length, GROUPS)}`;
}

function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let [best, longest, length] = [0, 0, 0];
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest) [best, longest] = [index + 1 - length, length];
  }
  return [best, longest];
}

/** `192.0.2.1:80` or `[2001:db8::1]:80`. */
export function endpointText(bytes: Uint8Array, port: number): string {
  const text = ipText(bytes);
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}
