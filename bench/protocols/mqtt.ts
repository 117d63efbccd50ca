// The suite of MQTT: messages of 64 bytes from one to one, from one to a hundred, from a hundred to one, and from a
// thousand to a thousand on topics of their own, beside mosquitto and aedes. mqtt-load.ts is its load.

import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cli } from '../../test/helpers/process.ts';
import { Child, outputOf } from '../load/child.ts';
import { freePort, listening } from './listening.ts';
import type { Case, Contender, Pins, Running, Suite } from './suite.ts';

const SECONDS = 0.6;
const LOAD = fileURLToPath(new URL('./mqtt-load.js', import.meta.url));

interface Told {
  readonly messages: number;
  readonly windowNs: number;
  readonly serverNs: number;
}

const crowds = [
  [1, 1, 'one'],
  [1, 100, 'one'],
  [100, 1, 'one'],
  [1000, 1000, 'own'],
] as const;
/** A window in which a message did not come is none, whoever lost it, and is said on stderr. */
const TRIES = 4;

const cases: Case[] = [0, 1].flatMap((qos) =>
  crowds.map(([publishers, subscribers, topics]) => ({
    title: `QoS ${qos}, ${publishers} to ${subscribers}`,
    measure: async ({ child, port }, { load }) => {
      const words = [port, child.pid, publishers, subscribers, qos, SECONDS, topics].map(String);
      for (let tries = 1; ; tries += 1) {
        const running = new Child([...load, process.execPath, LOAD, ...words]);
        if ((await running.ended) !== 0 && tries < TRIES) {
          const server = readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim();
          console.error(
            `bench: ${server}: ${words.slice(2).join(' ')}: not all came; measured again`,
          );
          continue;
        }
        const { messages, windowNs, serverNs } = JSON.parse(await running.result()) as Told;
        return { processorNs: serverNs / messages, rate: (messages / windowNs) * 1e9 };
      }
    },
  })),
);

async function startMosquitto(pins: Pins): Promise<Running> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'wasmpoll-bench-'));
  const file = join(folder, 'mosquitto.conf');
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true'];
  // By default it drops what more than 1,000 messages wait in front of, with QoS 1 as well.
  lines.push('max_queued_messages 0', 'user root', 'log_dest stderr', '');
  writeFileSync(file, lines.join('\n'));
  const child = new Child([...pins.server, 'mosquitto', '-c', file]);
  await child.shows(/running/, 'stderr');
  return { child, port };
}

const mosquitto: Contender = {
  title: 'mosquitto',
  missing: async () =>
    (await outputOf(['sh', '-c', 'command -v mosquitto'])) === null
      ? 'apt-get install mosquitto'
      : null,
  start: startMosquitto,
};

const wasmpoll = (workers: number): Contender => ({
  title: `wasmpoll mqtt, workers: ${workers}`,
  missing: async () => null,
  start: ({ server }) => {
    const options = ['--log-level', 'error', '--listen', '127.0.0.1:0', '--workers', `${workers}`];
    return listening([...server, process.execPath, cli, ...options, 'mqtt']);
  },
});

const AEDES = '1.2.0';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(root, 'node_modules', '.cache', `aedes-${AEDES}`);
const main = join(folder, 'node_modules', 'aedes', 'aedes.js');

/** Not one of the project's own packages: its lock file has only what developers need. */
async function installAedes(): Promise<string | null> {
  if (existsSync(main)) return null;
  const options = ['--prefix', folder, '--no-save', '--no-audit', '--no-fund'];
  await outputOf(['npm', 'install', ...options, `aedes@${AEDES}`]);
  return existsSync(main) ? null : `npm has no aedes@${AEDES}`;
}

const aedes: Contender = {
  title: 'aedes',
  missing: installAedes,
  start: ({ server }) => {
    const program = join(root, 'bench', 'peers', 'aedes.mjs');
    return listening([...server, process.execPath, program, main]);
  },
};

export const mqttSuite: Suite = {
  name: 'mqtt',
  unit: 'message',
  contenders: [mosquitto, wasmpoll(1), wasmpoll(2), aedes],
  cases,
  mostTimes: 1,
};
