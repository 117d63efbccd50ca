// A process of the ruler: one case of one build. It says `warm` when it is; then for each line `NUMBER MESSAGES` that it reads
// it writes `NUMBER NANOSECONDS`, the cost of a message.
// node dist/bench/ruler/child.js CASE FOLDER

import { createInterface } from 'node:readline';
import { loadBuild } from './builds.ts';
import { HostCost, hostCases } from './case.ts';

async function main(name: string, folder: string): Promise<void> {
  const hostCase = hostCases.find((known) => known.name === name);
  if (hostCase === undefined) throw new Error(`there is no case '${name}'`);
  const cost = await HostCost.create(await loadBuild(folder), hostCase);
  cost.warmUp();
  process.stdout.write('warm\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const [number, messages] = line.split(' ').map(Number);
    process.stdout.write(`${number} ${cost.run(messages!).toFixed(3)}\n`);
  }
}

try {
  const [, , name = '', folder = ''] = process.argv;
  await main(name, folder);
} catch (error) {
  // The last line is what the ruler shows.
  process.stderr.write(`${(error as Error).stack}\n${(error as Error).message}\n`);
  process.exitCode = 1;
}
