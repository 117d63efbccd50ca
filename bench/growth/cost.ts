// What a message costs as connections, message size, guests and workers grow.

import { fileURLToPath } from 'node:url';
import { residentBytes } from '../../test/helpers/proc.ts';
import {
  type CaseResult,
  type Entry,
  type Plan,
  runCase,
  runRounds,
} from '../campaign/campaign.ts';
import { type Case, sizeText } from '../campaign/cases.ts';
import { allowedCores } from '../load/machine.ts';
import { processorNs, type Sample, throughput, withServer } from '../load/measure.ts';
import { commandOf, type Present, REFERENCE } from '../peers/contenders.ts';
import { median } from '../report/statistics.ts';
import { compare } from '../report/summary.ts';
import { markdownTable } from '../report/table.ts';
import { count, spreadText } from '../report/text.ts';
import { OURS, type Section, type Setting } from './part.ts';

const CONNECTIONS = [10, 100, 1000, 10_000];
const ACTIVE = 10;
const SIZES = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
const SIZE_CONNECTIONS = 8;
const GUESTS = [1, 4, 16, 64];
const GUEST_CONNECTIONS = 64;
const HEAT_SECONDS = 1;
const TRIES = 3;
const MIB = 2 ** 20;

const planOf = ({ load, pin, rounds }: Setting): Plan => {
  return { rounds, load, heatSeconds: HEAT_SECONDS, pin, tries: TRIES };
};

const run = (setting: Setting, what: Case, present = setting.present): Promise<CaseResult> =>
  runCase(what, present, 'echo', planOf(setting), (text) =>
    setting.progress(`${what.title}: ${text}`),
  );

const medianOf = (result: CaseResult, name: string, value: (sample: Sample) => number): number =>
  median(result.results.find(({ contender }) => contender === name)!.samples.map(value));

const plain = (connections: number, bytes: number, title: string): Case => {
  return { name: title, title, connections, bytes, depth: 1 };
};

// All counts are in the same rounds, since they are compared with each other.
export async function connections(setting: Setting): Promise<Section[]> {
  const entry = (present: Present, connections: number): Entry => {
    const name = `${present.contender.name} ${connections}`;
    const what = { ...plain(connections, 64, name), active: ACTIVE };
    return { name, command: commandOf(present, 'echo'), what };
  };
  const entries = CONNECTIONS.flatMap((connections) =>
    setting.present.map((present) => entry(present, connections)),
  );
  const results = await runRounds(entries, planOf(setting), setting.progress);
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
  const table = markdownTable(['connections', 'C: CPU ns/message', '× at 10', ...ours], rows);
  return [{ title: `**Connections**, ${ACTIVE} of them active with 64 B:`, table }];
}

export async function sizes(setting: Setting): Promise<Section[]> {
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
  const table = markdownTable(['message', 'C: MB/CPU second', ...ours], rows);
  return [{ title: `**Message size**, ${SIZE_CONNECTIONS} connections:`, table }];
}

/** Several guests in one thread; the connections are shared out among them. */
export async function guests(setting: Setting): Promise<Section[]> {
  const script = fileURLToPath(new URL('../peers/many-guests.js', import.meta.url));
  const present = GUESTS.map(
    (number): Present => ({
      contender: { name: String(number), title: '', find: () => Promise.reject() },
      command: [process.execPath, script, String(number)],
      version: '',
    }),
  );
  const result = await run(setting, plain(GUEST_CONNECTIONS, 64, 'guests'), present);
  const rows: string[][] = [];
  for (const { contender, command } of present) {
    const resident = await withServer(command, setting.pin, async ({ pid }) => residentBytes(pid));
    const { name } = contender;
    rows.push([
      name,
      count(medianOf(result, name, processorNs)),
      spreadText(compare(result, name, String(GUESTS[0]), processorNs)),
      count(medianOf(result, name, throughput)),
      `${(resident / MIB).toFixed(0)} MiB`,
    ]);
  }
  const head = ['guests', 'CPU ns/message', '× with one', 'messages/s', 'RSS at start'];
  const title = `**Guests** in one thread (\`serve()\` with \`workers: 0\`, several times), ${GUEST_CONNECTIONS} connections in all, 64 B:`;
  return [{ title, table: markdownTable(head, rows) }];
}

/** Powers of two up to `most`, and that. */
function doubling(most: number): number[] {
  const counts = Array.from({ length: Math.ceil(Math.log2(most)) }, (_, power) => 2 ** power);
  return [...counts, most];
}

// On more cores than two the load has one for itself.
export async function workers(setting: Setting): Promise<Section[]> {
  const cores = allowedCores();
  const others = cores.length > 2 ? cores.filter((core) => core !== setting.loadCore) : cores;
  const base = setting.present.find(({ contender }) => contender.name === 'wasmpoll-0')!;
  const present = doubling(others.length).map(
    (number): Present => ({
      ...base,
      contender: { ...base.contender, name: String(number) },
      command: [...base.command.slice(0, -1), String(number)],
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
  const shared = cores.length > 2 ? '' : '; the load generator needs one of the two cores';
  const title = `**Workers**, 200 connections, 64 B${shared}:`;
  return [{ title, table: markdownTable(head, rows) }];
}
