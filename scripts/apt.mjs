// Installs Debian's programs for tests that need real ones. What cannot be had is said; those tests are skipped.

import { spawnSync } from 'node:child_process';

const INSTALL_MS = 300_000;

const say = (line) => process.stderr.write(`wasmpoll: ${line}\n`);

/** Of `{ program: package }`, the packages of programs that are not there. */
const missing = (programs) => [
  ...new Set(
    Object.entries(programs)
      .filter(([program]) => spawnSync(program, ['--version']).error?.code === 'ENOENT')
      .map(([, name]) => name),
  ),
];

function apt(...args) {
  return spawnSync('apt-get', args, {
    // No service is started: a test starts its own.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    encoding: 'utf8',
    timeout: INSTALL_MS,
  });
}

/** Installs what is missing, if this is root and there is apt. */
export function installPrograms(programs) {
  const packages = missing(programs);
  if (packages.length === 0) return;
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid() !== 0) {
    say(`only root can do this: ${command}`);
    return;
  }
  say(command);
  const options = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  // The lists may be old, or not be there.
  if (apt(...options).status !== 0) {
    apt('update', '-qq');
    apt(...options);
  }
  if (missing(programs).length > 0) say(`this failed: ${command}`);
}
