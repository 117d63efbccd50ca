// Toolchain: rustc and clang, where they are installed. It knows how each is called for a guest, and what to say
// where one is missing.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WasmpollError } from '../errors.ts';
import { type FilesRead, stampOf } from './files.ts';
import { makeScratch } from './scratch.ts';

/** What a compiler has made of a file. */
export interface Made {
  /** What it has written to standard error. */
  readonly text: string;
  readonly files: FilesRead;
  readonly wasm: Uint8Array | null;
}

/** Where wasmpoll.h and wasmpoll.rs lie. */
const headers = fileURLToPath(new URL('../../../assembly/', import.meta.url));
const MOST_OUTPUT = 16 * 1024 * 1024;
const TARGETS = ['wasm32-unknown-unknown', 'wasm32-wasip1', 'wasm32-wasi'] as const;

/**
 * Compiles a guest in C. Linking is a step of its own: told to optimize, clang may have the linked module
 * rewritten by a wasm-opt in the PATH, such as npm's of AssemblyScript, which drops the names and moves the lines.
 * @throws WasmpollError ERR_OPTION without clang, with what installs it
 */
export const compileC = (folder: string, source: string): Promise<Made> =>
  within(async (scratch) => {
    const clang = process.env.CLANG ?? 'clang';
    const [object, output, rule] = ['guest.o', 'guest.wasm', 'guest.d'].map((name) =>
      path.join(scratch, name),
    ) as [string, string, string];
    const compile = [
      ...['-O2', '-gline-tables-only', '-Wall', '-I', headers, '-MMD', '-MF', rule],
      ...['-fno-caret-diagnostics', '-fno-color-diagnostics', '-c', source, '-o', object],
    ];
    const link = ['-nostdlib', '-Wl,--no-entry', object, '-o', output];
    const compiled = await run(folder, clang, ['--target=wasm32', ...compile]);
    if (compiled === null) {
      throw missing(`${clang} is not installed: apt-get install clang lld`);
    }
    if (compiled.status !== 0) return made(folder, source, compiled, output, rule);
    const { status, stdout, stderr } = (await run(folder, clang, ['--target=wasm32', ...link]))!;
    // A source's name may look like a pattern of a replacement.
    const linked = stderr.replaceAll(object, () => source).replace(UNDEFINED, `$&; ${NOT_DEFINED}`);
    const ran = { status, stdout, stderr: compiled.stderr + linked };
    return made(folder, source, ran, output, rule);
  });

// Of wasm-ld, which names the object file.
const UNDEFINED = /undefined symbol: \S+/g;
const NOT_DEFINED =
  'there is no C library: wasmpoll.h has what there is instead; and another .c file is compiled only if it is included';

/** Compiles a guest in Rust. @throws WasmpollError ERR_OPTION without rustc or its target, as above */
export const compileRust = (folder: string, source: string): Promise<Made> =>
  within(async (scratch) => {
    const { rustc, target } = await findRust(folder);
    const [output, rule] = [path.join(scratch, 'guest.wasm'), path.join(scratch, 'guest.d')];
    const args = [
      ...['--edition', '2021', '--target', target, '--crate-type', 'cdylib', '-O'],
      // Functions keep their names, and instructions their lines, for the log. `1` is the oldest word for that.
      ...['-C', 'debuginfo=1'],
      ...['--error-format=short', '--color=never', `--emit=link=${output},dep-info=${rule}`],
      source,
    ];
    return made(folder, source, (await run(folder, rustc, args))!, output, rule);
  });

/** rustup's compiler may lack the target that the one of the system has. */
async function findRust(folder: string): Promise<{ rustc: string; target: string }> {
  const { RUSTC } = process.env;
  let found = false;
  for (const rustc of RUSTC === undefined ? ['rustc', '/usr/bin/rustc'] : [RUSTC]) {
    for (const target of TARGETS) {
      const asked = await run(folder, rustc, ['--target', target, '--print', 'target-libdir']);
      if (asked === null) break;
      found = true;
      if (asked.status === 0 && existsSync(asked.stdout.trim())) return { rustc, target };
    }
  }
  if (!found) throw missing('rustc is not installed: see https://rustup.rs');
  throw missing(
    `rustc cannot compile for ${TARGETS[0]}: rustup target add ${TARGETS[0]}, or apt-get install ` +
      'libstd-rust-dev-wasm32',
  );
}

// Of clang and of rustc. Debian has the linker in a package of its own.
const NO_LINKER =
  /(?:Executable "|linker `)((?:wasm-ld|rust-lld)[\w.-]*)["`] (?:doesn't exist|not found)/;

const missing = (message: string): WasmpollError => new WasmpollError('ERR_OPTION', message);

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @returns null when there is no such command */
function run(folder: string, command: string, args: readonly string[]): Promise<Ran | null> {
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, maxBuffer: MOST_OUTPUT };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      const { code } = (error ?? {}) as { code?: unknown };
      if (code === 'ENOENT') resolve(null);
      else if (error !== null && typeof code !== 'number') reject(error);
      else resolve({ status: child.exitCode, stdout, stderr });
    });
  });
}

async function made(
  folder: string,
  source: string,
  { status, stderr }: Ran,
  output: string,
  rule: string,
): Promise<Made> {
  const linker = NO_LINKER.exec(stderr)?.[1];
  if (linker !== undefined) throw missing(`${linker} is not installed: apt-get install lld`);
  const read = await readFile(rule, 'utf8').catch(() => '');
  const names = new Set([source, ...prerequisites(read)]);
  const files = [...names].map((name) => path.resolve(folder, name));
  return {
    text: stderr,
    files: Object.fromEntries(files.map((file) => [file, stampOf(file)])),
    wasm: status === 0 ? await readFile(output) : null,
  };
}

/** What the target of a rule for make depends on: names with spaces have a backslash before each. */
function prerequisites(rules: string): string[] {
  return rules
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((rule) => /^\S.*?: (.*)$/.exec(rule)?.[1] ?? [])
    .flatMap((names) => names.match(/(?:\\ |\S)+/g) ?? [])
    .map((name) => name.replaceAll('\\ ', ' '));
}

async function within(work: (scratch: string) => Promise<Made>): Promise<Made> {
  const scratch = await makeScratch('wasmpoll-build-');
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
