// Runs the tests that reach the addon with it built under AddressSanitizer and UBSan:
// `npm run test:asan [-- dist/test/ROOM/NAME.test.js …]`. All of it happens in a copy, so that the build of
// the checkout stays as it is.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TESTS = [
  ...['kernel/loading', 'kernel/arguments', 'kernel/epoll', 'kernel/io', 'kernel/io-memory'],
  ...['kernel/watcher', 'kernel/sockets', 'kernel/streams', 'kernel/files', 'kernel/addon-threads'],
  ...['epoll/epoll', 'epoll/arguments', 'epoll/async', 'epoll/socket', 'errors'],
  ...['kernel/ownership', 'server/thread-end', 'wasi/thread-end'],
  ...['shared/native', 'shared/threads', 'shared/topics', 'shared/queues', 'shared/store'],
  'shared/shares',
  ...['tls/rows', 'tls/openssl', 'tls/serve', 'tls/start-tls', 'tls/floods', 'tls/attacks'],
  ...['tls/later', 'tls/resuming', 'upstreams/tls-judging', 'upstreams/tls-serving'],
  ...['upstreams/tls-faults', 'upstreams/edges'],
  ...['protocols/echo', 'server/embedding', 'wire/closing', 'wire/integrity'],
  ...['wasi/files', 'wasi/memory', 'wasi/poll', 'wasi/streams', 'wasi/run', 'wasi/assemblyscript'],
];

function fail(message) {
  throw new Error(message);
}

/** The sanitizers' libraries: Node is not built with them, so they must be there before it starts. */
function libraries() {
  return ['libasan.so', 'libubsan.so'].map((name) => {
    const { status, stdout } = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
    if (status !== 0) fail('gcc not found (apt-get install g++)');
    // gcc repeats the bare name of a file that it does not have.
    const path = stdout.trim();
    if (!isAbsolute(path)) fail(`gcc has no ${name} (apt-get install libgcc-12-dev or its like)`);
    return path;
  });
}

function run(folder, command, args, env = {}) {
  const options = { cwd: folder, stdio: 'inherit', env: { ...process.env, ...env } };
  const { status, error } = spawnSync(command, args, options);
  if (error) fail(`${command}: ${error.message}`);
  return status ?? 1;
}

function copy(folder) {
  for (const name of readdirSync(root)) {
    if (['node_modules', '.git', 'dist', 'prebuilds', 'coverage'].includes(name)) continue;
    const filter = (source) => source !== join(root, 'native', 'build');
    cpSync(join(root, name), join(folder, name), { recursive: true, filter });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  // The dependencies are those of the checkout, and not to be installed from here.
  rmSync(join(folder, 'package-lock.json'), { force: true });
}

function build(folder) {
  const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node.h'));
  const options = ['--directory=native', ...(headers ? [`--nodedir=${prefix}`] : [])];
  const args = [gyp, 'rebuild', ...options, '--silent', '--', '-Dsanitize=1'];
  if (run(folder, process.execPath, args) !== 0) fail('the addon did not compile');
  const addon = readFileSync(join(folder, 'native', 'build', 'Release', 'wasmpoll.node'));
  if (!addon.includes('__asan_init')) fail('the addon is not instrumented');
  if (run(folder, process.execPath, ['scripts/ensure.mjs']) !== 0) fail('the build failed');
}

function test(folder, preload, files) {
  const ava = join('node_modules', 'ava', 'entrypoints', 'cli.mjs');
  const command = [process.execPath, ava, '--timeout=5m', ...files];
  // The sanitizer's shadow memory wants addresses that randomisation may have given away.
  const fixed = spawnSync('setarch', ['-R', 'true']).status === 0 ? ['setarch', '-R'] : [];
  const [program, ...args] = [...fixed, ...command];
  return run(folder, program, args, {
    LD_PRELOAD: preload.join(':'),
    // Node itself leaves memory to the end of the process.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  });
}

const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-asan-'));
try {
  const preload = libraries();
  copy(folder);
  build(folder);
  const named = process.argv.slice(2);
  const files = named.length > 0 ? named : TESTS.map((name) => `dist/test/${name}.test.js`);
  process.exitCode = test(folder, preload, files);
} catch (error) {
  process.stderr.write(`asan: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
