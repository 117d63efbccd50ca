// Modules that are made to cost the engine as much as they can: each is served or refused within a
// second of processor time and 200 MB. They run in processes of their own.

import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Taken } from '../helpers/hostile-process.ts';
import { runNode } from '../helpers/process.ts';

const script = fileURLToPath(new URL('../helpers/hostile-process.js', import.meta.url));
const MODULES = Number(process.env.HOSTILE_MODULES ?? 150);
const IN_A_PROCESS = 50;
const CPU_MS = 1000;
const PEAK_MB = 200;

for (let first = 0; first < MODULES; first += IN_A_PROCESS) {
  const count = Math.min(IN_A_PROCESS, MODULES - first);
  test.serial(`random modules from ${first} on cost a second and 200 MB at most`, async (t) => {
    const { code, stdout, stderr } = await runNode([
      '--expose-gc',
      script,
      String(first),
      String(count),
    ]);
    t.is(code, 0, stderr);
    const taken = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Taken);
    t.is(taken.length, count);
    for (const each of taken) {
      const shown = JSON.stringify(each);
      t.true(each.cpuMs <= CPU_MS && each.peakMb <= PEAK_MB, shown);
      t.regex(each.outcome, /^(?:served|compile cost|global limit|too many)$/, shown);
    }
    t.true(taken.some(({ outcome }) => outcome === 'served'));
  });
}
