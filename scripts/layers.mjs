// Holds the layers and the rooms apart, part of `npm run lint`: which file may import which, how large
// files and rooms may grow, what nothing reaches, and what is said twice.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits, rooms, words } from './rooms.mjs';

const IMPORT =
  /^(?:import|export)\s(?:[^;'"=()]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
// A script that a thread is started from.
const SCRIPT = /new URL\(\s*['"](\.[^'"]+)\.c?js['"]/g;
const INCLUDE = /^\s*#\s*include\s+"([^"]+)"/gm;
const CONSTANT = /^(?:export )?const ([A-Z][A-Z0-9_]+)(?:: [^=]+)? = (.+);$/gm;
const ABI_LINE = /^(?:\/\/.*|export const [A-Z0-9_]+ = -?\d+;)$/;

/** What runs in a browser page as well, with all that it imports. */
const PORTABLE = [
  ...['host/testing/index.ts', 'host/transcripts/parse.ts', 'host/transcripts/report.ts'],
  ...['host/transcripts/verdict.ts', 'host/playground/bench/worker.ts'],
];
const ABI = 'assembly/abi.ts';

/**
 * Looks through the tree at `root`.
 * @returns a line for each fault: the file, what is wrong, what would be right
 */
export function faults(root) {
  const tree = new Tree(root);
  return [
    ...assemblyFaults(tree),
    ...nativeFaults(tree),
    ...importFaults(tree),
    ...portableFaults(tree),
    ...sizeFaults(tree),
    ...unreachedFaults(tree),
    ...repeatedFaults(tree),
  ];
}

/** The sources, read once. Paths are relative to the root, with slashes. */
class Tree {
  #root;
  #texts = new Map();

  constructor(root) {
    this.#root = root;
  }

  files(folder, ...endings) {
    const path = join(this.#root, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path, { recursive: true })
      .filter((name) => endings.some((ending) => name.endsWith(ending)))
      .filter((name) => !name.startsWith('build/') && !name.endsWith('.d.ts'))
      .map((name) => `${folder}/${name}`)
      .sort();
  }

  text(file) {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const path = join(this.#root, file);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    this.#texts.set(file, text);
    return text;
  }

  /** What a file imports, each once: packages as they are written, files as paths from the root. */
  imports(file) {
    const found = [...this.text(file).matchAll(IMPORT)].map((match) => match[1] ?? match[2]);
    return [...new Set(found.map((specifier) => this.#resolve(file, specifier)))];
  }

  scripts(file) {
    const found = [...this.text(file).matchAll(SCRIPT)].map((match) => `${match[1]}.ts`);
    return found.map((specifier) => this.#resolve(file, specifier));
  }

  #resolve(file, specifier) {
    if (!specifier.startsWith('.')) return specifier;
    return relative(this.#root, join(this.#root, dirname(file), specifier));
  }
}

const isFile = (target) => /^(?:host|assembly|native|test|bench|scripts)\//.test(target);

function* assemblyFaults(tree) {
  for (const file of tree.files('assembly', '.ts')) {
    for (const target of tree.imports(file)) {
      if (!target.startsWith('assembly/')) yield `${file}: assembly/ imports ${target}`;
    }
  }
  for (const line of tree.text(ABI).split('\n')) {
    if (line !== '' && !ABI_LINE.test(line)) {
      yield `${ABI}: both compilers must read it, which rules out: ${line}`;
    }
  }
}

function* nativeFaults(tree) {
  for (const file of tree.files('native', '.cc', '.h')) {
    for (const [, name] of tree.text(file).matchAll(INCLUDE)) {
      if (name.includes('/')) yield `${file}: native/ includes "${name}"`;
    }
  }
}

/** `kernel`, `wasi/preview1`, or '' for a file at the root of host/. */
function roomOf(file) {
  const folder = dirname(file).slice('host/'.length);
  return Object.hasOwn(rooms, folder) ? folder : folder.split('/')[0];
}

function* importFaults(tree) {
  for (const file of tree.files('host', '.ts')) {
    const room = roomOf(file);
    const name = file.slice('host/'.length, -'.ts'.length);
    if (room !== '' && !Object.hasOwn(rooms, room)) {
      yield `${file}: scripts/rooms.mjs has no room '${room}'`;
      continue;
    }
    for (const target of tree.imports(file).filter(isFile)) {
      if (target === ABI) continue;
      if (!target.startsWith('host/')) {
        yield `${file}: host/ imports ${target}; of the others only ${ABI}`;
      } else if (!mayImport(room, name, target)) {
        const allowed = room === '' ? words : [...rooms[room], ...words];
        yield `${file}: imports ${target}; ${room || 'this file'} may import ${allowed.join(', ')}`;
      }
    }
  }
}

function mayImport(room, name, target) {
  const [there, what] = [roomOf(target), target.slice('host/'.length, -'.ts'.length)];
  if (there === '' && words.includes(what)) return true;
  if (room === '') return name === 'index';
  return there === room || rooms[room].includes(there) || rooms[room].includes(what);
}

function* portableFaults(tree) {
  const portable = new Set(PORTABLE);
  for (const file of portable) {
    for (const target of tree.imports(file)) {
      if (!isFile(target)) {
        yield `${file}: imports ${target}, but it must run in a browser`;
      } else if (target.startsWith('host/')) portable.add(target);
    }
  }
}

function* sizeFaults(tree) {
  const perRoom = new Map();
  for (const file of tree.files('host', '.ts')) {
    const room = roomOf(file);
    perRoom.set(room, (perRoom.get(room) ?? 0) + 1);
    const most = limits.importsOf[file] ?? limits.imports;
    const imports = tree.imports(file).filter(isFile).length;
    // The door has to name whatever it lets out.
    if (imports > most && file !== 'host/index.ts') {
      yield `${file}: imports ${imports} files of the project; at most ${most}`;
    }
  }
  for (const [room, files] of perRoom) {
    const most = limits.filesOf[room] ?? limits.files;
    if (files > most) yield `host/${room}: has ${files} files; at most ${most}`;
  }
  const sources = [
    ...tree.files('host', '.ts'),
    ...tree.files('assembly', '.ts', '.h', '.rs'),
    ...tree.files('native', '.cc', '.h'),
    ...tree.files('bench', '.ts', '.c', '.h'),
    ...tree.files('scripts', '.mjs'),
  ];
  for (const file of sources) {
    const lines = tree.text(file).split('\n').length - 1;
    if (lines > limits.lines && !limits.exempt.includes(file)) {
      yield `${file}: has ${lines} lines; at most ${limits.lines}. Is it still one noun?`;
    }
  }
}

/** The doors are what package.json names, and the scripts that threads start from. */
function* unreachedFaults(tree) {
  const { bin = {}, exports = {} } = JSON.parse(tree.text('package.json') || '{}');
  const doors = [...Object.values(bin), ...Object.values(exports).map((entry) => entry.default)]
    .filter((path) => typeof path === 'string' && path.includes('dist/host/'))
    .map((path) => path.replace(/^(?:\.\/)?dist\/(.*)\.js$/, '$1.ts'));
  const reached = new Set(doors);
  for (const file of reached) {
    for (const target of [...tree.imports(file), ...tree.scripts(file)]) {
      if (target.startsWith('host/')) reached.add(target);
    }
  }
  for (const file of tree.files('host', '.ts')) {
    if (!reached.has(file)) yield `${file}: no entrance of package.json reaches it`;
  }
}

function* repeatedFaults(tree) {
  const seen = new Map();
  for (const file of tree.files('host', '.ts')) {
    for (const [, name, value] of tree.text(file).matchAll(CONSTANT)) {
      const key = `${name} = ${value}`;
      const first = seen.get(key);
      if (first !== undefined && first !== file) yield `${file}: ${key} stands in ${first}, too`;
      else seen.set(key, file);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = faults(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const fault of found) process.stderr.write(`layers: ${fault}\n`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
