// Passes a TAP stream on and closes it with one line that counts: `N passed, N failed, N skipped`.

import { createInterface } from 'node:readline';

const counts = { passed: 0, failed: 0, skipped: 0 };
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${line}\n`);
  const match = /^(not )?ok\b.*?(# (?:SKIP|TODO))?\s*$/.exec(line);
  if (match === null) continue;
  if (match[2] !== undefined) counts.skipped += 1;
  else counts[match[1] === undefined ? 'passed' : 'failed'] += 1;
}
const { passed, failed, skipped } = counts;
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
