// Runs the tests of guests and WASI programs in C and Rust: `npm run test:wasi [-- ava's options]`.
// Installs the compilers with apt when they are missing, and says in one line what to do when it cannot.

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
const environment = {
  ...process.env,
  PATH: `/usr/bin:${process.env.PATH}`,
  DEBIAN_FRONTEND: 'noninteractive',
};

const missing = () =>
  COMPILERS.filter(
    ({ probe }) => spawnSync('sh', ['-c', probe], { env: environment }).status !== 0,
  ).flatMap(({ packages }) => packages);

function apt(...args) {
  return spawnSync('apt-get', args, { env: environment, encoding: 'utf8' });
}

function install(packages) {
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid() !== 0) {
    throw new Error(`the compilers are not installed, and only root can do it: ${command}`);
  }
  process.stderr.write(`wasmpoll: ${command}\n`);
  const options = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  let outcome = apt(...options);
  if (outcome.error?.code === 'ENOENT') {
    throw new Error(
      `there is no apt-get here; install Debian's ${packages.join(', ')}, or the like`,
    );
  }
  if (outcome.status !== 0) {
    // The lists may be old, or not be there.
    apt('update', '-qq');
    outcome = apt(...options);
  }
  if (outcome.status !== 0) {
    process.stderr.write(outcome.stderr);
    throw new Error(`this failed: ${command}`);
  }
  const still = missing();
  if (still.length > 0) throw new Error(`installed, but of no use: ${still.join(', ')}`);
}

try {
  const packages = missing();
  if (packages.length > 0) install(packages);
  const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
  const config = join(root, 'scripts', 'ava-wasi.mjs');
  const args = [ava, '--config', config, ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} catch (error) {
  process.stderr.write(`wasmpoll: ${error.message}\n`);
  process.exitCode = 1;
}
