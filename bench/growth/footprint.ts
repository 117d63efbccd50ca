// What connections cost a server in memory of its own, and what they leave behind: its resident set
// and its descriptors before, during and after. The kernel's memory for the sockets is not in it.

import { descriptorCount, residentBytes } from '../../test/helpers/proc.ts';
import { bytesEach, Holders, mostConnections } from '../load/holders.ts';
import { type Load, measure, type Server, withServer } from '../load/measure.ts';
import { commandOf } from '../peers/contenders.ts';
import { titleOf } from '../report/report.ts';
import { markdownTable } from '../report/table.ts';
import { count, micros } from '../report/text.ts';
import { OURS, type Section, type Setting } from './part.ts';

const CYCLES = 10_000;
// They compile, and touch memory for the first time.
const FIRST_CYCLES = 2000;
const IDLE = 10_000;
const TOGETHER = 200;
const WAIT_MS = 10_000;
const LOOK_MS = 10;
const KIB = 1024;
const MIB = 1024 * KIB;
const MOST_BYTES_EACH = KIB;
// V8 takes and returns memory in its own rhythm; a page kept for each cycle would be 40 MB.
const MOST_LEFT_BEHIND = 4 * MIB;

interface Usage {
  readonly connections: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

export interface Footprint {
  readonly contender: string;
  /** Of the server before its first connection. */
  readonly descriptors: number;
  /** Without connections, and with idle ones. */
  readonly empty: Usage;
  readonly full: Usage;
  /** How long a connection beside them takes to come, have a message echoed, and go; microseconds. */
  readonly medianUs: number;
  readonly slowestUs: number;
  /** When the idle ones have gone, and when so many more have come and gone. */
  readonly before: Usage;
  readonly cycles: number;
  readonly after: Usage;
}

/** Both servers; what is left behind is a failure, and an idle connection that costs too much. */
export async function footprint(setting: Setting): Promise<Section[]> {
  const { present, load, pin, progress } = setting;
  const found: Footprint[] = [];
  for (const each of present.filter(({ contender }) => OURS.includes(contender.name))) {
    const { name } = each.contender;
    progress(`what connections leave behind in ${name}`);
    found.push(
      await withServer(commandOf(each, 'echo'), pin, (server) => examine(name, server, load)),
    );
  }
  return [
    {
      title:
        '**Connections that have gone**: what idle ones cost, and then what is left of many that come and go (connect, 64 B, close):',
      table: footprintTable(found),
      failures: found.flatMap(failuresOf),
    },
  ];
}

// The idle ones come first: when many have come and gone, V8 returns memory in its own time.
async function examine(contender: string, server: Server, load: Load): Promise<Footprint> {
  const { pid } = server;
  const usage = (connections: number): Usage => {
    return { connections, residentBytes: residentBytes(pid), descriptors: descriptorCount(pid) };
  };
  const { descriptors } = usage(0);
  await cycle(server, load, FIRST_CYCLES);
  await descriptorsAt(pid, descriptors);
  const empty = usage(0);
  const holders = new Holders(load.command);
  const idle = Math.min(IDLE, mostConnections());
  await holders.open(server, idle);
  const full = usage(idle);
  const { latencyUs } = await measure(load, server, { ...come, connections: 1 });
  await holders.release();
  await descriptorsAt(pid, descriptors);
  const before = usage(0);
  const cycles = await cycle(server, load, CYCLES);
  await descriptorsAt(pid, descriptors);
  const [medianUs, slowestUs] = [latencyUs['50']!, latencyUs['100']!];
  const after = usage(0);
  return { contender, descriptors, empty, full, medianUs, slowestUs, before, cycles, after };
}

const come = { connections: TOGETHER, bytes: 64, depth: 1, cycle: true } as const;

/** Connect, echo, close, at least so often; how often it was. */
async function cycle(server: Server, load: Load, least: number): Promise<number> {
  let cycles = 0;
  while (cycles < least) cycles += (await measure(load, server, come)).messages;
  return cycles;
}

/** Waits until the server has as few descriptors, for a while. */
async function descriptorsAt(pid: number, baseline: number): Promise<void> {
  for (let waited = 0; waited < WAIT_MS && descriptorCount(pid) > baseline; waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A line for each thing that is left behind, or costs too much. */
export function failuresOf(footprint: Footprint): string[] {
  const { contender, empty, full, before, after } = footprint;
  const failures: string[] = [];
  for (const { descriptors } of [empty, before, after]) {
    const left = descriptors - footprint.descriptors;
    if (left !== 0) failures.push(`${contender}: descriptors left behind: ${left}`);
  }
  const kept = after.residentBytes - before.residentBytes;
  if (kept > MOST_LEFT_BEHIND) failures.push(`${contender}: memory left behind: ${mib(kept)}`);
  const bytes = bytesEach(empty, full);
  if (bytes >= MOST_BYTES_EACH) {
    const most = `at most ${MOST_BYTES_EACH - 1} are allowed`;
    failures.push(`${contender}: an idle connection costs ${count(bytes)} bytes; ${most}`);
  }
  return failures;
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

function footprintTable(found: readonly Footprint[]): string {
  const rows = found.map(
    ({ contender, descriptors, empty, full, before, cycles, after, ...beside }) => [
      titleOf(contender),
      count(full.connections),
      count(bytesEach(empty, full)),
      micros(beside.medianUs),
      micros(beside.slowestUs),
      count(cycles),
      ...[before, after].map(({ residentBytes }) => mib(residentBytes)),
      [descriptors, before.descriptors, after.descriptors].join(', '),
    ],
  );
  const head = [
    ...['contender', 'idle', 'bytes each', 'beside them: p50 µs', 'slowest'],
    ...['then cycles', 'RSS before', 'after', 'descriptors: at first, before, after'],
  ];
  return markdownTable(head, rows);
}
