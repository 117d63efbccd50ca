// Installs Debian's packages for tests that need real programs, and says what cannot be had.

import { spawnSync } from 'node:child_process';

// A browser is 100 MB; apt that is ended in the middle leaves a half for dpkg.
const INSTALL_MS = 900_000;
// Another apt may be at work, and a mirror may fail once.
const PATIENT = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];

const say = (line) => process.stderr.write(`wasmpoll: ${line}\n`);

/** Of `{ program: package }`, the packages of programs that are not there. */
const missing = (programs) => [
  ...new Set(
    Object.entries(programs)
      .filter(([program]) => spawnSync(program, ['--version']).error?.code === 'ENOENT')
      .map(([, name]) => name),
  ),
];

function run(command, ...args) {
  return spawnSync(command, args, {
    // No service is started: a test starts its own.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    encoding: 'utf8',
    timeout: INSTALL_MS,
  });
}

/** @returns why it failed, in a line; empty if it did not */
function install(...packages) {
  const options = ['-y', '-qq', '--no-install-recommends', ...PATIENT];
  const { status, error, stderr } = run('apt-get', 'install', ...options, ...packages);
  if (status === 0) return '';
  return error?.message ?? stderr.trim().split('\n').at(-1);
}

/** Installs packages, if this is root and there is apt. One that cannot be had does not keep others away. */
export function installPackages(packages) {
  if (packages.length === 0) return;
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid() !== 0) {
    say(`only root can do this: ${command}`);
    return;
  }
  say(command);
  if (install(...packages) === '') return;
  // The lists may be old, or not be there; and an earlier installation may have been cut off.
  run('apt-get', 'update', '-qq', ...PATIENT);
  run('dpkg', '--configure', '-a');
  if (install(...packages) === '') return;
  for (const name of packages) {
    const why = install(name);
    if (why !== '') say(`apt-get install ${name}: ${why}`);
  }
}

/** Installs the packages of what is missing of `{ program: package }`. */
export function installPrograms(programs) {
  installPackages(missing(programs));
  const still = missing(programs);
  if (still.length > 0) say(`not there, so its tests are skipped: ${still.join(', ')}`);
}
