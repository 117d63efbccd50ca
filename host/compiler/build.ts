// Build: from a source to a module that the server would take, or to what is wrong with it. It knows the order of
// the steps, and which compiler is whose.

import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, WasmpollError } from '../errors.ts';
import type { ModuleLimits } from '../module/limits.ts';
import { loadProtocol } from '../module/source.ts';
import { advise, type Language } from './advice.ts';
import { Asc, findAsc } from './asc.ts';
import { type Diagnostic, readAsc, readShort, seenFrom } from './diagnostics.ts';
import { type FilesRead, stampOf } from './files.ts';
import { mapLines } from './line-map.ts';
import { Sources } from './places.ts';
import { compileC, compileRust } from './toolchain.ts';

/** What becomes of one build. */
export interface Built {
  readonly diagnostics: readonly Diagnostic[];
  /** Why the host would not serve it, in one line; null if it would, and if there is nothing to serve. */
  readonly refused: string | null;
  /** What was read; files that were looked for in vain are among them. */
  readonly files: FilesRead;
  /** The module and its source map; null if the source was not compiled. */
  readonly module: { readonly wasm: Uint8Array; readonly map: string | null } | null;
  /** It was compiled, and would be served. */
  readonly ok: boolean;
}

export interface BuilderOptions {
  /** The project's, in which compilers run. */
  readonly folder: string;
  /** The file to compile, absolute. */
  readonly source: string;
  /** The file name of the module. */
  readonly output: string;
  /** What the host would take. */
  readonly limits: ModuleLimits;
  /** The build should be quick, and say the lines of its traps: it is not optimised. */
  readonly quick: boolean;
  /** From which places are seen; the current folder by default. */
  readonly here?: string;
}

const LANGUAGES: Readonly<Record<string, Language>> = { '.ts': 'as', '.rs': 'rust', '.c': 'c' };

/** @throws WasmpollError ERR_OPTION for a file that is in none of the languages */
export function languageOf(file: string): Language {
  const language = LANGUAGES[path.extname(file)];
  if (language !== undefined) return language;
  const known = Object.keys(LANGUAGES).join(', ');
  throw new WasmpollError('ERR_OPTION', `'${file}': a source of a guest ends in ${known}`);
}

// Without a file of options, as the one that `wasmpoll new` writes says.
const PLAIN = ['--debug', '--sourceMap', '--runtime', 'incremental', '--optimizeLevel', '3'];
// Nothing is inlined, so a line of a trap has its own function; and it takes half of the time.
const QUICK = ['--debug', '--sourceMap', '--optimizeLevel', '0', '--shrinkLevel', '0'];
// The second build takes 2.5 times, and the third 1.6 times, what the fifth takes.
const WARM_BUILDS = 2;
const ASC_OPTIONS = 'asconfig.json';

/** Builds one source, as often as wanted. */
export class Builder {
  readonly #options: BuilderOptions;
  readonly #language: Language;
  readonly #asc: Asc | null;
  /** Builds that somebody waits for. */
  #wanted = 0;

  /** @throws WasmpollError ERR_OPTION for a language that is none, and without its compiler */
  constructor(options: BuilderOptions) {
    this.#options = options;
    this.#language = languageOf(options.source);
    this.#asc = this.#language === 'as' ? new Asc(findAsc(options.folder)) : null;
  }

  /** Rejects with a WasmpollError, ERR_OPTION, when the compiler is not installed. */
  async build(): Promise<Built> {
    this.#wanted += 1;
    const { folder, here = process.cwd() } = this.#options;
    const compiled = await this.#compile();
    const { files } = compiled;
    const said = compiled.said.map((one) => seenFrom(here, folder, one));
    const { module } = compiled;
    if (module === null) return { diagnostics: said, refused: null, files, module, ok: false };
    const { advice, refused } = await this.#judge(module.wasm, new Sources(here, files));
    const diagnostics = [...said, ...advice];
    return { diagnostics, refused, files, module, ok: refused === null };
  }

  /** Builds for nothing, until somebody waits: the engine runs a compiler faster once it has run before. */
  async warm(): Promise<void> {
    const wanted = this.#wanted;
    for (let builds = 0; builds < WARM_BUILDS && this.#wanted === wanted; builds += 1) {
      if (this.#asc !== null) await this.#compileScript(this.#asc);
    }
  }

  async #compile(): Promise<Pick<Built, 'files' | 'module'> & { said: readonly Diagnostic[] }> {
    const { folder, source } = this.#options;
    if (this.#asc !== null) return this.#compileScript(this.#asc);
    const compile = this.#language === 'rust' ? compileRust : compileC;
    const { text, files, wasm } = await compile(folder, path.relative(folder, source));
    const said = readShort(text);
    if (wasm === null) return { said: withFailure(said, text), files, module: null };
    return { said, files, module: mapLines(wasm, `${this.#options.output}.map`, folder, files) };
  }

  async #compileScript(
    asc: Asc,
  ): Promise<Pick<Built, 'files' | 'module'> & { said: readonly Diagnostic[] }> {
    const { folder, source, output, quick } = this.#options;
    const config = path.join(folder, ASC_OPTIONS);
    const own = stampOf(config) === '' ? PLAIN : [];
    const args = [path.relative(folder, source), ...own, ...(quick ? QUICK : [])];
    const { text, failure, wasm, map, files } = await asc.compile({ folder, args, output });
    const said = readAsc(text);
    if (wasm !== null) return { said, files, module: { wasm, map } };
    return { said: withFailure(said, failure ?? text), files, module: null };
  }

  async #judge(
    wasm: Uint8Array,
    sources: Sources,
  ): Promise<{ advice: Diagnostic[]; refused: string | null }> {
    const { limits, output } = this.#options;
    const advice: Diagnostic[] = [];
    try {
      const module = await WebAssembly.compile(wasm);
      const [imports, exports] = [
        WebAssembly.Module.imports(module),
        WebAssembly.Module.exports(module),
      ];
      advice.push(...advise({ imports, exports }, sources, this.#language));
    } catch {
      // What the engine does not read the loader refuses, and says why.
    }
    try {
      await loadProtocol(wasm, limits);
      return { advice, refused: null };
    } catch (error) {
      if (!(error instanceof WasmpollError)) throw error;
      return { advice, refused: messageOf(error).replace(/^guest: /, `${output}: `) };
    }
  }

  /** Ends what it has started. */
  close(): void {
    this.#asc?.close();
  }
}

/** A build without a module has an error, whatever the compiler has said. */
function withFailure(said: readonly Diagnostic[], otherwise: string): readonly Diagnostic[] {
  if (said.some(({ severity }) => severity === 'error')) return said;
  const message = otherwise.trim().split('\n').at(-1) || 'the compiler has failed';
  return [...said, { severity: 'error', place: null, message }];
}

/** Writes a module and its map into a folder, whole or not at all. @returns the module's path */
export async function writeModule(
  folder: string,
  name: string,
  { wasm, map }: NonNullable<Built['module']>,
): Promise<string> {
  const file = path.join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
    if (map !== null) await writeWhole(`${file}.map`, map);
    await writeWhole(file, wasm);
  } catch (error) {
    const why = `the module cannot be written: ${messageOf(error)}`;
    throw new WasmpollError('ERR_OPTION', why, { cause: error });
  }
  return file;
}

async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  await writeFile(draft, content);
  await rename(draft, file);
}
