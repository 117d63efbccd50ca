// Runs the tests of guests and WASI programs in C and Rust: `npm run test:wasi [-- ava's options]`.
// Installs the compilers with apt when they are missing, and says in one line what to do when it cannot.

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './apt.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A command that each compiler passes when it has all it needs, and Debian's packages of it. */
const COMPILERS = [
  {
    probe: 'echo "int main(void) { return 0; }" | clang --target=wasm32-wasi -x c - -o /dev/null',
    packages: ['clang', 'lld', 'wasi-libc', 'libclang-rt-dev-wasm32'],
  },
  {
    probe:
      'test -d "$(rustc --print target-libdir --target wasm32-wasi)" && ' +
      'test -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)"',
    packages: ['rustc', 'libstd-rust-dev-wasm32'],
  },
];

// Debian's compilers come first: others of the same name need not have the target.
const env = { ...process.env, PATH: `/usr/bin:${process.env.PATH}` };

const missing = () =>
  COMPILERS.filter(({ probe }) => spawnSync('sh', ['-c', probe], { env }).status !== 0).flatMap(
    ({ packages }) => packages,
  );

installPackages(missing());
const still = missing();
// The tests of one language fail without its compiler; those of the other run.
if (still.length > 0) {
  const names = still.join(', ');
  process.stderr.write(`wasmpoll: compilers are missing: install Debian's ${names}, or the like\n`);
}
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const config = join(root, 'scripts', 'ava-wasi.mjs');
const args = [ava, '--config', config, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
