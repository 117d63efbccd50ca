// Holds the layers apart: which file may import which. Part of `npm run lint`.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const IMPORT =
  /^(?:import|export)\s(?:[^;'"=()]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
const INCLUDE = /^\s*#\s*include\s+"([^"]+)"/gm;

const errors = [];

function sources(folder, endings) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => `${folder}/${name}`);
}

function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2]);
}

/** A relative import as a path from the root. */
const resolve = (file, specifier) => relative(root, join(root, dirname(file), specifier));

for (const file of sources('assembly', ['.ts'])) {
  for (const specifier of importsOf(file)) {
    if (!specifier.startsWith('./')) errors.push(`${file}: assembly/ imports ${specifier}`);
  }
}

const abi = readFileSync(join(root, 'assembly/abi.ts'), 'utf8');
for (const line of abi.split('\n')) {
  if (line !== '' && !/^(?:\/\/.*|export const [A-Z0-9_]+ = -?\d+;)$/.test(line)) {
    errors.push(`assembly/abi.ts: both compilers must read it, which rules out: ${line}`);
  }
}

for (const file of sources('native', ['.cc', '.h']).filter((name) => !name.includes('/build/'))) {
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, name] of text.matchAll(INCLUDE)) {
    if (name.includes('/')) errors.push(`${file}: native/ includes "${name}"`);
  }
}

const hostFiles = sources('host', ['.ts']).filter((file) => !file.endsWith('.d.ts'));
for (const file of hostFiles) {
  for (const specifier of importsOf(file)) {
    if (!specifier.startsWith('.')) continue;
    const target = resolve(file, specifier);
    const allowed = target.startsWith('host/') || target === 'assembly/abi.ts';
    if (!allowed)
      errors.push(`${file}: host/ imports ${target}; of the others only assembly/abi.ts`);
  }
}

// Commands are hosted beside protocols: they may use what both need, and nothing but the entrances
// knows of them.
const entrances = ['host/cli/main.ts', 'host/cli/run.ts', 'host/index.ts'];
for (const file of hostFiles) {
  if (file.startsWith('host/wasi/')) continue;
  for (const specifier of importsOf(file)) {
    const inside = specifier.startsWith('.') && resolve(file, specifier).startsWith('host/wasi/');
    if (inside && !entrances.includes(file)) errors.push(`${file}: host/ imports ${specifier}`);
  }
}
for (const file of sources('host/wasi', ['.ts'])) {
  for (const specifier of importsOf(file)) {
    if (specifier.startsWith('.') && !resolve(file, specifier).startsWith('host/')) {
      errors.push(`${file}: host/wasi/ imports ${specifier}; only host/ is allowed`);
    }
  }
}

// What the harness is made of runs in a browser page.
const portable = new Set(['host/testing/harness.ts']);
for (const file of portable) {
  for (const specifier of importsOf(file)) {
    if (specifier.startsWith('.')) {
      const target = resolve(file, specifier);
      if (target.startsWith('host/')) portable.add(target);
    } else errors.push(`${file}: imports ${specifier}, but wasmpoll/testing must run in a browser`);
  }
}

for (const error of errors) process.stderr.write(`layers: ${error}\n`);
process.exitCode = errors.length > 0 ? 1 : 0;
