// The bundled protocols beside the servers that people deploy for them, in one interleaved run of some two minutes.
// npm run bench:protocols [-- --rounds N] [--only NAME,…]
// Figures are processor time of the whole server process for a command or message, and how many a second. It needs
// a C compiler, and the other servers; who is missing is left out.

import { BenchError } from './load/child.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { type ProtocolOptions, parseProtocolOptions, UsageError } from './options.ts';
import { mqttSuite } from './protocols/mqtt.ts';
import { crowdReport } from './protocols/mqtt-crowd.ts';
import { reportOf } from './protocols/report.ts';
import { respSuite } from './protocols/resp.ts';
import { runSuite } from './protocols/rounds.ts';

const suites = [respSuite, mqttSuite];
/** No round of a suite begins later. */
const LONGEST_MS = 130_000;

const print = (text: string): void => void process.stdout.write(text);

async function run({ rounds, only }: ProtocolOptions): Promise<void> {
  const cores = await findCores();
  print(`${describeMachine()}; Node ${process.version}\n`);
  if (cores.unpinned !== null) print(`not pinned: ${cores.unpinned}\n`);
  else print('each server has one core, whatever its workers; the load has another\n');
  for (const suite of suites) {
    if (only !== null && !only.includes(suite.name)) continue;
    const untilMs = performance.now() + LONGEST_MS;
    print(`\n${reportOf(suite, await runSuite(suite, cores, { rounds, untilMs }))}`);
    if (suite === mqttSuite) print(`\n${await crowdReport(suite.contenders, cores)}`);
  }
}

try {
  const names = suites.map(({ name }) => name);
  await run(parseProtocolOptions(process.argv.slice(2), names));
} catch (error) {
  const usage = error instanceof UsageError;
  if (!usage && !(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = usage ? 2 : 1;
}
// A run that has failed leaves servers behind, which end with this process.
process.exit();
