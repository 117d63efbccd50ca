// Memory of idle connections as they grow: in one process up to its limit of descriptors, and in
// several processes up to a share of the machine's memory. Both ends are on this machine.

import { readFileSync } from 'node:fs';
import { native } from '../../host/kernel/native.ts';
import { residentBytes } from '../../test/helpers/proc.ts';
import { Child } from '../load/child.ts';
import { type Load, type Server, startServer } from '../load/measure.ts';
import { commandOf, type Present } from '../peers/contenders.ts';
import { titleOf } from '../report/report.ts';
import { markdownTable } from '../report/table.ts';
import { count } from '../report/text.ts';

interface Setting {
  readonly present: readonly Present[];
  readonly load: Load;
  readonly pin: readonly string[];
}

const COUNTS = [1000, 10_000];
// Listeners, epolls, standard streams, modules; wasmpoll keeps 32 for itself.
const SPARE_DESCRIPTORS = 64;
const MOST_TOGETHER = 100_000;
// One loopback address is good for so many connections to one port.
const PORTS = 20_000;
// What the kernel takes for both ends, generously, with the memory of load.c.
const BYTES_A_PAIR = 16_384;
const MIB = 2 ** 20;

const meminfo = (name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))![1]) *
  1024;

/** Holds connections open, in processes of their own, each from other addresses. */
class Holders {
  readonly #load: readonly string[];
  readonly #most: number;
  readonly #children: Child[] = [];

  constructor(load: readonly string[], most: number) {
    this.#load = load;
    this.#most = most;
  }

  async open(server: Server, connections: number): Promise<void> {
    for (let left = connections; left > 0; left -= this.#most) {
      const each = Math.min(left, this.#most);
      // Two addresses are enough for any holder.
      const source = this.#children.length * Math.ceil(this.#most / PORTS);
      const options = [`to=${server.address}`, `connections=${each}`, `source=${source}`, 'hold=1'];
      const child = new Child([...this.#load, ...options]);
      this.#children.push(child);
      await child.shows(/"open"/);
    }
  }

  async release(): Promise<void> {
    for (const child of this.#children) child.release();
    for (const child of this.#children) await child.result();
  }
}

/** Rows of one server: how much it has resident at each of the counts. */
async function grow(setting: Setting, present: Present, counts: readonly number[]) {
  const most = native.fileLimit() - SPARE_DESCRIPTORS;
  const holders = new Holders(setting.load.command, most);
  const command = commandOf(present, 'echo');
  const wide = present.contender.guest ? ['--max-connections', String(counts.at(-1))] : [];
  const server = await startServer([...command, ...wide], setting.pin);
  const rows: string[][] = [];
  let before = { connections: 0, resident: residentBytes(server.pid) };
  const title = titleOf(present.contender.name);
  rows.push([title, '0', `${(before.resident / MIB).toFixed(1)} MiB`, '']);
  for (const connections of counts) {
    await holders.open(server, connections - before.connections);
    const resident = residentBytes(server.pid);
    const each = (resident - before.resident) / (connections - before.connections);
    rows.push([title, count(connections), `${(resident / MIB).toFixed(1)} MiB`, count(each)]);
    before = { connections, resident };
  }
  await holders.release();
  await server.child.stop();
  return rows;
}

/** As many servers as are needed, each with as many connections as it may have descriptors. */
async function together(setting: Setting, present: Present): Promise<string[]> {
  const most = native.fileLimit() - SPARE_DESCRIPTORS;
  const possible = Math.floor(meminfo('MemAvailable') / 2 / BYTES_A_PAIR);
  const total = Math.min(MOST_TOGETHER, possible);
  const holders = new Holders(setting.load.command, most);
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

export async function memoryTables(
  setting: Setting,
  progress: (text: string) => void,
): Promise<{ title: string; table: string }[]> {
  const most = native.fileLimit() - SPARE_DESCRIPTORS;
  const counts = [...COUNTS.filter((connections) => connections < most), most];
  const rows: string[][] = [];
  for (const present of setting.present) {
    progress(`memory of ${present.contender.name}`);
    rows.push(...(await grow(setting, present, counts)));
  }
  progress('memory of many processes');
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
