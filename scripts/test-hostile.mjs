// Runs the hostile cases: `npm run test:hostile [-- --modules N] [-- --long] [-- ava's options]`. N is how many
// random modules are tried, 150 if not said. The tests of the wire by TLS come last. With --long a machine is without threads for 30 s as well.

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const at = args.indexOf('--modules');
const [, modules = '150'] = at < 0 ? [] : args.splice(at, 2);
if (!/^[1-9]\d{0,5}$/.test(modules)) {
  process.stderr.write('test-hostile: --modules takes a number, for instance 1000\n');
  process.exit(2);
}

const atLong = args.indexOf('--long');
if (atLong >= 0) args.splice(atLong, 1);
const long = atLong < 0 ? {} : { HOSTILE_LONG: '1' };

const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const run = (file, more) => {
  const config = join(root, 'scripts', file);
  const { status } = spawnSync(process.execPath, [ava, '--config', config, ...more], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, HOSTILE_MODULES: modules, ...long },
  });
  return status ?? 1;
};
process.exitCode = run('ava-hostile.mjs', args);
// With options of ava, somebody wants something in particular.
if (process.exitCode === 0 && args.length === 0) process.exitCode = run('ava-wire-tls.mjs', []);
