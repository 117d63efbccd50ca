// Answers: what Redis tells its clients, to the letter, when something is wrong.

import { Bytes, STATUS_LIMIT, STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../kit';
import { fail } from '../kit/resp-answers';
import { args, count } from '../kit/resp-request';
import { ERRORS, note } from './counts';

export {
  bulk,
  integer,
  list,
  map,
  nothing,
  ok,
  push,
  simple,
  speak,
  text,
  writeTo,
} from '../kit/resp-answers';

export function error(text: string): void {
  note(ERRORS);
  fail(text);
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
