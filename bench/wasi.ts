// The same C under `wasmpoll run` and compiled for this machine, and a handler guest beside them.
// npm run bench:wasi [-- ROUNDS]
// Needs clang and wasi-libc (npm run test:wasi installs them). Ratios are to native poll.c, round by round.

import { cli } from '../test/helpers/process.ts';
import { compiledC, compiledNative, nativeCommand } from '../test/helpers/wasi-programs.ts';
import { type CaseResult, type Entry, type Plan, runCase } from './campaign.ts';
import { type Case, cases } from './cases.ts';
import { BenchError } from './child.ts';
import { compileC } from './compile.ts';
import { REFERENCE } from './contenders.ts';
import { describeMachine, findCores } from './machine.ts';
import { type Summary, summarize } from './summary.ts';
import { textTable } from './table.ts';

const ROUNDS = 10;
const SECONDS = 0.5;
const CASES = ['50x64B', '50x64B-d16', '50x1K', '200x16K', '1x64B'];

/** Most of them wait at any time: what a call costs for those that are not ready. */
const idle: Case = {
  name: 'idle',
  title: '1,000 × 64 B, 10 active',
  connections: 1000,
  active: 10,
  bytes: 64,
  depth: 1,
};

/** Its `listening on` lines on standard output, where the bench looks for them. */
const shown = (command: readonly string[]): string[] => [
  'sh',
  '-c',
  'exec "$@" 2>&1',
  'sh',
  ...command,
];

function entry(name: string, command: readonly string[]): Entry {
  const found = { command: shown(command), version: '' };
  return { contender: { name, title: name, find: () => Promise.resolve(found) }, found };
}

const listen = ['--listen', '127.0.0.1:0'];
const titles: Readonly<Record<string, string>> = {
  [REFERENCE]: 'poll.c, native',
  command: 'poll.c, wasmpoll run',
  handler: 'echo, wasmpoll, workers: 1',
};

function entries(): Entry[] {
  const module = compiledC('poll');
  return [
    entry(REFERENCE, nativeCommand(compiledNative('poll'))),
    entry('command', [process.execPath, cli, 'run', module, ...listen]),
    entry('handler', [process.execPath, cli, 'echo', ...listen]),
  ];
}

const HEAD = [
  '',
  'messages/s',
  '× native',
  'CPU ns/message',
  'user',
  '× native',
  'p50 µs',
  'p99 µs',
];

function row({ contender, failure, ...summary }: Summary): string[] {
  const title = titles[contender]!;
  if (failure !== null) return [title, failure, ...HEAD.slice(2).map(() => '')];
  return [
    title,
    Math.round(summary.throughput).toLocaleString('en'),
    summary.throughputRatio.median.toFixed(2),
    Math.round(summary.processorNs).toLocaleString('en'),
    `${Math.round(summary.userShare * 100)} %`,
    summary.processorRatio.median.toFixed(2),
    summary.latencyUs['50']!.toFixed(0),
    summary.latencyUs['99']!.toFixed(0),
  ];
}

const table = (result: CaseResult): string => textTable(HEAD, summarize(result).map(row));

async function main(rounds: number): Promise<void> {
  const cores = await findCores();
  process.stdout.write(`${describeMachine()}; ${rounds} rounds of ${SECONDS} s\n`);
  if (cores.unpinned !== null) process.stdout.write(`not pinned: ${cores.unpinned}\n`);
  const command = [...cores.load, await compileC('load')];
  const load = { command, seconds: SECONDS, warmup: SECONDS / 4 };
  const plan: Plan = { rounds, load, heatSeconds: 1, pin: cores.server };
  const contenders = entries();
  const chosen = cases.filter(({ name }) => CASES.includes(name));
  for (const what of [...chosen, idle]) {
    const result = await runCase(what, contenders, plan, () => undefined);
    process.stdout.write(`\n${what.title}\n${table(result)}`);
  }
}

try {
  await main(Number(process.argv[2] ?? ROUNDS));
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
