// Runs the tests of what authors of protocols do: `npm run test:author [-- ava's options]`. Installs clang and rustc
// with apt when they are missing, and another TypeScript from npm. What cannot be had is said, and its tests are
// skipped.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, installPrograms } from './apt.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (line) => process.stderr.write(`wasmpoll: ${line}\n`);

const PROGRAMS = { clang: 'clang', 'wasm-ld': 'lld' };
const RUST = ['rustc', 'libstd-rust-dev-wasm32'];
/** The last one that is written in JavaScript: what editors run. */
const TYPESCRIPT = '5.9.3';
const TYPESCRIPT_FOLDER = join(root, 'node_modules', '.cache', `typescript-${TYPESCRIPT}`);
const INSTALL_MS = 300_000;

function installTypeScript() {
  const tsc = join(TYPESCRIPT_FOLDER, 'node_modules', 'typescript', 'bin', 'tsc');
  if (existsSync(tsc)) return tsc;
  const wanted = `typescript@${TYPESCRIPT}`;
  say(`npm install ${wanted}`);
  const options = ['--prefix', TYPESCRIPT_FOLDER, '--no-save', '--no-audit', '--no-fund'];
  spawnSync('npm', ['install', ...options, wanted], { timeout: INSTALL_MS });
  if (existsSync(tsc)) return tsc;
  say(`there is no ${wanted}`);
  return '';
}

/** Debian's, which has what compiles for WebAssembly beside it. */
function installRust() {
  const asked = spawnSync(
    '/usr/bin/rustc',
    ['--print', 'target-libdir', '--target', 'wasm32-wasi'],
    {
      encoding: 'utf8',
    },
  );
  if (asked.status === 0 && existsSync(asked.stdout.trim())) return;
  installPackages(RUST);
}

installPrograms(PROGRAMS);
installRust();
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const config = join(root, 'scripts', 'ava-author.mjs');
const { status } = spawnSync(
  process.execPath,
  [ava, '--config', config, ...process.argv.slice(2)],
  {
    cwd: root,
    env: { ...process.env, WASMPOLL_OTHER_TSC: installTypeScript() },
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 1;
