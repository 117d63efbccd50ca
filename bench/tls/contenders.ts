// Who takes part in the bench of TLS: how each is started with a certificate, or what is missing. All listen on
// loopback, and all echo.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { cli } from '../../test/helpers/process.ts';
import { Child, outputOf } from '../load/child.ts';
import { compileC, compileGo, source } from '../load/compile.ts';
import { findBun } from '../peers/contenders.ts';

/** Files in PEM; `both` has one behind the other. */
export interface Pair {
  readonly folder: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly both: string;
}

/** One that runs: all its processes, and where it listens. */
export interface Running {
  readonly children: readonly Child[];
  readonly port: number;
}

export interface TlsContender {
  readonly name: string;
  readonly title: string;
  /** Null, or what is missing. */
  missing(): Promise<string | null>;
  start(pair: Pair, pin: readonly string[]): Promise<Running>;
}

export const REFERENCE = 'c';
/** Links C programs with OpenSSL. */
export const OPENSSL = ['-lssl', '-lcrypto'];

const LISTENS = /^listening on \S*?:(\d+)\n/m;

async function listening(command: readonly string[]): Promise<Running> {
  const child = new Child(command);
  const port = Number((await child.shows(LISTENS))[1]);
  return { children: [child], port };
}

const wasmpoll = (workers: number): TlsContender => ({
  name: `wasmpoll-${workers}`,
  title: `wasmpoll, workers: ${workers}`,
  missing: async () => null,
  start: ({ certFile, keyFile }, pin) => {
    const address = `tls://127.0.0.1:0?cert=${certFile}&key=${keyFile}`;
    return listening([...pin, ...ours, '--listen', address, '--workers', `${workers}`, 'echo']);
  },
});

/** Ours, without what it listens on. */
export const ours = [process.execPath, cli, '--log-level', 'error'];

const installed = async (program: string, argument: string): Promise<string | null> =>
  (await outputOf([program, argument])) === null ? `no ${program} (apt-get install)` : null;

// For a moment nobody has it. A program that is told its port has to be told a free one.
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A program that ends TLS in front of our plain server. */
function inFront(
  name: string,
  {
    configure,
    command,
    started,
  }: {
    configure: (port: number, plain: number, pair: Pair) => readonly string[];
    command: (file: string) => readonly string[];
    started: RegExp;
  },
): TlsContender {
  return {
    name,
    title: `${name}, wasmpoll behind it`,
    missing: () => installed(name, name === 'haproxy' ? '-v' : '-version'),
    start: async (pair, pin) => {
      const plain = await listening([...pin, ...ours, '--listen', '127.0.0.1:0', 'echo']);
      const port = await freePort();
      const file = path.join(pair.folder, `${name}.cfg`);
      writeFileSync(file, `${configure(port, plain.port, pair).join('\n')}\n`);
      const child = new Child([...pin, ...command(file)]);
      await child.shows(started, 'stderr');
      return { children: [child, ...plain.children], port };
    },
  };
}

const haproxy = inFront('haproxy', {
  configure: (port, plain, { both }) => [
    'global',
    'nbthread 1',
    'maxconn 4000',
    'defaults',
    'mode tcp',
    'timeout connect 5s',
    'timeout client 600s',
    'timeout server 600s',
    'frontend front',
    `bind 127.0.0.1:${port} ssl crt ${both}`,
    'default_backend servers',
    'backend servers',
    `server one 127.0.0.1:${plain}`,
  ],
  command: (file) => ['haproxy', '-W', '-f', file],
  started: /Loading success/,
});

const stunnel = inFront('stunnel', {
  configure: (port, plain, { both }) => [
    'foreground = yes',
    'pid =',
    'socket = l:TCP_NODELAY=1',
    'socket = r:TCP_NODELAY=1',
    '[echo]',
    `accept = 127.0.0.1:${port}`,
    `connect = 127.0.0.1:${plain}`,
    `cert = ${both}`,
  ],
  command: (file) => ['stunnel', file],
  started: /Configuration successful/,
});

export const tlsContenders: readonly TlsContender[] = [
  {
    name: REFERENCE,
    title: 'C, epoll, OpenSSL',
    missing: async () => null,
    start: async ({ certFile, keyFile }, pin) => {
      const program = await compileC('peers/tls_reference', { libraries: OPENSSL });
      return listening([...pin, program, certFile, keyFile]);
    },
  },
  wasmpoll(0),
  wasmpoll(1),
  {
    name: 'node',
    title: 'node:tls',
    missing: async () => null,
    start: ({ certFile, keyFile }, pin) =>
      listening([...pin, process.execPath, source('peers/tls-node.mjs'), certFile, keyFile]),
  },
  {
    name: 'bun',
    title: 'Bun',
    missing: async () => {
      const found = await findBun();
      return 'missing' in found ? found.missing : null;
    },
    start: async ({ certFile, keyFile }, pin) => {
      const found = await findBun();
      const [program] = 'missing' in found ? ['bun'] : found.command;
      return listening([...pin, program!, source('peers/tls-bun.mjs'), certFile, keyFile]);
    },
  },
  {
    name: 'go',
    title: 'Go crypto/tls',
    missing: () => installed('go', 'version'),
    start: async ({ certFile, keyFile }, pin) => {
      const program = await compileGo('peers/tls_echo.go');
      return listening([...pin, program ?? 'go', certFile, keyFile]);
    },
  },
  haproxy,
  stunnel,
];
