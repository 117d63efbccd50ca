// A crowd of MQTT: clients that connect, subscribe to a topic each, and stay: how many come in a second, what each costs
// the server, and what the server has resident of each. A process of its own connects them.
// node mqtt-crowd.js PORT PID CLIENTS tells that as JSON; `crowdReport` has a server of each contender take one.

import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { residentBytes } from '../../test/helpers/proc.ts';
import { Child } from '../load/child.ts';
import { markdownTable } from '../report/table.ts';
import type { Contender, Pins } from './suite.ts';

const CLIENTS = 10_000;
/** So many are on their way at once. */
const TOGETHER = 100;
const SELF = fileURLToPath(import.meta.url);

interface Told {
  readonly rate: number;
  readonly processorNs: number;
  readonly bytes: number;
}

export async function crowdReport(contenders: readonly Contender[], pins: Pins): Promise<string> {
  const rows: string[][] = [];
  for (const contender of contenders) {
    if ((await contender.missing()) !== null) continue;
    const { child, port } = await contender.start(pins);
    const words = [port, child.pid, CLIENTS].map(String);
    const crowd = new Child([...pins.load, process.execPath, SELF, ...words]);
    const { rate, processorNs, bytes } = JSON.parse(await crowd.result()) as Told;
    const micros = (processorNs / 1000).toFixed(0);
    rows.push([contender.title, (rate / 1000).toFixed(1), micros, (bytes / 1024).toFixed(1)]);
    await child.stop('SIGTERM');
  }
  const head = [
    `${CLIENTS.toLocaleString('en')} clients, a subscription each`,
    'thousand a second',
    'µs of CPU a client',
    'KiB resident a client',
  ];
  return markdownTable(head, rows);
}

function processorNs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce(
    (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    0,
  );
}

const text = (value: string): Buffer =>
  Buffer.from(`\0${String.fromCharCode(value.length)}${value}`);
const packet = (first: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first, body.length]), body]);
};

/** One that has an answer to its CONNECT and to its SUBSCRIBE. */
function client(port: number, index: number): Promise<void> {
  const hello = packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 0]), text(`crowd${index}`));
  const asks = packet(0x82, Buffer.from([0, 1]), text(`crowd/${index}`), Buffer.from([0]));
  let left = 4 + 5;
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write(Buffer.concat([hello, asks]));
    socket.on('data', (data: Buffer) => {
      left -= data.length;
      if (left === 0) resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server has closed a connection')));
  });
}

async function run(port: number, pid: number, clients: number): Promise<Told> {
  let next = 0;
  const lane = async (until: number): Promise<void> => {
    while (next < until) {
      next += 1;
      await client(port, next);
    }
  };
  const lanes = async (until: number): Promise<void> => {
    await Promise.all(Array.from({ length: TOGETHER }, () => lane(until)));
  };
  // What the first ones make a server allocate is not theirs.
  const first = clients / 2;
  await lanes(first);
  const [bytes, ns, ms] = [residentBytes(pid), processorNs(pid), performance.now()];
  await lanes(first + clients);
  return {
    rate: (clients / (performance.now() - ms)) * 1000,
    processorNs: (processorNs(pid) - ns) / clients,
    bytes: (residentBytes(pid) - bytes) / clients,
  };
}

if (process.argv[1] === SELF) {
  const [port, pid, clients] = process.argv.slice(2).map(Number) as [number, number, number];
  process.stdout.write(JSON.stringify(await run(port, pid, clients)));
  process.exit();
}
