// Compiles what the bench needs and the package does not: C with cc, Go with go. Results lie in
// dist/bench, and are made anew when a source is newer.

import { mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError, Child, outputOf } from './child.ts';

// Seen from dist/bench/load.
export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const source = (name: string): string => path.join(root, 'bench', name);

const OUTPUT = path.join(root, 'dist', 'bench');
const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function stale(file: string): boolean {
  const folders = [source('load'), source('peers')];
  const sources = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /\.(c|h|go)$/.test(name))
      .map((name) => path.join(folder, name)),
  );
  return modified(file) < Math.max(...sources.map(modified));
}

export const compiler = process.env.CC ?? 'cc';

/**
 * Compiles bench/NAME.c, and returns the program's path.
 * @throws BenchError when there is no compiler, or with its last complaint
 */
export async function compileC(
  name: string,
  { compiler: command = compiler, folder = OUTPUT, libraries = [] as readonly string[] } = {},
): Promise<string> {
  const program = path.join(folder, name);
  if (!stale(program)) return program;
  if ((await outputOf([command, '--version'])) === null) {
    throw new BenchError(`there is no ${command}: install a C compiler (gcc), or set CC`);
  }
  mkdirSync(path.dirname(program), { recursive: true });
  const options = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-o', program];
  await new Child([command, ...options, source(`${name}.c`), ...libraries]).result();
  return program;
}

/** Compiles a file of Go, and returns the program's path; null when there is no `go`. */
export async function compileGo(file: string): Promise<string | null> {
  if ((await outputOf(['go', 'version'])) === null) return null;
  const program = path.join(OUTPUT, path.basename(file, '.go'));
  if (stale(program)) await new Child(['go', 'build', '-o', program, source(file)]).result();
  return program;
}
