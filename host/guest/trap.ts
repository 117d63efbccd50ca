// Trap: what stopped a guest, in words. It knows how an engine names a guest's functions, and nothing
// of instances.

import { messageOf } from '../errors.ts';
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
