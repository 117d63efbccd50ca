// Debian's haproxy, started for one test and ended by its process id. It listens on a Unix socket in the test's
// own folder; what it does with connections is the test's.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { startProgram } from './installed.ts';
import { type LogOwner, type Running, temporary } from './process.ts';

export interface Haproxy {
  /** Of its frontend, as `connect` takes it. */
  readonly address: string;
  readonly process: Running;
}

/**
 * Starts it, and waits until it listens.
 * @param backend lines of its configuration, each a backend's
 */
export async function startHaproxy(t: LogOwner, ...backend: string[]): Promise<Haproxy> {
  const folder = temporary(t);
  const front = path.join(folder, 'front.sock');
  const config = path.join(folder, 'haproxy.cfg');
  const lines = [
    'defaults',
    'mode tcp',
    'timeout connect 5s',
    'timeout client 60s',
    'timeout server 60s',
    'frontend front',
    `bind unix@${front}`,
    'default_backend servers',
    'backend servers',
    ...backend,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const process = startProgram(t, 'haproxy', ['-W', '-f', config]);
  await process.written('stderr', /Loading success/);
  return { address: `unix:${front}`, process };
}
