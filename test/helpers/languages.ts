// Guests in Rust and C, compiled by the commands of docs/languages.md with Debian's compilers.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { blocks, document, root, section, workshop } from './documents.ts';
import type { Owner } from './process.ts';

const text = document('docs/languages.md');
const everything = blocks(text);

/** The code of a file that the page shows. */
export function shown(file: string): string {
  const block = everything.find((each) => each.file === file && each.language !== 'sh');
  if (block === undefined) throw new Error(`docs/languages.md shows no ${file}`);
  return block.code;
}

/** An example of the repository, as it would stand in a project of its own. */
export function example(file: string): string {
  const source = readFileSync(path.join(root, 'examples', 'guests', file), 'utf8');
  return source.replace('"../../assembly/', '"node_modules/wasmpoll/assembly/');
}

/** The command under a heading that compiles, for a file of this name. */
export function command(heading: string, compiler: string, name: string): string {
  const found = blocks(section(text, heading)).find(
    ({ language, code }) => language === 'sh' && code.startsWith(compiler),
  );
  if (found === undefined) throw new Error(`'${heading}' does not show how to use ${compiler}`);
  return found.code.replaceAll(/\b\w+(?=\.(?:c|rs|wasm)\b)/g, name);
}

/** What this process has compiled: several tests may use one guest, and rustc takes seconds. */
const modules = new Map<string, Promise<Uint8Array>>();

/** Compiles a source, and rejects with what the compiler says. Debian's come first: others need not have the target. */
export function compiled(
  owner: Owner,
  file: string,
  source: string,
  line = file.endsWith('.c') ? command('C', 'clang', stem(file)) : rust(stem(file)),
): Promise<Uint8Array> {
  const key = `${line}${source}`;
  const module = modules.get(key) ?? compile(owner, file, source, line);
  modules.set(key, module);
  return module;
}

async function compile(owner: Owner, file: string, source: string, line: string) {
  const place = workshop(owner);
  place.write(file, source);
  await place.run(`PATH=/usr/bin:$PATH\n${line}`);
  return place.read(`${stem(file)}.wasm`);
}

const stem = (file: string): string => path.parse(file).name;
const rust = (name: string): string => command('Rust', 'rustc', name);
