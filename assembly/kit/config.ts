// Config: what the operator has configured for this service, as lines KEY=VALUE. It is read in
// `_initialize` or in callbacks, and lasts as long as the instance.

import * as raw from '../wasmpoll';
import { Bytes, view } from './bytes';

let place: usize = 0;
let size: i32 = -1;

/** All of it: what `--config-file` names, and behind it a line for each `--set`. */
export function bytes(): Bytes {
  if (size < 0) {
    size = raw.config(0, 0);
    assert(size >= 0, 'the configuration is read in _initialize, or later');
    place = heap.alloc(size);
    raw.config(place, size);
  }
  return view(place, size);
}

/** The value of a key, without spaces around it: of the last line that has it. Null if none has. */
export function text(key: string): Bytes | null {
  const rest = bytes();
  let found: Bytes | null = null;
  while (rest.length > 0) {
    const value = rest.cut('\n');
    if (value.cut('=').trim().is(key)) found = value.trim();
  }
  return found;
}

/** The number of a key, or `none` if no line has it. With another value the guest does not start. */
export function decimal(key: string, least: i64, most: i64, none: i64): i64 {
  const value = text(key);
  if (value === null) return none;
  const fits =
    value.isDecimal() && value.decimal(least, most, least) === value.decimal(least, most, most);
  assert(fits, `config: ${key} has to be a number from ${least} to ${most}`);
  return value.decimal(least, most, none);
}
