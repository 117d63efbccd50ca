// Timeout: after how long a callback counts as hung where nobody else is served. It measures nothing.

import { WasmpollError } from '../../errors.ts';
import { readValue } from '../../units.ts';
import type { makeCommand } from '../command-line.ts';

/** A loaded machine must not be taken for a guest that hangs. */
const TIMEOUT = '10s';

/** `--timeout`, in milliseconds. */
export function addTimeout(command: ReturnType<typeof makeCommand>): void {
  command.option(
    '--timeout <TIME>',
    `a callback that takes longer has hung (default: ${TIMEOUT})`,
    parse,
  );
}

export const defaultTimeout = (): number => parse(TIMEOUT);

function parse(text: string): number {
  const ms = readValue(text, 'ms');
  if (ms > 0) return ms;
  throw new WasmpollError(
    'ERR_OPTION',
    `--timeout must be a time such as ${TIMEOUT}, got '${text}'`,
  );
}
