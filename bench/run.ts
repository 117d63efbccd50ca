// The bench: wasmpoll beside hand-written C and others, in one interleaved run.
// npm run bench [-- --quick] [--rounds N] [--seconds S] [--only CASE,…] [--contenders NAME,…]

import { compiledGuest } from '../test/helpers/guests.ts';
import { type CaseResult, type Entry, type Plan, runCase, takesPart } from './campaign.ts';
import { type Case, cases } from './cases.ts';
import { BenchError } from './child.ts';
import { compileC, root } from './compile.ts';
import { contenders, REFERENCE } from './contenders.ts';
import { describeMachine, findCores } from './machine.ts';
import { type Options, parseOptions, UsageError } from './options.ts';
import { caseTable } from './report.ts';

const WARM_UP = 0.2;
const HEAT = { quick: 0.3, full: 1.5 };

const terminal = process.stderr.isTTY;

/** One line that is written over; where there is no terminal, nothing. */
function progress(text: string): void {
  if (terminal) process.stderr.write(`\r\x1b[K${text}`);
}

function guestOf(what: Case): string {
  if (what.guest === undefined) return 'echo';
  compiledGuest(what.guest);
  return `${root}dist/guests/${what.guest}.wasm`;
}

async function main(options: Options): Promise<void> {
  const cores = await findCores();
  process.stdout.write(`${describeMachine()}\n`);
  if (cores.unpinned !== null) process.stdout.write(`not pinned: ${cores.unpinned}\n`);
  const load = [...cores.load, await compileC('load')];
  const plan: Plan = {
    rounds: options.rounds,
    load: { command: load, seconds: options.seconds, warmup: Math.min(WARM_UP, options.seconds) },
    heatSeconds: options.quick ? HEAT.quick : HEAT.full,
    pin: cores.server,
  };
  const chosen = contenders.filter(
    ({ name }) => name === REFERENCE || (options.contenders?.includes(name) ?? true),
  );
  const selected = cases.filter(
    ({ name, quick }) => options.cases?.includes(name) ?? (!options.quick || quick),
  );
  const results: CaseResult[] = [];
  for (const what of selected) {
    const guest = guestOf(what);
    const entries: Entry[] = [];
    for (const contender of chosen) {
      if (takesPart(contender, what))
        entries.push({ contender, found: await contender.find(guest) });
    }
    const result = await runCase(what, entries, plan, (text) => progress(`${what.title}: ${text}`));
    progress('');
    results.push(result);
    process.stdout.write(`\n${what.title}\n${caseTable(result)}`);
  }
}

try {
  const known = {
    cases: cases.map(({ name }) => name),
    contenders: contenders.map(({ name }) => name),
  };
  await main(parseOptions(process.argv.slice(2), known));
} catch (error) {
  if (!(error instanceof BenchError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
