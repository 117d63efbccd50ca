// Child processes: the command line started, or run to its end, and scripts. Each is killed, by its
// pid, when the test or the whole process ends; nothing here knows what is served.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Assertions } from 'ava';
import { parseAddress } from '../../host/listen/address.ts';

export const cli = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

/** The test's `t`, as far as it is needed. */
export interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

/** An owner that can say why nothing was tested. */
export interface LogOwner extends Owner {
  log(...lines: unknown[]): void;
  pass(): void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Outcome extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Takes the place of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Descriptors that it gets, from number 3 on. */
  readonly fds?: readonly number[];
  /** A command that ends in exec, so that the pid stays the program's: `['prlimit', '--nofile=64']`. */
  readonly prefix?: readonly string[];
  /** Run in the place of Node. */
  readonly program?: string;
}

export interface StartOptions extends RunOptions {
  /** `listening on` lines to wait for; as many as there are `--listen` flags if not given. */
  readonly lines?: number;
}

/** Redirects of a shell around the program: `shell('2>/dev/full')`. */
export const shell = (redirects: string): string[] => ['sh', '-c', `exec "$@" ${redirects}`, 'sh'];

/** A folder that is removed when the test ends. Short, for the sake of Unix sockets. */
export function temporary(owner: Owner): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Asserts that a command said what was wrong in one line, said nothing else, and exited so. */
export function refused(t: Assertions, outcome: Outcome, code: 1 | 2, line: RegExp): void {
  t.regex(outcome.stderr, line);
  t.regex(outcome.stderr, /^wasmpoll: [^\n]+\n$/);
  t.deepEqual({ ...outcome, stderr: '' }, { code, signal: null, stdout: '', stderr: '' });
}

/** A prefix without any privilege of root's; null, with a line in the log, where that cannot be. */
export function withoutPrivileges(t: Owner & { log(...lines: unknown[]): void }): string[] | null {
  if (process.getuid?.() !== 0) return [];
  const prefix = ['setpriv', '--bounding-set=-all'] as const;
  if (works(...prefix, 'true')) return [...prefix];
  t.log('skipped: root without setpriv(1) cannot give up its privileges');
  return null;
}

/** Whether this machine has ::1; if not, the test says so. */
export function hasV6(t: { log(...lines: unknown[]): void }): boolean {
  const found = Object.values(networkInterfaces()).flat();
  if (found.some((own) => own?.address === '::1')) return true;
  t.log('skipped: this machine has no ::1');
  return false;
}

/** Whether the command is there and, run like this, succeeds. */
export function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Starts the command line and waits until it listens. Rejects with its output if it does not. */
export async function startCli(
  owner: Owner,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  const running = new Running([cli, ...args], options);
  owner.teardown(async () => {
    running.kill('SIGKILL');
    await running.exited;
  });
  const listeners = args.filter((arg) => /^--listen(=|$)/.test(arg)).length;
  const lines = options.lines ?? Math.max(1, listeners);
  if (lines > 0)
    await running.written('stdout', new RegExp(`(?:^listening on .*\n){${lines}}`, 'm'));
  return running;
}

/** Runs the command line to its end. */
export const runCli = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> =>
  runNode([cli, ...args], options);

/** Runs a module, given as its source, to its end. It imports by absolute URL. */
export const runScript = (source: string, options: RunOptions = {}): Promise<Outcome> =>
  runNode(['--input-type=module', '-e', source], options);

/** Runs Node to its end. */
export async function runNode(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const running = new Running(args, options);
  const exit = await running.exited;
  return { ...exit, stdout: running.stdout, stderr: running.stderr };
}

const living = new Set<Running>();
// ava ends a test file that hangs with SIGTERM, of which 'exit' would hear nothing.
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => {
  for (const running of living) running.kill('SIGKILL');
});

/** A child process whose output is collected. */
export class Running {
  readonly pid: number;
  /** Resolves when it has ended and all its output is here. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #output = { stdout: '', stderr: '' };
  readonly #watchers = new Set<() => void>();
  #ended = false;

  constructor(args: readonly string[], options: RunOptions) {
    const { prefix = [], cwd, env, fds = [], program = process.execPath } = options;
    const [command = program, ...rest] = [...prefix, program, ...args];
    const stdio = ['ignore', 'pipe', 'pipe', ...fds] as const;
    this.#child = spawn(command, rest, { stdio: [...stdio], cwd, env });
    this.pid = this.#child.pid ?? -1;
    living.add(this);
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this.#output[name] += text;
        for (const look of this.#watchers) look();
      });
    }
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        living.delete(this);
        this.#ended = true;
        resolve({ code, signal });
        for (const look of this.#watchers) look();
      });
    });
  }

  /** So far. */
  get stdout(): string {
    return this.#output.stdout;
  }

  /** So far. */
  get stderr(): string {
    return this.#output.stderr;
  }

  /** Where it listens, in the order of its lines. */
  get addresses(): string[] {
    return [...this.stdout.matchAll(/^listening on (.*)\n/gm)].map((match) => match[1]!);
  }

  /** The first of its addresses. */
  get address(): string {
    return this.addresses[0]!;
  }

  /** The port of the first TCP address. */
  get port(): number {
    const ports = this.addresses.map(parseAddress).map((to) => (to.kind === 'tcp' ? to.port : 0));
    return ports.find((port) => port > 0)!;
  }

  /** Signals this process, unless it has ended. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
  }

  /** Waits for output; rejects with all of it when the process ends without. */
  written(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#output[stream]);
        if (match === null && !this.#ended) return;
        this.#watchers.delete(look);
        if (match !== null) resolve(match);
        else reject(new Error(`ended without ${pattern} on ${stream}: ${this.#shown()}`));
      };
      this.#watchers.add(look);
      this.exited.catch(reject);
      look();
    });
  }

  #shown(): string {
    const { exitCode, signalCode } = this.#child;
    return JSON.stringify({ exitCode, signalCode, ...this.#output });
  }

  /** Processor time so far, user's and system's, in milliseconds. */
  get processorMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    // proc(5): utime and stime are fields 14 and 15, counted from the name's closing parenthesis.
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(utime) + Number(stime)) * 10;
  }
}
