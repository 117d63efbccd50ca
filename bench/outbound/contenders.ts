// Who takes part in the bench of proxies: how each is started before an upstream, or what is missing. Each is one process,
// with one thread that moves bytes.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { compiledGuest } from '../../test/helpers/guests.ts';
import { cli } from '../../test/helpers/process.ts';
import { Child, outputOf } from '../load/child.ts';
import { compileC } from '../load/compile.ts';
import type { Server } from '../load/measure.ts';

/** Where it leads, and where it may keep a file. */
export interface Place {
  /** `127.0.0.1:PORT` */
  readonly upstream: string;
  readonly folder: string;
  readonly pin: readonly string[];
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Null, or what is missing. */
  missing(): Promise<string | null>;
  start(place: Place): Promise<Server>;
}

export const REFERENCE = 'haproxy';

const portOf = (address: string): string => address.split(':')[1]!;

async function listening(command: readonly string[]): Promise<Server> {
  const child = new Child(command);
  const [, address] = await child.shows(/^listening on (\S+)\n/m);
  return { address: address!, pid: child.pid, child };
}

// For a moment nobody has it. A program that is told its port has to be told a free one.
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const c = (how: 'splice' | 'copy', title: string): Contender => ({
  name: `c-${how}`,
  title,
  missing: async () => null,
  start: async ({ upstream, pin }) => {
    const program = await compileC('peers/splice_proxy');
    return listening([...pin, program, portOf(upstream), how]);
  },
});

const ours = (name: string, title: string, workers: number, looks: boolean): Contender => ({
  name,
  title,
  missing: async () => null,
  start: ({ upstream, folder, pin }) => {
    let guest = 'proxy';
    if (looks) {
      guest = path.join(folder, 'through.wasm');
      writeFileSync(guest, compiledGuest('through'));
    }
    return listening([
      ...[...pin, process.execPath, cli, '--log-level', 'error', '--listen', '127.0.0.1:0'],
      ...['--workers', `${workers}`, '--upstream', `back=${upstream}`, '--set', 'upstream=back'],
      guest,
    ]);
  },
});

const installed = async (program: string, argument: string): Promise<string | null> =>
  (await outputOf([program, argument])) === null ? `no ${program} (apt-get install)` : null;

/** A program that is told its port in a file. */
async function told(
  { folder, pin }: Place,
  name: string,
  configure: (port: number) => readonly string[],
  command: (file: string) => readonly string[],
): Promise<Server> {
  const port = await freePort();
  const file = path.join(folder, `${name}.cfg`);
  writeFileSync(file, `${configure(port).join('\n')}\n`);
  const child = new Child([...pin, ...command(file)]);
  const address = `127.0.0.1:${port}`;
  while (!(await answers(port))) {
    if (child.stderr.includes('ALERT') || child.stderr.includes('[emerg]')) await child.result();
  }
  return { address, pid: child.pid, child };
}

async function answers(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => setTimeout(() => resolve(false), 20));
  });
}

const haproxy: Contender = {
  name: REFERENCE,
  title: 'haproxy, mode tcp',
  missing: () => installed('haproxy', '-v'),
  start: (place) =>
    told(
      place,
      'haproxy',
      (port) => [
        ...['global', 'nbthread 1', 'maxconn 4000', 'defaults', 'mode tcp', 'timeout connect 5s'],
        ...['timeout client 600s', 'timeout server 600s', 'frontend front'],
        ...[`bind 127.0.0.1:${port}`, 'default_backend servers', 'backend servers'],
        `server one ${place.upstream}`,
      ],
      (file) => ['haproxy', '-db', '-f', file],
    ),
};

const nginx: Contender = {
  name: 'nginx',
  title: 'nginx, stream',
  missing: () => installed('nginx', '-v'),
  start: (place) =>
    told(
      place,
      'nginx',
      (port) => [
        'load_module /usr/lib/nginx/modules/ngx_stream_module.so;',
        ...['daemon off;', 'master_process off;', 'error_log stderr;'],
        `pid ${place.folder}/nginx.pid;`,
        'events { worker_connections 4000; }',
        `stream { server { listen 127.0.0.1:${port} backlog=4096; tcp_nodelay on;`,
        `proxy_pass ${place.upstream}; } }`,
      ],
      (file) => ['nginx', '-p', place.folder, '-c', file],
    ),
};

export const proxies: readonly Contender[] = [
  haproxy,
  nginx,
  c('splice', 'C, splice(2)'),
  c('copy', 'C, recv and send'),
  ours('wasmpoll-0', 'wasmpoll, spliced, workers: 0', 0, false),
  ours('wasmpoll-1', 'wasmpoll, spliced, workers: 1', 1, false),
  ours('through-0', 'wasmpoll, guest looks at each byte, workers: 0', 0, true),
  ours('through-1', 'wasmpoll, guest looks at each byte, workers: 1', 1, true),
];
