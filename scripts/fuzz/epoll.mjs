// Compares random sequences of epoll operations with CPython:
//   npm run fuzz -- epoll --sequences N --seed S
// Sequence i has the seed S + i. Prints the first differences, and exits with 1 if there are any.

import { parseArgs } from 'node:util';
import { compare } from '../../dist/test/helpers/epoll-differential.js';
import { sequenceOf } from '../../dist/test/helpers/epoll-sequences.js';

/** As many go through one Python process. */
const BATCH = 500;
const SHOWN = 5;

const { values } = parseArgs({
  options: {
    sequences: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
});
const [count, first] = [Number(values.sequences), Number(values.seed)];
if (!(Number.isSafeInteger(count) && count > 0 && Number.isSafeInteger(first) && first >= 0)) {
  process.stderr.write('fuzz epoll: --sequences and --seed must be whole numbers\n');
  process.exit(2);
}

let differences = 0;
let operations = 0;
for (let done = 0; done < count; done += BATCH) {
  const length = Math.min(BATCH, count - done);
  const sequences = Array.from({ length }, (_, i) => sequenceOf(first + done + i));
  operations += sequences.reduce((sum, sequence) => sum + sequence.length, 0);
  for (const found of compare(sequences)) {
    differences += 1;
    if (differences > SHOWN) continue;
    const { sequence, at, ...rest } = found;
    process.stdout.write(`seed ${first + done + sequence}, operation ${at}: `);
    process.stdout.write(`${JSON.stringify(rest)}\n`);
    for (const operation of sequences[sequence].slice(0, at)) {
      process.stdout.write(`    ${JSON.stringify(operation)}\n`);
    }
  }
}
process.stdout.write(
  `${count} sequences of ${operations} operations, seeds ${first} to ${first + count - 1}: ` +
    `${differences} differ\n`,
);
process.exitCode = differences > 0 ? 1 : 0;
