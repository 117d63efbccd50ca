// Runs sequences here and in CPython, and compares. Knows how to start Python; must not know what
// the operations mean.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Interpreter, type Operation, type Outcome, translate } from './epoll-interpreter.ts';

const SCRIPT = fileURLToPath(new URL('../../../test/python/epoll_interpreter.py', import.meta.url));

/** More than this is a hang, on the slowest of machines. */
const TIMEOUT_MS = 300_000;

/** Since 3.9 unregister() tells EBADF; since 3.10 there is os.eventfd(). */
const CHECK = 'import sys, select; select.epoll; sys.exit(sys.version_info < (3, 10))';

/** Whether there is a Python to compare with. */
export function hasPython(): boolean {
  return spawnSync('python3', ['-c', CHECK]).status === 0;
}

/** What each sequence gives in CPython, in the order of the sequences. */
export function runPython(sequences: readonly (readonly Operation[])[]): Outcome[][] {
  const { status, stdout, stderr, error } = spawnSync('python3', [SCRIPT], {
    input: sequences.map((sequence) => `${JSON.stringify(sequence)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    timeout: TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`python3 failed: ${error?.message ?? stderr}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome[]);
}

/** The first operation of a sequence that came out differently. */
export interface Difference {
  readonly sequence: number;
  readonly at: number;
  readonly operation: Operation | undefined;
  readonly python: Outcome | undefined;
  readonly here: Outcome | undefined;
}

export function compare(sequences: readonly (readonly Operation[])[]): Difference[] {
  const expected = runPython(sequences);
  return sequences.flatMap((operations, sequence) => {
    const here = new Interpreter().run(operations);
    const python = (expected[sequence] ?? []).map(translate);
    const at = here.findIndex((outcome, i) => !isDeepStrictEqual(outcome, python[i]));
    if (at < 0) return [];
    return [{ sequence, at, operation: operations[at], python: python[at], here: here[at] }];
  });
}
