// How cost grows with connections, message size, guests and workers, and memory with connections.
// npm run bench:growth [-- --rounds N] [--seconds S] prints the tables, and writes them into docs/performance.md.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { residentBytes } from '../test/helpers/proc.ts';
import { type CaseResult, type Entry, type Plan, runCase, runRounds } from './campaign/campaign.ts';
import { type Case, sizeText } from './campaign/cases.ts';
import { memoryTables } from './growth/memory.ts';
import { BenchError } from './load/child.ts';
import { compileC, root } from './load/compile.ts';
import { allowedCores, describeMachine, findCores } from './load/machine.ts';
import { type Load, processorNs, type Sample, startServer, throughput } from './load/measure.ts';
import { parseGrowthOptions, UsageError } from './options.ts';
import { commandOf, contenders, type Present, REFERENCE } from './peers/contenders.ts';
import { median } from './report/statistics.ts';
import { compare } from './report/summary.ts';
import { markdownTable } from './report/table.ts';
import { count, spreadText } from './report/text.ts';

const CONNECTIONS = [10, 100, 1000, 10_000];
const ACTIVE = 10;
const SIZES = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
const SIZE_CONNECTIONS = 8;
const GUESTS = [1, 4, 16, 64];
const GUEST_CONNECTIONS = 64;
const HEAT_SECONDS = 1;
const TRIES = 3;
const OURS = ['wasmpoll-0', 'wasmpoll-1'];

interface Setting {
  readonly present: readonly Present[];
  readonly load: Load;
  readonly pin: readonly string[];
  readonly rounds: number;
  readonly loadCore: number | null;
}

const tell = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const planOf = ({ load, pin, rounds }: Setting): Plan => {
  return { rounds, load, heatSeconds: HEAT_SECONDS, pin, tries: TRIES };
};

const run = (setting: Setting, what: Case, present = setting.present): Promise<CaseResult> =>
  runCase(what, present, 'echo', planOf(setting), (text) => tell(`${what.title}: ${text}`));

const medianOf = (result: CaseResult, name: string, value: (sample: Sample) => number): number =>
  median(result.results.find(({ contender }) => contender === name)!.samples.map(value));

const plain = (connections: number, bytes: number, title: string): Case => {
  return { name: title, title, connections, bytes, depth: 1 };
};

// All counts are in the same rounds, since they are compared with each other.
async function connectionsTable(setting: Setting): Promise<string> {
  const entry = (present: Present, connections: number): Entry => {
    const name = `${present.contender.name} ${connections}`;
    const what = { ...plain(connections, 64, name), active: ACTIVE };
    return { name, command: commandOf(present, 'echo'), what };
  };
  const entries = CONNECTIONS.flatMap((connections) =>
    setting.present.map((present) => entry(present, connections)),
  );
  const results = await runRounds(entries, planOf(setting), (text) => tell(text));
  const result: CaseResult = { name: 'connections', results };
  const cost = (name: string, over: string): string =>
    spreadText(compare(result, name, over, processorNs));
  const rows = CONNECTIONS.map((connections) => [
    count(connections),
    ...[REFERENCE, ...OURS].flatMap((name) => {
      const [here, first] = [`${name} ${connections}`, `${name} ${CONNECTIONS[0]}`];
      const own = [count(medianOf(result, here, processorNs)), cost(here, first)];
      return name === REFERENCE ? own : [...own, cost(here, `${REFERENCE} ${connections}`)];
    }),
  ]);
  const ours = OURS.flatMap((name) => [`${name}: ns`, '× at 10', '× C']);
  return markdownTable(['connections', 'C: CPU ns/message', '× at 10', ...ours], rows);
}

async function sizesTable(setting: Setting): Promise<string> {
  const rows: string[][] = [];
  for (const bytes of SIZES) {
    const result = await run(setting, plain(SIZE_CONNECTIONS, bytes, sizeText(bytes)));
    // Bytes a nanosecond are GB a second.
    const speed = (sample: Sample): number => (bytes * sample.messages) / sample.serverNs;
    rows.push([
      sizeText(bytes),
      ...[REFERENCE, ...OURS].map((name) => (medianOf(result, name, speed) * 1000).toFixed(0)),
      ...OURS.map((name) => spreadText(compare(result, name, REFERENCE, speed))),
    ]);
  }
  const ours = [...OURS, ...OURS.map((name) => `${name} × C`)];
  return markdownTable(['message', 'C: MB/CPU second', ...ours], rows);
}

