// Runs the tests of operations beside real programs: `npm run test:operations [-- ava's options]`. Installs
// proxies, monitors and a browser with apt when they are missing. What cannot be had is said, and its tests are
// skipped.

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPrograms } from './apt.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

installPrograms({
  chromium: 'chromium',
  'gnutls-cli': 'gnutls-bin',
  haproxy: 'haproxy',
  logrotate: 'logrotate',
  nginx: 'nginx',
  // No program, but there or not there all the same.
  '/usr/lib/nginx/modules/ngx_stream_module.so': 'libnginx-mod-stream',
  nmap: 'nmap',
  promtool: 'prometheus',
  sslscan: 'sslscan',
  'systemd-analyze': 'systemd',
});
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const config = join(root, 'scripts', 'ava-operations.mjs');
const args = [ava, '--config', config, ...process.argv.slice(2)];
// What only root can start, /usr/sbin, is not in everybody's path.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
process.exitCode = status ?? 1;
