// WASI programs for tests and the bench: compiled with the commands of docs/wasi.md, run by
// `wasmpoll run`, or compiled for this machine and run as they are. What they do is not known here.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { blocks, document, root, section, type Workshop } from './documents.ts';
import { cli, type Owner, Running, type RunOptions } from './process.ts';

const sources = path.join(root, 'test', 'wasi', 'programs');
const target = path.join(root, 'dist', 'wasi');

/** Debian's compilers come first: others of the same name need not have the target. */
const environment = { ...process.env, PATH: `/usr/bin:${process.env.PATH}` };

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/**
 * Compiles in a folder that holds the source alone, unless it is done. Test files run in parallel and
 * may compile the same one. Returns the path of what was compiled; throws with the compiler's output.
 */
function compiled(files: readonly string[], output: string, command: string): string {
  const result = path.join(target, output);
  const needed = files.map((name) => path.join(sources, name));
  needed.push(path.join(root, 'docs', 'wasi.md'));
  if (modified(result) > Math.max(...needed.map(modified))) return result;
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(path.join(target, 'build-'));
  try {
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    for (const name of files) copyFileSync(path.join(sources, name), path.join(folder, name));
    execFileSync('sh', ['-ec', command], { cwd: folder, env: environment, stdio: 'pipe' });
    renameSync(path.join(folder, output), result);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return result;
}

/** The command under a heading of docs/wasi.md, for `server` as the program's name. */
export const documented = (heading: string): string =>
  blocks(section(document('docs/wasi.md'), heading)).find(({ language }) => language === 'sh')!
    .code;

/** Builds the program that docs/wasi.md shows under a heading, by its command, in a folder. */
export async function buildShown(place: Workshop, heading: string): Promise<string> {
  for (const { file, code, language } of blocks(section(document('docs/wasi.md'), heading))) {
    if (file !== undefined && language !== 'sh') place.write(file, code);
  }
  await place.run(`PATH=${environment.PATH}\n${documented(heading)}`);
  return path.join(place.folder, 'server.wasm');
}

/** The path of the module of `test/wasi/programs/NAME.c`. */
export function compiledC(name: string): string {
  const command = documented('C').replaceAll('server', name);
  return compiled([`${name}.c`], `${name}.wasm`, command);
}

/** The path of the module of `test/wasi/programs/NAME.rs`. */
export function compiledRust(name: string): string {
  const command = documented('Rust').replaceAll('server', name);
  return compiled(
    [`${name}.rs`],
    `${name}-rust.wasm`,
    `${command}mv ${name}.wasm ${name}-rust.wasm`,
  );
}

/** The path of the module of `test/wasi/programs/server.ts`. */
export const compiledAssemblyScript = (): string =>
  compiled(
    ['server.ts', 'wasi_snapshot_preview1.ts'],
    'assemblyscript.wasm',
    `${documented('AssemblyScript')}\nmv server.wasm assemblyscript.wasm`,
  );

/** The path of `test/wasi/programs/NAME.c` compiled for this machine. */
export const compiledNative = (name: string): string =>
  compiled([`${name}.c`], name, `cc -O2 -Wall -Wextra -Werror ${name}.c -o ${name}`);

/** A server that was started: a program under `wasmpoll run`, or by itself. */
export class Program {
  readonly process: Running;

  constructor(process: Running) {
    this.process = process;
  }

  /** Where it listens, in the order of its lines on standard error. */
  get addresses(): string[] {
    return [...this.process.stderr.matchAll(/^listening on (.*)\n/gm)].map((match) => match[1]!);
  }

  get address(): string {
    return this.addresses[0]!;
  }

  get pid(): number {
    return this.process.pid;
  }
}

async function started(owner: Owner, process: Running, listeners: number): Promise<Program> {
  owner.teardown(async () => {
    process.kill('SIGKILL');
    await process.exited;
  });
  await process.written('stderr', new RegExp(`(?:^listening on .*\n){${listeners}}`, 'm'));
  return new Program(process);
}

export interface WasiOptions extends RunOptions {
  /** Addresses as `--listen` takes them; one free port of IPv4's loopback if not given. */
  readonly listen?: readonly string[];
  /** Further options of `wasmpoll run`. */
  readonly flags?: readonly string[];
}

/** Runs a module by `wasmpoll run`, and waits until it listens. */
export function startWasi(
  owner: Owner,
  module: string,
  args: readonly string[] = [],
  { listen = ['127.0.0.1:0'], flags = [], ...options }: WasiOptions = {},
): Promise<Program> {
  const listeners = listen.flatMap((address) => ['--listen', address]);
  const command = [cli, 'run', module, ...listeners, ...flags, '--', ...args];
  return started(owner, new Running(command, options), listen.length);
}

// Listens as systemd does, tells where, and becomes the program.
const LAUNCHER = `
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
host, port = listener.getsockname()
print('listening on %s:%d' % (host, port), file=sys.stderr, flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ['LISTEN_FDS'] = '1'
os.execv(sys.argv[1], sys.argv[1:])
`;

/** The command that runs a program of this machine with a listener as descriptor 3. */
export const nativeCommand = (...command: readonly string[]): string[] => [
  'python3',
  '-c',
  LAUNCHER,
  ...command,
];

/** Runs a program of this machine with a listener as descriptor 3, and waits until it listens. */
export function startNative(
  owner: Owner,
  program: string,
  args: readonly string[] = [],
): Promise<Program> {
  const [command, ...rest] = nativeCommand(program, ...args);
  // What it starts is Node otherwise.
  const prefix = ['sh', '-c', 'shift; exec "$@"', 'sh'];
  return started(owner, new Running([command!, ...rest], { prefix }), 1);
}
