// The bench: wasmpoll beside hand-written C and others, in one interleaved run.
// npm run bench [-- --quick] [--rounds N] [--seconds S] [--only CASE,…] [--contenders NAME,…] [--render]
// A run of all cases and contenders writes RESULTS.md and charts/.

import { mkdirSync, writeFileSync } from 'node:fs';
import { compiledGuest } from '../test/helpers/guests.ts';
import { type CaseResult, MISSING, type Plan, runCase, takesPart } from './campaign/campaign.ts';
import { type Case, cases } from './campaign/cases.ts';
import { type Bench, callsOfAll, idleOfAll, opinions } from './campaign/extras.ts';
import { type Results, readResults, writeResults } from './campaign/results.ts';
import { BenchError } from './load/child.ts';
import { compileC, root, source } from './load/compile.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { type Options, parseOptions, UsageError } from './options.ts';
import { type Contender, contenders, type Present, REFERENCE } from './peers/contenders.ts';
import { figures } from './report/figures.ts';
import { progress } from './report/progress.ts';
import {
  callsTable,
  caseText,
  idleTable,
  opinionTable,
  resultsMarkdown,
  titleOf,
} from './report/report.ts';
import { textTable } from './report/table.ts';
import { targetTables } from './report/targets.ts';

const WARM_UP = 0.2;
const HEAT = { quick: 0.3, full: 1.5 };
// Of a window that others have disturbed; --quick takes it as it is.
const TRIES = 3;
const EXTRAS = ['calls', 'idle', 'redis'];

const print = (text: string): void => void process.stdout.write(text);

function guestOf(what: Case): string {
  if (what.guest === undefined) return 'echo';
  compiledGuest(what.guest);
  return `${root}dist/guests/${what.guest}.wasm`;
}

/** Looks for those who are wanted; the reference always is. */
async function find(
  wanted: readonly string[] | null,
): Promise<{ present: Present[]; absent: Contender[]; versions: Results['versions'] }> {
  const present: Present[] = [];
  const absent: Contender[] = [];
  const versions = [];
  for (const contender of contenders) {
    const { name } = contender;
    if (name !== REFERENCE && !(wanted?.includes(name) ?? !contender.asked)) continue;
    const found = await contender.find();
    if ('missing' in found) {
      absent.push(contender);
      versions.push({ contender: name, version: `missing: ${found.missing}` });
    } else {
      present.push({ contender, ...found });
      versions.push({ contender: name, version: found.version });
    }
  }
  return { present, absent, versions };
}

async function runCases(
  options: Options,
  bench: Bench,
  absent: readonly Contender[],
): Promise<CaseResult[]> {
  const plan: Plan = {
    rounds: bench.rounds,
    load: bench.load,
    heatSeconds: options.quick ? HEAT.quick : HEAT.full,
    pin: bench.serverPin,
    tries: options.quick ? 1 : TRIES,
  };
  const selected = cases.filter(
    ({ name, quick }) => options.cases?.includes(name) ?? (!options.quick || quick),
  );
  const results: CaseResult[] = [];
  for (const [index, what] of selected.entries()) {
    const some = bench.present.filter(({ contender }) => takesPart(contender, what));
    const where = `case ${index + 1} of ${selected.length}, ${what.title}`;
    const tell = (text: string): void => progress(`${where}: ${text}`);
    const { name, results: measured } = await runCase(what, some, guestOf(what), plan, tell);
    const missing = absent
      .filter((contender) => takesPart(contender, what))
      .map((contender) => ({ contender: contender.name, samples: [], failure: MISSING }));
    const result = { name, results: [...measured, ...missing] };
    progress('');
    results.push(result);
    print(caseText(result));
  }
  return results;
}

async function runAll(options: Options): Promise<Results> {
  const cores = await findCores();
  const machine = describeMachine();
  print(`${machine}\n`);
  if (cores.unpinned !== null) print(`not pinned: ${cores.unpinned}\n`);
  const { present, absent, versions } = await find(options.contenders);
  print(
    textTable(
      ['contender', ''],
      versions.map(({ contender, version }) => [titleOf(contender), version]),
    ),
  );
  const { rounds, seconds } = options;
  const command = [...cores.load, await compileC('load/load')];
  const bench: Bench = {
    present,
    load: { command, seconds, warmup: Math.min(WARM_UP, seconds), serverCore: cores.serverCore },
    serverPin: cores.server,
    loadPin: cores.load,
    rounds,
    progress,
  };
  const wants = (extra: string): boolean => options.cases?.includes(extra) ?? !options.quick;
  const measured = await runCases(options, bench, absent);
  const skipped = { calls: null, notCounted: 'it was not asked for' };
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    command: [
      'npm run bench',
      ...(process.argv.length > 2 ? ['--'] : []),
      ...process.argv.slice(2),
    ].join(' '),
    machine,
    unpinned: cores.unpinned,
    rounds,
    seconds,
    versions,
    cases: measured,
    ...(wants('calls') ? await callsOfAll(bench) : skipped),
    idle: wants('idle') ? await idleOfAll(bench) : null,
    opinions: wants('redis') ? await opinions(bench) : null,
  };
  progress('');
  return results;
}

function printRest(results: Results): void {
  if (results.calls !== null) print(`\nSystem calls a message\n${callsTable(results, textTable)}`);
  if (results.idle !== null)
    print(`\nMemory of an idle connection\n${idleTable(results, textTable)}`);
  if (results.opinions !== null)
    print(`\nload.c and redis-benchmark\n${opinionTable(results, textTable)}`);
  if (results.cases.length === 0) return;
  const { reference, node, others, verdict } = targetTables(results.cases, textTable);
  print(`\nTargets: ${verdict}\n\n${[reference, node, others].join('\n')}`);
}

function write(results: Results): void {
  writeFileSync(source('RESULTS.md'), resultsMarkdown(results));
  mkdirSync(source('charts'), { recursive: true });
  for (const { name, svg } of figures(results.cases)) {
    writeFileSync(source(`charts/${name}.svg`), svg);
  }
  print('\nwritten: bench/RESULTS.md and bench/charts\n');
}

async function main(options: Options): Promise<void> {
  if (options.render) {
    write(readResults());
    return;
  }
  const results = await runAll(options);
  printRest(results);
  if (options.quick || options.cases !== null || options.contenders !== null) return;
  writeResults(results);
  write(results);
}

try {
  const known = {
    cases: [...cases.map(({ name }) => name), ...EXTRAS],
    contenders: contenders.map(({ name }) => name),
  };
  await main(parseOptions(process.argv.slice(2), known));
} catch (error) {
  if (!(error instanceof BenchError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
