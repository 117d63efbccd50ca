// The same C under `wasmpoll run` and compiled for this machine, with a handler guest beside them.
// npm run bench:wasi [-- ROUNDS]
// Ratios are to the native program, round by round. It needs clang and wasi-libc, which `npm run
// test:wasi` installs.

import { cli } from '../test/helpers/process.ts';
import { compiledC, compiledNative, nativeCommand } from '../test/helpers/wasi-programs.ts';
import { type CaseResult, type Plan, runCase } from './campaign/campaign.ts';
import { type Case, cases } from './campaign/cases.ts';
import { BenchError } from './load/child.ts';
import { compileC } from './load/compile.ts';
import { describeMachine, findCores } from './load/machine.ts';
import { type Server, withServer } from './load/measure.ts';
import { type Calls, countCalls, untraceable } from './load/syscalls.ts';
import { type Present, REFERENCE } from './peers/contenders.ts';
import { type Summary, summarize } from './report/summary.ts';
import { textTable } from './report/table.ts';
import { count, micros, spreadText } from './report/text.ts';

const ROUNDS = 10;
const SECONDS = 0.5;
const TRIES = 3;
const CASES = ['50x64B', '50x64B-d16', '50x1K', '200x16K', '1x64B'];

/** What those cost that are not ready: poll(2) looks at all of them, epoll does not. */
const idle: Case = {
  name: '1000x64B',
  title: '1,000 × 64 B, 10 active',
  connections: 1000,
  active: 10,
  bytes: 64,
  depth: 1,
};

/** Its lines on standard error go where the bench looks for `listening on`. */
function present(name: string, title: string, command: readonly string[]): Present {
  const shown = ['sh', '-c', 'exec "$@" 2>&1', 'sh', ...command];
  const found = { command: shown, version: '' };
  return { contender: { name, title, find: async () => found }, ...found };
}

function contenders(): Present[] {
  const listen = ['--listen', '127.0.0.1:0'];
  const wasmpoll = (...args: string[]) => [process.execPath, cli, ...args, ...listen];
  return [
    present(REFERENCE, 'poll.c, native', nativeCommand(compiledNative('poll'))),
    present('command', 'poll.c, wasmpoll run', wasmpoll('run', compiledC('poll'))),
    present('handler', 'echo handler, workers: 1', wasmpoll('echo')),
  ];
}

async function callsOf(all: readonly Present[], what: Case, plan: Plan): Promise<(Calls | null)[]> {
  const counted: (Calls | null)[] = [];
  const possible = (await untraceable()) === null;
  for (const { command } of possible ? all : []) {
    const count = (server: Server): Promise<Calls> => countCalls(plan.load, server, what);
    counted.push(await withServer(command, plan.pin, count));
  }
  return counted;
}

const HEAD = [
  '',
  'messages/s',
  '× native (quartiles)',
  'CPU ns/message',
  '× native (quartiles)',
  'p50 µs',
  'p99 µs',
  'calls/message',
  'of them waits',
];

function row(title: string, summary: Summary, calls: Calls | null): string[] {
  if (summary.failure !== null) return [title, summary.failure, ...HEAD.slice(2).map(() => '')];
  const all = calls === null ? null : calls.receive + calls.send + calls.wait + calls.other;
  return [
    title,
    count(summary.throughput),
    spreadText(summary.throughputRatio),
    count(summary.processorNs),
    spreadText(summary.processorRatio),
    micros(summary.latencyUs['50']!),
    micros(summary.latencyUs['99']!),
    all?.toFixed(2) ?? '—',
    calls?.wait.toFixed(2) ?? '—',
  ];
}

function table(result: CaseResult, all: readonly Present[], calls: (Calls | null)[]): string {
  const rows = summarize(result).map((summary, index) =>
    row(all[index]!.contender.title, summary, calls[index] ?? null),
  );
  return textTable(HEAD, rows);
}

async function main(rounds: number): Promise<void> {
  const cores = await findCores();
  process.stdout.write(`${describeMachine()}; ${rounds} rounds of ${SECONDS} s\n`);
  if (cores.unpinned !== null) process.stdout.write(`not pinned: ${cores.unpinned}\n`);
  const command = [...cores.load, await compileC('load/load')];
  const { serverCore } = cores;
  const load = { command, seconds: SECONDS, warmup: SECONDS / 4, serverCore };
  const plan: Plan = { rounds, load, heatSeconds: 1, pin: cores.server, tries: TRIES };
  const all = contenders();
  const chosen = cases.filter(({ name }) => CASES.includes(name));
  for (const what of [...chosen, idle]) {
    const result = await runCase(what, all, '', plan, () => undefined);
    const calls = await callsOf(all, what, plan);
    process.stdout.write(`\n${what.title}\n${table(result, all, calls)}`);
  }
}

try {
  const rounds = Number(process.argv[2] ?? ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new BenchError(`rounds must be a whole number from 1, got '${process.argv[2]}'`);
  }
  await main(rounds);
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
