// RESP answers: what Redis's protocol has to say, in RESP2 or RESP3. They go to `reply`, unless it is said otherwise. It
// knows no command.

import { Bytes } from './bytes';
import { Output, reply } from './output';

/** Whether who is answered has asked for RESP3. */
let third: boolean = false;
/** Where answers are written. */
let out: Output = reply;

/** @param protocol 3, or else RESP2 */
export function speak(protocol: i32): void {
  third = protocol === 3;
}

export function writeTo(output: Output): void {
  out = output;
}

export function simple(text: string): void {
  out.text('+').text(text).text('\r\n');
}

export function ok(): void {
  out.text('+OK\r\n');
}

export function fail(text: string): void {
  out.text('-').text(text).text('\r\n');
}

export function integer(value: i64): void {
  out.text(':').decimalLine(value);
}

export function bulk(bytes: Bytes): void {
  out.text('$').decimalLine(bytes.length).bytesLine(bytes);
}

export function text(value: string): void {
  out.text('$').decimalLine(String.UTF8.byteLength(value)).text(value).text('\r\n');
}

export function nothing(): void {
  out.text(third ? '_\r\n' : '$-1\r\n');
}

export function list(length: i32): void {
  out.text('*').decimalLine(length);
}

/** So many pairs of a key and a value follow. */
export function map(pairs: i32): void {
  if (third) out.text('%').decimalLine(pairs);
  else list(2 * pairs);
}

/** Something that the client has not asked for follows, of so many parts. */
export function push(length: i32): void {
  out.text(third ? '>' : '*').decimalLine(length);
}
