// Who takes part: for each contender how it is started, and its version, or what is missing.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cli } from '../../test/helpers/process.ts';
import { outputOf } from '../load/child.ts';
import { compileC, compileGo, compiler, root, source } from '../load/compile.ts';

export interface Contender {
  readonly name: string;
  /** As the tables show it. */
  readonly title: string;
  /** Serves any guest: its name or path is added to the command. */
  readonly guest?: boolean;
  /** Takes part only where it is named. */
  readonly asked?: boolean;
  find(): Promise<Found>;
}

/** How it is started, or what is missing. It prints `listening on HOST:PORT` in a line of its own. */
export type Found =
  | { readonly command: readonly string[]; readonly version: string }
  | { readonly missing: string };

/** One that is here. */
export interface Present {
  readonly contender: Contender;
  readonly command: readonly string[];
  readonly version: string;
}

export const REFERENCE = 'c';

const LISTEN = ['--listen', '127.0.0.1:0', '--log-level', 'error'];

const node = async (...args: string[]): Promise<Found> => ({
  command: [process.execPath, ...args],
  version: `Node ${process.version}`,
});

function wasmpoll(workers: number): Contender {
  return {
    name: `wasmpoll-${workers}`,
    title: `wasmpoll, workers: ${workers}`,
    guest: true,
    find: () => node(cli, ...LISTEN, '--workers', String(workers)),
  };
}

/** As `wasmpoll`, while it takes the time of callbacks for operators who might ask. */
function withAdmin(workers: number): Contender {
  return {
    name: `wasmpoll-${workers}-admin`,
    title: `wasmpoll, workers: ${workers}, --admin`,
    guest: true,
    asked: true,
    find: () => node(cli, ...LISTEN, '--workers', String(workers), '--admin', '127.0.0.1:0'),
  };
}

async function python(script: string, module: string, missing: string): Promise<Found> {
  // A version manager's python3 may come first, and lack what the system's has.
  for (const interpreter of ['python3', '/usr/bin/python3']) {
    const show = `import ${module}, platform
print(platform.python_version(), getattr(${module}, '__version__', ''))`;
    const output = await outputOf([interpreter, '-c', show]);
    if (output === null) continue;
    const [version, library] = output.trim().split(' ');
    const name = library === undefined ? '' : `, ${module} ${library}`;
    return { command: [interpreter, '-B', source(script)], version: `Python ${version}${name}` };
  }
  return { missing };
}

export async function findBun(): Promise<Found> {
  const local = path.join(root, 'node_modules', '.bin', 'bun');
  const program = process.env.BUN ?? (existsSync(local) ? local : 'bun');
  const version = await outputOf([program, '--version']);
  if (version === null) return { missing: 'no bun on PATH or in $BUN (npm install bun)' };
  return { command: [program, source('peers/bun.mjs')], version: `Bun ${version.trim()}` };
}

async function findGo(): Promise<Found> {
  const program = await compileGo('peers/echo.go');
  if (program === null) return { missing: 'no go (apt-get install golang-go)' };
  const version = await outputOf(['go', 'version']);
  return { command: [program], version: `Go ${/go(\d[\w.]*)/.exec(version!)![1]}` };
}

/** The command, for the guest if it takes one. */
export const commandOf = ({ contender, command }: Present, guest: string): string[] =>
  contender.guest ? [...command, guest] : [...command];

export const contenders: readonly Contender[] = [
  {
    name: REFERENCE,
    title: 'C, epoll',
    find: async () => {
      const output = await outputOf([compiler, '--version']);
      const version = output?.split('\n')[0] ?? 'compiled before';
      return { command: [await compileC('peers/reference')], version };
    },
  },
  wasmpoll(0),
  wasmpoll(1),
  withAdmin(0),
  withAdmin(1),
  {
    name: 'addon',
    title: 'the addon alone',
    find: () => node(fileURLToPath(new URL('addon-echo.js', import.meta.url))),
  },
  {
    name: 'node-pipe',
    title: 'Node net, pipe',
    find: () => node(source('peers/net-pipe.mjs')),
  },
  {
    name: 'node-write',
    title: 'Node net, data/write',
    find: () => node(source('peers/net-write.mjs')),
  },
  { name: 'bun', title: 'Bun', find: findBun },
  { name: 'go', title: 'Go net', find: findGo },
  {
    name: 'uvloop',
    title: 'Python uvloop',
    find: () =>
      python('peers/uvloop_echo.py', 'uvloop', 'no uvloop (apt-get install python3-uvloop)'),
  },
  {
    name: 'asyncio',
    title: 'Python asyncio',
    find: () => python('peers/asyncio_echo.py', 'asyncio', 'no python3'),
  },
  {
    name: 'epoll-py',
    title: 'Python select.epoll',
    find: () => python('peers/epoll_echo.py', 'select', 'no python3'),
  },
];
