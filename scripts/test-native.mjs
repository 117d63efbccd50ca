// Runs the programs of test/native, which use what threads share without Node: `npm run test:native`. Two
// put threads under ThreadSanitizer, one bytes of any kind under AddressSanitizer, and one compares what is counted with
// what is taken.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = join(root, 'native');

/** Each program, and how it is compiled. */
const PROGRAMS = {
  stress: ['-O1', '-g', '-fsanitize=thread', '-Wl,--wrap=write'],
  peers: ['-O1', '-g', '-fsanitize=thread'],
  records: ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
  memory: ['-O2'],
};

const INCLUDE = /^\s*#\s*include\s+[<"]([^">]+)[">]/gm;

/** Whether a source can be compiled without Node, with all that it includes. */
function isPlain(name, seen = new Set()) {
  if (seen.has(name)) return true;
  seen.add(name);
  const text = readFileSync(join(native, name), 'utf8');
  const files = readdirSync(native);
  return [...text.matchAll(INCLUDE)].every(([whole, included]) => {
    if (included === 'napi.h' || included === 'uv.h') return false;
    return !whole.includes('"') || !files.includes(included) || isPlain(included, seen);
  });
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) throw new Error(`${command}: ${error.message}`);
  return status ?? 1;
}

const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-native-'));
// A sanitizer's shadow memory wants addresses that randomisation may have given away.
const fixed = spawnSync('setarch', ['-R', 'true']).status === 0;
try {
  const sources = readdirSync(native)
    .filter((name) => name.endsWith('.cc') && isPlain(name))
    .map((name) => join(native, name));
  const named = process.argv.slice(2);
  for (const [name, options] of Object.entries(PROGRAMS)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const program = join(folder, name);
    const flags = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-fno-exceptions', ...options];
    // Not -I: native/syscall.h would stand in for the system's own.
    const inputs = ['-iquote', native, join(root, 'test', 'native', `${name}.cc`), ...sources];
    if (run('c++', [...flags, ...inputs, '-o', program]) !== 0)
      throw new Error(`${name}.cc failed`);
    const status = fixed ? run('setarch', ['-R', program]) : run(program, []);
    if (status !== 0) throw new Error(`${name} failed`);
  }
} catch (error) {
  process.stderr.write(`test-native: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
