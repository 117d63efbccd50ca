// The ruler: what the host's own code takes for a message, on a kernel that does nothing.
// npm run bench:host-cost [-- --against DIR] [--rounds N] [--messages N]
// DIR is another checkout that was built; there may be several. All builds are measured in turns.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError, Child } from './load/child.ts';
import { root } from './load/compile.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { type HostCostOptions, parseHostCostOptions, UsageError } from './options.ts';
import { count } from './report/text.ts';
import { BuildError, checkBuilt } from './ruler/builds.ts';
import { type HostCase, hostCases } from './ruler/case.ts';
import { hostCostTable, type Measured } from './ruler/table.ts';

const script = fileURLToPath(new URL('./ruler/child.js', import.meta.url));
// What V8 has compiled is a few percent faster in one process than in another: after so many rounds
// there are new ones.
const ROUNDS_A_PROCESS = 20;
// Compiled beside the program, code depends on when the compiler is done, and processes differ by 4 %
// instead of 1 %.
const FLAGS = ['--no-concurrent-recompilation'];

interface Place {
  readonly title: string;
  readonly folder: string;
}

/** Nanoseconds of each round, of each build in the order given. */
async function runRounds(
  hostCase: HostCase,
  places: readonly Place[],
  pin: readonly string[],
  { rounds, messages }: HostCostOptions,
): Promise<number[][]> {
  const results: number[][] = places.map(() => []);
  for (let done = 0; done < rounds; done += ROUNDS_A_PROCESS) {
    const children: Child[] = [];
    for (const { folder } of places) {
      const child = new Child([...pin, process.execPath, ...FLAGS, script, hostCase.name, folder]);
      await child.shows(/^warm$/m);
      children.push(child);
    }
    const end = Math.min(rounds, done + ROUNDS_A_PROCESS);
    for (let round = done; round < end; round += 1) {
      for (let turn = 0; turn < children.length; turn += 1) {
        const build = (round + turn) % children.length;
        children[build]!.say(`${round} ${messages}`);
        const answer = new RegExp(`^${round} ([\\d.]+)$`, 'm');
        results[build]!.push(Number((await children[build]!.shows(answer))[1]));
      }
    }
    for (const child of children) {
      child.release();
      await child.result();
    }
  }
  return results;
}

async function main(options: HostCostOptions): Promise<void> {
  const places = [
    { title: 'this build', folder: root },
    ...options.against.map((title) => ({ title, folder: path.resolve(title) })),
  ];
  for (const { folder } of places) checkBuilt(folder);
  const cores = await findCores();
  const extent = `${options.rounds} rounds of ${count(options.messages)} messages`;
  process.stdout.write(`${describeMachine()}; Node ${process.version}; ${extent}\n`);
  if (cores.unpinned !== null) process.stdout.write(`not pinned: ${cores.unpinned}\n`);
  const measured: Measured[] = [];
  for (const hostCase of hostCases) {
    const rounds = await runRounds(hostCase, places, cores.server, options);
    const builds = places.map(({ title }, build) => ({ title, nanoseconds: rounds[build]! }));
    measured.push({ title: hostCase.title, builds });
  }
  process.stdout.write(`\n${hostCostTable(measured)}`);
}

try {
  await main(parseHostCostOptions(process.argv.slice(2)));
} catch (error) {
  const usage = error instanceof UsageError || error instanceof BuildError;
  if (!usage && !(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = usage ? 2 : 1;
}
