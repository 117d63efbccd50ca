// Options of a run: what they are, and whether they are what they must be. It opens nothing.

import { WasmpollError } from '../errors.ts';
import type { ModuleSource } from '../module/load.ts';
import type { Stdio } from './inheritance.ts';
import type { RunPolicy } from './policy.ts';

export interface RunOptions {
  /** A path, a file: URL, a module's bytes, or a compiled module. */
  module: string | URL | ModuleSource;
  /** `HOST:PORT`, `[V6]:PORT` or `unix:PATH`; port 0 lets the kernel choose. None by default. */
  listen?: string | readonly string[];
  /** What comes after the program's name, which is the file's name. */
  args?: readonly string[];
  /** All that the guest's environment has, beside LISTEN_FDS. */
  env?: Readonly<Record<string, string>>;
  /**
   * `HOST[:GUEST[:ro]]`: a folder, what it is called in the guest, and whether nothing in it may be
   * changed. Without any there are no files.
   */
  dirs?: string | readonly string[];
  /** 'inherit' by default; 'pipe' makes `stdin`, `stdout` and `stderr` of the run. */
  stdin?: Stdio;
  stdout?: Stdio;
  stderr?: Stdio;
  /** Whether listeners start non-blocking, as Go wants them; false by default. */
  nonblocking?: boolean;
  /**
   * Whether a program that writes to its standard output or error ends, with status 141 as by SIGPIPE,
   * when nobody reads it any more; true by default. Otherwise it is told EPIPE.
   */
  sigpipe?: boolean;
  /** Settings that differ from the defaults; those that hold for a command. */
  policy?: Partial<RunPolicy>;
  /** Stops the run, as `close()` does. */
  signal?: AbortSignal;
}

const OPTIONS =
  'module listen args env dirs stdin stdout stderr nonblocking sigpipe policy signal'.split(' ');
const STDIO: readonly unknown[] = ['inherit', 'ignore', 'pipe'];

/** One or several, as a list. */
export const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  typeof value === 'string' ? [value] : (value ?? []);

/** @throws WasmpollError ERR_OPTION, naming the option and what it must be */
export function checkOptions(options: RunOptions): void {
  const bad = (why: string): never => {
    throw new WasmpollError('ERR_OPTION', `runWasi(): ${why}`);
  };
  if (typeof options !== 'object' || options === null) bad('takes an object of options');
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name))
      bad(`there is no option '${name}'; it takes ${OPTIONS.join(', ')}`);
  }
  if (options.module === undefined) bad("module is missing, for instance './server.wasm'");
  for (const name of ['listen', 'args', 'dirs'] as const) {
    const texts: readonly unknown[] =
      name === 'args' ? (options.args ?? []) : listOf(options[name]);
    if (!Array.isArray(texts) || !texts.every(isPlain))
      bad(`${name} must be a list of strings without a zero byte`);
  }
  if (!isRecord(options.env ?? {})) bad('env must be an object of names and strings');
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (name === '' || name.includes('=') || !isPlain(name) || !isPlain(value)) {
      bad(`env: '${name}' must be a name without '=' and have a string`);
    }
  }
  if (!isRecord(options.policy ?? {})) bad('policy must be an object of settings');
  for (const name of ['stdin', 'stdout', 'stderr'] as const) {
    const what: unknown = options[name] ?? 'inherit';
    if (!STDIO.includes(what) && !isDescriptor(what)) {
      const got = typeof what === 'object' ? 'an object' : String(what);
      bad(`${name} must be 'inherit', 'ignore', 'pipe' or a descriptor, got ${got}`);
    }
  }
  for (const name of ['nonblocking', 'sigpipe'] as const) {
    if (typeof (options[name] ?? false) !== 'boolean') bad(`${name} must be true or false`);
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    bad('signal must be an AbortSignal');
  }
}

const isDescriptor = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;

/** An object as it is written down, or process.env: no list, no Map. */
const isRecord = (value: unknown): boolean =>
  Object.prototype.toString.call(value) === '[object Object]';

/** A string that can be a C string. */
const isPlain = (value: unknown): boolean => typeof value === 'string' && !value.includes('\0');
