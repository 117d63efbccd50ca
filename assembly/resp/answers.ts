// Answers: what a client is told, in RESP2 or RESP3. They go to `reply`, unless it is said otherwise.

import { Bytes, Output, reply, STATUS_LIMIT, STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../kit';
import { ERRORS, note } from './counts';
import { args, count } from './request';

/** Whether the client that is answered has asked for RESP3. */
let third: boolean = false;
/** Where answers are written. */
let out: Output = reply;

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

export function error(text: string): void {
  note(ERRORS);
  out.text('-').text(text).text('\r\n');
}

export function integer(value: i64): void {
  out.text(':').decimal(value).text('\r\n');
}

export function bulk(bytes: Bytes): void {
  out.text('$').decimal(bytes.length).text('\r\n').bytes(bytes).text('\r\n');
}

export function text(value: string): void {
  out.text('$').decimal(String.UTF8.byteLength(value)).text('\r\n').text(value).text('\r\n');
}

export function nothing(): void {
  out.text(third ? '_\r\n' : '$-1\r\n');
}

export function list(length: i32): void {
  out.text('*').decimal(length).text('\r\n');
}

/** So many pairs of a key and a value follow. */
export function map(pairs: i32): void {
  if (third) out.text('%').decimal(pairs).text('\r\n');
  else list(2 * pairs);
}

/** Something that the client has not asked for follows, of so many parts. */
export function push(length: i32): void {
  out
    .text(third ? '>' : '*')
    .decimal(length)
    .text('\r\n');
}

export function wrongArity(command: string): boolean {
  error(`ERR wrong number of arguments for '${command}' command`);
  return false;
}

export const syntax = (): void => error('ERR syntax error');

export const notInteger = (): void => error('ERR value is not an integer or out of range');

/** As Redis quotes what it does not know. */
export function unknownCommand(): void {
  const name = shown(args[0], 128);
  let quoted = '';
  for (let i = 1; i < count && quoted.length < 128; i += 1) {
    quoted += `'${shown(args[i], 128 - quoted.length)}' `;
  }
  error(`ERR unknown command '${name}', with args beginning with: ${quoted}`);
}

export function unknownSubcommand(command: string): void {
  error(`ERR unknown subcommand '${shown(args[1], 128)}'. Try ${command.toUpperCase()} HELP.`);
}

/** What a client has sent, as a part of a line: up to a zero, and without line ends. */
export function shown(bytes: Bytes, most: i32): string {
  const end = bytes.find(0);
  const part = bytes.slice(0, end < 0 ? most : min(end, most)).toString();
  return part.replaceAll('\r', ' ').replaceAll('\n', ' ');
}

/** What the store could not do. */
export function failed(status: i32): void {
  if (status === STATUS_LIMIT) error("OOM command not allowed when used memory > 'maxmemory'.");
  else if (status === STATUS_UNAVAILABLE)
    error('ERR the store cannot be reached; nothing has happened');
  else if (status === STATUS_UNKNOWN) error('ERR the store did not answer; it may have happened');
  else error('ERR a key must not be empty');
}
