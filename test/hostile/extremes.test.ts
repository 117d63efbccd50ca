// Modules with as much of one kind as the loader lets through: to judge, compile and try them holds the thread
// that serves for a moment at most. They are swapped in by a process of its own.

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { extremes } from '../helpers/extreme-modules.ts';
import { runNode } from '../helpers/process.ts';
import type { Held } from '../helpers/stall-process.ts';

const script = fileURLToPath(new URL('../helpers/stall-process.js', import.meta.url));
const HELD_MS = 50;

test.serial('no module holds the main thread for more than 50 ms at once', async (t) => {
  const { code, stdout, stderr } = await runNode(['--expose-gc', script, String(HELD_MS)]);
  t.is(code, 0, stderr);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Held);
  t.is(lines.length, extremes.length);
  for (const line of lines) {
    t.is(line.outcome, 'swapped', line.title);
    t.true(line.heldMs <= HELD_MS * line.slowness, JSON.stringify(line));
  }
});
