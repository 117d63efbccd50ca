// Memory of idle connections as they grow: in one process up to its limit of descriptors, and in
// several processes up to a share of the machine's memory. Both ends are on this machine.

import { readFileSync } from 'node:fs';
import { native } from '../../host/kernel/native.ts';
import { residentBytes } from '../../test/helpers/proc.ts';
import { bytesEach, Holders, holdConnections, mostConnections } from '../load/holders.ts';
import { type Server, startServer, withServer } from '../load/measure.ts';
import { commandOf, type Present } from '../peers/contenders.ts';
import { titleOf } from '../report/report.ts';
import { markdownTable } from '../report/table.ts';
import { count } from '../report/text.ts';
import type { Section, Setting } from './part.ts';

const COUNTS = [1000, 10_000];
const MOST_TOGETHER = 100_000;
// What the kernel takes for both ends, generously, with the memory of load.c.
const BYTES_A_PAIR = 16_384;
const MIB = 2 ** 20;

const meminfo = (name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))![1]) *
  1024;

/** Rows of one server: how much it has resident at each of the counts. */
async function grow(setting: Setting, present: Present, counts: readonly number[]) {
  const wide = present.contender.guest ? ['--max-connections', String(counts.at(-1))] : [];
  const command = [...commandOf(present, 'echo'), ...wide];
  const held = await withServer(command, setting.pin, (server) =>
    holdConnections(setting.load.command, server, counts),
  );
  return held.map((now, index) => {
    const before = held[index - 1];
    return [
      titleOf(present.contender.name),
      count(now.connections),
      `${(now.residentBytes / MIB).toFixed(1)} MiB`,
      before === undefined ? '' : count(bytesEach(before, now)),
    ];
  });
}

/** As many servers as are needed, each with as many connections as it may have descriptors. */
async function together(setting: Setting, present: Present): Promise<string[]> {
  const most = mostConnections();
  const possible = Math.floor(meminfo('MemAvailable') / 2 / BYTES_A_PAIR);
  const total = Math.min(MOST_TOGETHER, possible);
  const holders = new Holders(setting.load.command);
  const servers: Server[] = [];
  const slab = meminfo('Slab');
  const command = commandOf(present, 'echo');
  for (let left = total; left > 0; left -= most) {
    const server = await startServer(command, setting.pin);
    servers.push(server);
    await holders.open(server, Math.min(left, most));
  }
  const resident = servers.reduce((sum, { pid }) => sum + residentBytes(pid), 0);
  const kernel = meminfo('Slab') - slab;
  await holders.release();
  await Promise.all(servers.map(({ child }) => child.stop()));
  return [
    titleOf(present.contender.name),
    count(total),
    String(servers.length),
    `${(resident / MIB).toFixed(0)} MiB`,
    `${(kernel / MIB).toFixed(0)} MiB`,
    count(kernel / total / 2),
  ];
}

export async function idle(setting: Setting): Promise<Section[]> {
  const most = mostConnections();
  const counts = [...COUNTS.filter((connections) => connections < most), most];
  const rows: string[][] = [];
  for (const present of setting.present) {
    setting.progress(`memory of ${present.contender.name}`);
    rows.push(...(await grow(setting, present, counts)));
  }
  setting.progress('memory of many processes');
  const ours = setting.present.find(({ contender }) => contender.name === 'wasmpoll-0')!;
  const several = await together(setting, ours);
  const limit = `a process may have ${count(native.fileLimit())} descriptors here`;
  return [
    {
      title: `**Idle connections** in one process (${limit}); the last column is what each further one took:`,
      table: markdownTable(['contender', 'connections', 'RSS', 'bytes each'], rows),
    },
    {
      title:
        '**Idle connections** on one machine, in several processes; the kernel’s memory (slab) is that of both ends, its last column that of one:',
      table: markdownTable(
        ['contender', 'connections', 'processes', 'RSS, all', 'slab', 'bytes an end'],
        [several],
      ),
    },
  ];
}
