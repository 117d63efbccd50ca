// What a flood of handshakes takes from clients in clear of the same thread: how long their messages take before it,
// and meanwhile.

import { Child } from '../load/child.ts';
import { compileC } from '../load/compile.ts';
import type { Cores } from '../load/machine.ts';
import { median } from '../report/statistics.ts';
import { markdownTable } from '../report/table.ts';
import { OPENSSL, ours, type Pair } from './contenders.ts';

const MESSAGES = '20000';
const HELLOS = '64';
const LISTENS = /listening on \S*?:(\d+)\n(?:.*\n)*?.*listening on \S*?:(\d+)\n/;

/** One line of tls_flood: hellos that were answered, and waits in nanoseconds. */
type Line = readonly [hellos: number, median: number, most: number];

async function flood(workers: number, pair: Pair, cores: Cores): Promise<readonly Line[]> {
  const { certFile, keyFile } = pair;
  const program = await compileC('load/tls_flood', { libraries: OPENSSL });
  const secured = `tls://127.0.0.1:0?cert=${certFile}&key=${keyFile}`;
  const listeners = ['--listen', '127.0.0.1:0', '--listen', secured];
  const server = new Child([
    ...[...cores.server, ...ours, ...listeners],
    ...['--workers', `${workers}`, 'echo'],
  ]);
  const [, clear, tls] = await server.shows(LISTENS);
  const load = new Child([...cores.load, program, clear!, tls!, MESSAGES, HELLOS]);
  const text = await load.result();
  await server.stop('SIGTERM');
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number) as unknown as Line);
}

const ms = (ns: readonly number[]): string => (median(ns) / 1e6).toFixed(2);

export async function floodTable(pair: Pair, cores: Cores, rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const workers of [0, 1]) {
    const lines: (readonly Line[])[] = [];
    for (let round = 0; round < rounds; round += 1) lines.push(await flood(workers, pair, cores));
    // The first two of a round were served by code that was not compiled yet.
    const [before, meanwhile] = [lines.map((of) => of[2]!), lines.map((of) => of[3]!)];
    const times = meanwhile.map(([, , most], round) => most / before[round]![2]);
    rows.push([
      `wasmpoll, workers: ${workers}`,
      ms(before.map(([, middle]) => middle)),
      ms(meanwhile.map(([, middle]) => middle)),
      ms(before.map(([, , most]) => most)),
      ms(meanwhile.map(([, , most]) => most)),
      median(times).toFixed(2),
      Math.round(median(meanwhile.map(([hellos]) => hellos))).toString(),
    ]);
  }
  const head = ['', 'median, ms', 'meanwhile', 'of 100 the 99th, ms', 'meanwhile', '÷ before'];
  return markdownTable([...head, 'hellos'], rows);
}
