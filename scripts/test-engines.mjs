// Runs the tests of engines against real servers and files: `npm run test:engines [-- ava's options]`. Installs
// redis-server, nats-server, mosquitto and haproxy with apt when they are missing, and from npm clients and a Node with
// node:sqlite. What cannot be had is said, and its tests are skipped.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, installPrograms } from './apt.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (line) => process.stderr.write(`wasmpoll: ${line}\n`);

const PROGRAMS = {
  'redis-server': 'redis-server',
  'nats-server': 'nats-server',
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  haproxy: 'haproxy',
  openssl: 'openssl',
};
const NODE = '22.23.3';
const NODE_FOLDER = join(root, 'node_modules', '.cache', `node-${NODE}`);
/** Clients that are not the project's own packages: so its lock file has only what developers need. */
const CLIENTS = { ioredis: '6.0.0', mqtt: '5.16.0' };
const INSTALL_MS = 300_000;

function installBeside(folder, name) {
  say(`npm install ${name}`);
  const options = ['--prefix', folder, '--no-save', '--no-audit', '--no-fund'];
  spawnSync('npm', ['install', ...options, name], { timeout: INSTALL_MS });
}

function installClient(name, version) {
  const folder = join(root, 'node_modules', '.cache', `${name}-${version}`);
  const installed = join(folder, 'node_modules', name, 'package.json');
  if (existsSync(installed)) return;
  installBeside(folder, `${name}@${version}`);
  if (!existsSync(installed)) say(`there is no ${name}@${version}`);
}

/** The path of a Node with node:sqlite: this one, or one from npm, whose packages are named by platform. */
function nodeWithSqlite() {
  if (isBuiltin('node:sqlite')) return process.execPath;
  const name = `node-linux-${process.arch}`;
  const node = join(NODE_FOLDER, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  installBeside(NODE_FOLDER, `${name}@${NODE}`);
  if (existsSync(node)) return node;
  say(`there is no ${name}@${NODE}`);
  return process.execPath;
}

function run(node, folder) {
  // Files may be named of which only one run has any.
  const named = process.argv.filter((word) => word.endsWith('.test.js'));
  if (named.length > 0 && !named.some((name) => name.includes(`/engines/${folder}/`))) return;
  const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
  const config = join(root, 'scripts', 'ava-engines.mjs');
  const { status } = spawnSync(node, [ava, '--config', config, ...process.argv.slice(2)], {
    cwd: root,
    env: { ...process.env, WASMPOLL_ENGINES: folder },
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

installPrograms(PROGRAMS);
if (spawnSync('/usr/bin/python3', ['-c', 'import paho.mqtt']).status !== 0) {
  installPackages(['python3-paho-mqtt']);
}
for (const [name, version] of Object.entries(CLIENTS)) installClient(name, version);
run(process.execPath, 'servers');
run(nodeWithSqlite(), 'sqlite');
