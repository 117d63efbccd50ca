// What both versions of the framed guest do: each frame, four bytes of length and its bytes, goes
// back with its number and the sum over all bytes of the connection so far in front.

import { send, want } from '../../assembly/wasmpoll';

export * from '../../assembly/guest';

const HEADER: i32 = 4;
const ANSWER_HEADER: i32 = 12;
const answer: usize = memory.data(ANSWER_HEADER);

/** The bytes of the frame at `data`, header included; 0 when it is not all there. */
export function whole(connection: i32, data: usize, length: i32): i32 {
  const bytes = length < HEADER ? HEADER : HEADER + load<i32>(data);
  if (length >= bytes && length >= HEADER) return bytes;
  want(connection, bytes);
  return 0;
}

export function summed(sum: u32, data: usize, bytes: i32): u32 {
  for (let at = HEADER; at < bytes; at += 1) sum = sum * 31 + load<u8>(data + at);
  return sum;
}

export function reply(connection: i32, frames: u32, sum: u32, data: usize, bytes: i32): void {
  store<i32>(answer, bytes - HEADER);
  store<u32>(answer, frames, 4);
  store<u32>(answer, sum, 8);
  send(connection, answer, ANSWER_HEADER);
  send(connection, data + HEADER, bytes - HEADER);
}
