// Debian's haproxy, started for one test and ended by its process id. It listens on a Unix socket in the test's
// own folder; what it does with connections is the test's.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from './client.ts';
import { startProgram } from './installed.ts';
import { type LogOwner, type Running, temporary } from './process.ts';

export interface Haproxy {
  /** Of its frontend, as `connect` takes it. */
  readonly address: string;
  readonly process: Running;
  /** `UP`, `DOWN`, … of each backend's server, by its name. */
  states(): Promise<Map<string, string>>;
}

/**
 * Starts it, and waits until it listens.
 * @param backend lines of its configuration, each a backend's
 */
export const startHaproxy = (t: LogOwner, ...backend: string[]): Promise<Haproxy> =>
  startHaproxyWith(t, '', ...backend);

/** @param bind what its frontend has besides an address */
export async function startHaproxyWith(
  t: LogOwner,
  bind: string,
  ...backend: string[]
): Promise<Haproxy> {
  const folder = temporary(t);
  const front = path.join(folder, 'front.sock');
  const config = path.join(folder, 'haproxy.cfg');
  const stats = path.join(folder, 'stats.sock');
  const lines = [
    'global',
    `stats socket ${stats} level user`,
    'defaults',
    'mode tcp',
    'timeout connect 5s',
    'timeout client 60s',
    'timeout server 60s',
    'timeout check 2s',
    'frontend front',
    `bind unix@${front} ${bind}`,
    'default_backend servers',
    'backend servers',
    ...backend,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const process = startProgram(t, 'haproxy', ['-W', '-f', config]);
  await process.written('stderr', /Loading success/);
  return { address: `unix:${front}`, process, states: () => statesAt(`unix:${stats}`) };
}

// CSV: the proxy's name, the server's, and the state as the eighteenth; management.txt, 9.1.
async function statesAt(address: string): Promise<Map<string, string>> {
  const client = await connect(address);
  await client.send('show stat\n');
  const rows = String(await client.readAll())
    .trim()
    .split('\n')
    .map((row) => row.split(','));
  client.end();
  const servers = rows.filter(([proxy]) => proxy === 'servers');
  return new Map(servers.map((columns) => [columns[1]!, columns[17]!]));
}
