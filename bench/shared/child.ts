// A process of bench/shared.ts: one case. It says `warm` when it is; then for each line that it reads it runs once, and
// writes the line and the nanoseconds of a unit.
// node dist/bench/shared/child.js CASE

import { createInterface } from 'node:readline';
import { cases } from './cases.ts';

// In milliseconds. The optimising compiler is done then.
const WARM_UP_MS = 800;
const MOST_RUNS = 400;

async function main(name: string): Promise<void> {
  const found = cases.find((known) => known.name === name);
  if (found === undefined) throw new Error(`there is no case '${name}'`);
  const measured = await found.make();
  const end = performance.now() + WARM_UP_MS;
  for (let runs = 0; runs < MOST_RUNS && performance.now() < end; runs += 1) await measured.run();
  process.stdout.write('warm\n');
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${line} ${(await measured.run()).toFixed(1)}\n`);
  }
  await measured.close();
}

try {
  await main(process.argv[2] ?? '');
} catch (error) {
  // The last line is what the bench shows.
  process.stderr.write(`${(error as Error).stack}\n${(error as Error).message}\n`);
  process.exitCode = 1;
}
