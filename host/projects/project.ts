// Project: where a guest's source is, what its module is called, and in which folder both belong. It reads names of
// files, and nothing that is in them but the name of the package.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { WasmpollError } from '../errors.ts';

export interface Project {
  /** The folder with package.json; for a file that belongs to none, its own. */
  readonly folder: string;
  /** Absolute. */
  readonly source: string;
  /** Where `wasmpoll build` writes the module, absolute. */
  readonly module: string;
}

const SOURCE_ENDINGS = ['.ts', '.rs', '.c'] as const;

/**
 * The project of a source, or of the current folder.
 * @param file the source; without it, `src/NAME.*` of the package, or the only one in `src/`
 * @throws WasmpollError ERR_OPTION, with what to do
 */
export function findProject(file: string | undefined, here = process.cwd()): Project {
  if (file !== undefined) {
    const source = path.resolve(here, file);
    if (!isFile(source)) throw wrong(`'${file}': no such file`);
    return projectOf(packageAbove(path.dirname(source)) ?? path.dirname(source), source);
  }
  const folder = packageAbove(here);
  if (folder === null) {
    throw wrong('there is no package.json here: name the file, or begin with wasmpoll new NAME');
  }
  return projectOf(folder, onlySource(folder));
}

function projectOf(folder: string, source: string): Project {
  const name = path.basename(source, path.extname(source));
  return { folder, source, module: path.join(folder, 'build', `${name}.wasm`) };
}

/** The nearest folder with a package.json, this one included. */
function packageAbove(folder: string): string | null {
  for (let at = folder; ; at = path.dirname(at)) {
    if (isFile(path.join(at, 'package.json'))) return at;
    if (path.dirname(at) === at) return null;
  }
}

function onlySource(folder: string): string {
  const within = path.join(folder, 'src');
  const sources = entries(within).filter((name) =>
    SOURCE_ENDINGS.some((end) => name.endsWith(end) && !name.endsWith('.d.ts')),
  );
  const named = packageName(folder);
  const [found, ...more] = sources.filter((name) => path.parse(name).name === named);
  if (found !== undefined && more.length === 0) return path.join(within, found);
  const [only, ...others] = sources;
  if (only !== undefined && others.length === 0) return path.join(within, only);
  const there = sources.length === 0 ? 'no source of a guest' : sources.join(', ');
  throw wrong(`src/ has ${there}: name the file, for instance src/${named ?? 'mine'}.ts`);
}

/** As package.json says it, without the scope; null if it says none. */
function packageName(folder: string): string | null {
  try {
    const text = readFileSync(path.join(folder, 'package.json'), 'utf8');
    const { name } = JSON.parse(text) as { name?: unknown };
    return typeof name === 'string' ? name.replace(/^@.*\//, '') : null;
  } catch (error) {
    const file = path.join(folder, 'package.json');
    throw new WasmpollError('ERR_OPTION', `${file} cannot be read`, { cause: error });
  }
}

const isFile = (file: string): boolean =>
  statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // There is no such folder, which is said in the same words as that it is empty.
    return [];
  }
}

const wrong = (message: string): WasmpollError => new WasmpollError('ERR_OPTION', message);
