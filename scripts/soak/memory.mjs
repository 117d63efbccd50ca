// Clients that never read or never finish a frame, and a guest that takes all it can:
//   npm run soak -- memory --clients N
// Prints resident memory; exits with 1 when it passes the bound or an honest client is not served.

import { parseArgs } from 'node:util';
import { siege } from '../../dist/test/helpers/memory-attack.js';

const { values } = parseArgs({ options: { clients: { type: 'string', default: '5000' } } });
const clients = Number(values.clients);
if (!(Number.isSafeInteger(clients) && clients > 0)) {
  process.stderr.write('soak memory: --clients must be a whole number from 1\n');
  process.exit(2);
}

const MiB = 1024 * 1024;
const ends = [];
try {
  const report = await siege({ teardown: (end) => ends.push(end) }, clients);
  const { before, most, bound, answers } = report;
  const [a, b, c] = [before, most, bound].map((bytes) => Math.round(bytes / MiB));
  process.stdout.write(
    `${clients} clients: ${a} MiB before, ${b} MiB at most, bound ${c} MiB; ${answers} honest answers\n`,
  );
  process.exitCode = most <= bound ? 0 : 1;
} finally {
  for (const end of ends.reverse()) await end();
}
