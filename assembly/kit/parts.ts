// Parts of a frame: bytes with their number in front, and its end: part of `input`.

import { Bytes } from './bytes';
import { bytes, ok, refuse, rest } from './input';
import { uint16 } from './numbers';

/** As many bytes as the 16 bits in front of them say. */
export function bytes16(): Bytes {
  return bytes(<i32>uint16());
}

/** @returns whether all was as expected, and the frame was read to its end; if bytes are left, it is malformed */
export function whole(): boolean {
  if (rest() > 0) refuse();
  return ok();
}
