// Host name: a host as a guest writes it, in its one form or not at all: what two readers could read in two ways is
// refused. It resolves nothing, and runs in any thread and in a page.

import { ipText, isV4, parseIp } from '../listen/peer/ip.ts';

/** RFC 1035, 2.3.4, as text: without the byte of the root. */
const MOST_NAME = 253;
// Letters, digits and hyphens (RFC 952, RFC 1123), and the underscore, which services put into names.
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// Resolvers of C libraries read these as numbers of inet_aton(3): 0x7f.1, 127.1, 2130706433, 0177.0.0.1.
const NUMBER = /^(?:\d+|0x[\da-f]*)$/;

export type Host =
  | { readonly kind: 'name'; readonly name: string }
  /** Sixteen bytes. */
  | { readonly kind: 'address'; readonly name: string; readonly bytes: Uint8Array };

/**
 * Reads a name in ASCII (upper case is the same; other letters come as `xn--`), `192.0.2.1`, or `[2001:db8::1]`.
 * @returns null for anything else: a dot at the end, a zone, a number in another form, a space
 */
export function readHost(text: string): Host | null {
  if (text.startsWith('[')) return readV6(text);
  const name = text.toLowerCase();
  // Characters outside ASCII may become ASCII by it, such as the Kelvin sign.
  if (name.length !== text.length || !/^[\x21-\x7e]+$/.test(text)) return null;
  if (name.length > MOST_NAME) return null;
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return null;
  if (!NUMBER.test(labels.at(-1)!)) return { kind: 'name', name };
  const bytes = parseIp(name);
  return bytes === null ? null : { kind: 'address', name, bytes };
}

// An IPv4 address that is written with colons is not the one form of it.
function readV6(text: string): Host | null {
  if (!text.endsWith(']')) return null;
  const inner = text.slice(1, -1);
  const bytes = inner.includes(':') ? parseIp(inner) : null;
  return bytes === null || isV4(bytes) ? null : { kind: 'address', name: ipText(bytes), bytes };
}
