// A guest that takes one byte a call, and some ten milliseconds for it.

export * from '../../assembly/guest';

const STEPS: i32 = 20_000_000;

// What is never read might not be computed.
let sum: u32 = 1;

export function on_data(_connection: i32, _state: usize, _data: usize, _length: i32): i32 {
  let next = sum;
  for (let step = 0; step < STEPS; step += 1) next = next * 1664525 + 1013904223;
  sum = next;
  return 1;
}
