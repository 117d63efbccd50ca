// Arbitrary host calls and traps beside 200 connections that are compared byte for byte:
//   npm run soak -- chaos --minutes N --seed S
// Each seed is good for 20,000 programs. Exits with 1 at the first byte that is not right.

import { parseArgs } from 'node:util';
import { chaos } from '../../dist/test/helpers/chaos.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } },
});
const [minutes, first] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0 && Number.isSafeInteger(first))) {
  process.stderr.write('soak chaos: --minutes and --seed must be numbers\n');
  process.exit(2);
}

const PROGRAMS = 20_000;
const end = performance.now() + minutes * 60_000;
for (let seed = first; performance.now() < end && process.exitCode !== 1; seed += 1) {
  const report = await chaos(seed, (round) => round < PROGRAMS && performance.now() < end);
  const { rounds, traps, bytes, wild, faults } = report;
  process.stdout.write(
    `seed ${seed}: ${rounds} programs of ${wild} connections, ${traps} traps, ` +
      `${bytes} bytes compared, ${faults.length} faults\n`,
  );
  for (const fault of faults) process.stdout.write(`  ${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}