/** Several guests in one thread; the connections are shared out among them. */
async function guestsTable(setting: Setting): Promise<string> {
  const script = fileURLToPath(new URL('./peers/many-guests.js', import.meta.url));
  const present = GUESTS.map(
    (guests): Present => ({
      contender: { name: String(guests), title: '', find: () => Promise.reject() },
      command: [process.execPath, script, String(guests)],
      version: '',
    }),
  );
  const result = await run(setting, plain(GUEST_CONNECTIONS, 64, 'guests'), present);
  const rows: string[][] = [];
  for (const { contender, command } of present) {
    const server = await startServer(command, setting.pin);
    const resident = residentBytes(server.pid) / 2 ** 20;
    await server.child.stop();
    const { name } = contender;
    rows.push([
      name,
      count(medianOf(result, name, processorNs)),
      spreadText(compare(result, name, String(GUESTS[0]), processorNs)),
      count(medianOf(result, name, throughput)),
      `${resident.toFixed(0)} MiB`,
    ]);
  }
  const head = ['guests', 'CPU ns/message', '× with one', 'messages/s', 'RSS at start'];
  return markdownTable(head, rows);
}

/** Powers of two up to `most`, and that. */
function doubling(most: number): number[] {
  const counts = Array.from({ length: Math.ceil(Math.log2(most)) }, (_, power) => 2 ** power);
  return [...counts, most];
}

// On more cores than two the load has one for itself.
async function workersTable(setting: Setting): Promise<string> {
  const cores = allowedCores();
  const others = cores.length > 2 ? cores.filter((core) => core !== setting.loadCore) : cores;
  const base = setting.present.find(({ contender }) => contender.name === 'wasmpoll-0')!;
  const present = doubling(others.length).map(
    (workers): Present => ({
      ...base,
      contender: { ...base.contender, name: String(workers) },
      command: [...base.command.slice(0, -1), String(workers)],
    }),
  );
  const pin = setting.pin.length === 0 ? [] : ['taskset', '--cpu-list', others.join(',')];
  const result = await run(
    { ...setting, pin, load: { ...setting.load, serverCore: null } },
    plain(200, 64, 'workers'),
    present,
  );
  const rows = present.map(({ contender: { name } }) => [
    name,
    count(medianOf(result, name, throughput)),
    spreadText(compare(result, name, '1', throughput)),
    count(medianOf(result, name, processorNs)),
    spreadText(compare(result, name, '1', processorNs)),
  ]);
  const head = ['workers', 'messages/s', '× with one', 'CPU ns/message', '× with one'];
  return markdownTable(head, rows);
}

const FILE = path.join(root, 'docs', 'performance.md');
const MARKED = /<!-- growth -->[\s\S]*<!-- \/growth -->/;

async function main(args: readonly string[]): Promise<void> {
  const { rounds, seconds } = parseGrowthOptions(args);
  const document = readFileSync(FILE, 'utf8');
  if (!MARKED.test(document)) throw new BenchError(`${FILE} has no place for the tables`);
  const cores = await findCores();
  const present: Present[] = [];
  for (const contender of contenders) {
    if (![REFERENCE, ...OURS].includes(contender.name)) continue;
    const found = await contender.find();
    if (!('missing' in found)) present.push({ contender, ...found });
  }
  const command = [...cores.load, await compileC('load/load')];
  const load: Load = { command, seconds, warmup: 0.1, serverCore: cores.serverCore };
  const setting: Setting = { present, load, pin: cores.server, rounds, loadCore: cores.loadCore };
  const parts = [
    `${describeMachine()}; ${new Date().toISOString().slice(0, 10)}; medians of ${rounds} rounds of ${load.seconds} s.`,
  ];
  const add = (title: string, table: string): void => {
    tell('');
    process.stdout.write(`\n${title}\n\n${table}`);
    parts.push(title, table.trimEnd());
  };
  const active = `**Connections**, ${ACTIVE} of them active with 64 B:`;
  add(active, await connectionsTable(setting));
  add(`**Message size**, ${SIZE_CONNECTIONS} connections:`, await sizesTable(setting));
  const guests = `**Guests** in one thread (\`serve()\` with \`workers: 0\`, several times), ${GUEST_CONNECTIONS} connections in all, 64 B:`;
  add(guests, await guestsTable(setting));
  const shared = allowedCores().length > 2 ? '' : '; the load generator needs one of the two cores';
  add(`**Workers**, 200 connections, 64 B${shared}:`, await workersTable(setting));
  for (const { title, table } of await memoryTables(setting, tell)) add(title, table);
  const block = `<!-- growth -->\n${parts.join('\n\n')}\n<!-- /growth -->`;
  writeFileSync(
    FILE,
    document.replace(MARKED, () => block),
  );
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BenchError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
