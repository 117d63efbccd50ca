// Request: one command as it was sent: an array of texts, or a line of words. It knows no command.

import { Bytes, input } from '../kit';

const MOST_ARGUMENTS: i32 = 1024;
const MOST_BULK: i64 = 512 * 1024 * 1024;
const LONGEST_LINE: i32 = 1024;

/** The arguments; the first is the name. */
export const args: StaticArray<Bytes> = new StaticArray<Bytes>(MOST_ARGUMENTS);
export let count: i32 = 0;

/** Reads the next one. `count` is 0 when it is empty; `input.bad()` when it is malformed. */
export function readRequest(): void {
  count = 0;
  if (input.skip('*')) readArray();
  else if (input.ok()) readWords();
}

// "*" count CRLF, then count times: "$" length CRLF bytes CRLF
function readArray(): void {
  const most = <i32>lengthOf(MOST_ARGUMENTS);
  for (let at = 0; at < most && input.ok(); at += 1) {
    input.expect('$');
    const length = <i32>lengthOf(MOST_BULK);
    add(input.bytes(length));
    input.take(2);
  }
}

function lengthOf(most: i64): i64 {
  const line = input.line(LONGEST_LINE);
  if (!input.ok()) return 0;
  const length = line.isDecimal() ? line.decimal(0, most, -1) : -1;
  if (length < 0) input.refuse();
  return max(0, length);
}

function readWords(): void {
  const line = input.line(LONGEST_LINE);
  while (input.ok() && line.length > 0) {
    const word = line.cut(' ');
    if (word.length > 0) add(word);
  }
}

function add(argument: Bytes): void {
  if (!input.ok()) return;
  args[count] = argument;
  count += 1;
}
