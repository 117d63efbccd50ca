// Trap: what stopped a guest, in words. It knows how an engine names a guest's functions, and nothing
// of instances.

import { messageOf } from '../errors.ts';
import type { MapOf } from '../module/source-map.ts';
import { printable } from '../text.ts';

// A module that came compiled has the names that it has. They stand where nobody needs to look.
const LOOKED_AT = 2048;

/** What stopped the guest and where, on one line: `unreachable in on_data`. Never throws. */
export function trapOf(thrown: unknown): string {
  try {
    const frame = FRAME.exec(stackOf(thrown));
    return printable(messageOf(thrown) + (frame === null ? '' : ` in ${frame[1]}`));
  } catch {
    return 'a trap that cannot be described';
  }
}

const FRAMES = /at (?:(\S+) \()?wasm:[^\n]*?wasm-function\[(\d+)\]:(0x[\da-f]+)/g;

/** The functions of the guest that it was in, the innermost first: `divide (wasm-function[3]:0x9f)`. Never throws. */
export function framesOf(thrown: unknown): string[] {
  return Array.from(stackOf(thrown).matchAll(FRAMES), ([, name = '', index, offset]) =>
    printable(`${name} (wasm-function[${index}]:${offset})`.trim()),
  );
}

// AssemblyScript's, and those of Rust that say that another one has failed, as rustc writes their names.
const OF_LIBRARIES =
  /^(?:~lib\/|_ZN(?:4core|3std|5alloc)\d|_ZN\w*8wasmpoll4glue|_R[A-Z]\w*?_(?:4core|3std|5alloc)\d|_?_?rust_)/i;

/** A place in a module, and the file that knows which line of a source it came from. */
export interface Place {
  readonly map: string;
  /** In the module's file. */
  readonly offset: number;
  /** It is a call of the host, such as abort, which has thrown. */
  readonly called: boolean;
}

/**
 * Where the guest was stopped, in a function of its author if there is one: a line of a library says little. Null when
 * that is not known, or no source map is. Never throws.
 */
export function placeOf(thrown: unknown, map: MapOf | null): Place | null {
  if (map === null) return null;
  const frames = [...stackOf(thrown).matchAll(FRAMES)];
  const frame = frames.find(([, name = '']) => !OF_LIBRARIES.test(name)) ?? frames[0];
  if (frame === undefined) return null;
  const trapped = thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError;
  const called = frame === frames[0] && !trapped;
  return { map: map.map, offset: Number.parseInt(frame[3]!, 16) + map.shift, called };
}

// V8 names a function of the module as `at name (wasm://wasm/…)`.
const FRAME = /at (\S+) \(wasm:/;

// An engine puts a stack into words when it is first asked for, which can fail.
function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  try {
    return (thrown.stack ?? '').slice(0, LOOKED_AT);
  } catch {
    return '';
  }
}
