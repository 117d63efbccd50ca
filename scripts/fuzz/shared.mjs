// Compares random programs of topics and keys on the addon with the twin:
//   npm run fuzz -- shared --programs N --seed S
// N of each kind, and a hundredth of them over real workers. Prints the first program of a kind that differs, made as short as can be, and exits with 1.

import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { differenceOf, settings } from '../../dist/test/helpers/shared-differential.js';
import { programsOverWorkers } from '../../dist/test/helpers/sharing-over-workers.js';

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
  },
});
const [programs, seed] = [Number(values.programs), Number(values.seed)];
if (!(Number.isSafeInteger(programs) && programs > 0 && Number.isSafeInteger(seed))) {
  process.stderr.write('fuzz shared: --programs and --seed must be whole numbers\n');
  process.exit(2);
}

for (const [title, setting] of Object.entries(settings)) {
  const numRuns = Math.ceil(programs / (setting.cost ?? 1));
  const property = fc.property(
    setting.programs,
    (commands) => differenceOf(commands, setting) === null,
  );
  const { failed, counterexample } = fc.check(property, { numRuns, seed });
  process.stdout.write(
    `${numRuns} programs ${title}: ${failed ? 'one differs' : 'none differs'}\n`,
  );
  if (!failed) continue;
  process.exitCode = 1;
  const [commands] = counterexample;
  for (const command of commands) {
    const text = JSON.stringify(command, (_, value) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
    process.stdout.write(`    ${text}\n`);
  }
  process.stdout.write(`${differenceOf(commands, setting)}\n`);
}

for (const workers of [1, 2]) {
  const few = Math.ceil(programs / 100);
  const fault = await programsOverWorkers({ programs: few, seed, workers });
  process.stdout.write(`${few} programs over ${workers} workers: ${fault ?? 'none differs'}\n`);
  if (fault !== null) process.exitCode = 1;
}
