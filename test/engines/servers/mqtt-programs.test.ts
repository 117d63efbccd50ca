// Programs that were written for MQTT, served by the protocol `mqtt`: mosquitto's, Eclipse Paho and npm's mqtt.

import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { Certificates } from '../../helpers/certificates.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { has, startProgram } from '../../helpers/installed.ts';
import { MqttClient } from '../../helpers/mqtt-client.ts';
import { type Running, runNode, startCli, works } from '../../helpers/process.ts';

const broker = (t: ExecutionContext, ...more: string[]): Promise<Running> =>
  startCli(t, ['mqtt', '--listen', '127.0.0.1:0', ...more]);

async function ended(t: ExecutionContext, server: Running): Promise<void> {
  server.kill('SIGTERM');
  t.deepEqual([(await server.exited).code, server.stderr], [0, '']);
}

for (const workers of ['1', '2']) {
  for (const version of ['31', '311', '5']) {
    test.serial(`mosquitto's clients, version ${version}, ${workers} workers`, async (t) => {
      if (!has(t, 'mosquitto_pub', 'mosquitto-clients')) return;
      const server = await broker(t, '--workers', workers);
      const common = ['-p', `${server.port}`, '-V', version];
      const publish = async (...args: string[]): Promise<void> => {
        const { code } = await startProgram(t, 'mosquitto_pub', [...common, ...args]).exited;
        t.is(code, 0, args.join(' '));
      };
      // What is retained says that the subscription is there.
      await publish('-t', 'm/ready', '-m', 'yes', '-q', '1', '-r');
      const args = ['-i', 'sub', '-t', 'm/#', '-q', '2', '-C', '5', '-F', '%t %q %r %p'];
      const sub = startProgram(t, 'mosquitto_sub', [...common, ...args]);
      await sub.written('stdout', /ready/);
      for (const qos of ['0', '1', '2'])
        await publish('-t', `m/${qos}`, '-m', `q${qos}`, '-q', qos);
      await publish('-t', 'm/ready', '-r', '-n');
      t.is((await sub.exited).code, 0);
      const lines = [
        'm/ready 1 1 yes',
        'm/0 0 0 q0',
        'm/1 1 0 q1',
        'm/2 2 0 q2',
        'm/ready 0 0 ',
        '',
      ];
      // A client shows a message of QoS 2 only when it is released.
      t.deepEqual(sub.stdout.split('\n').sort(), lines.sort());

      const echo = await MqttClient.open(server.port, 'echo', {});
      await echo.subscribe('ask', 1);
      const rr = ['-t', 'ask', '-e', 'answer', '-m', 'how are you?', '-q', '1'];
      const asks = startProgram(t, 'mosquitto_rr', [...common, ...rr]);
      await echo.until((line) => line === 'ask q1: how are you?');
      await echo.publish('answer', 'well', { qos: 1 });
      t.is((await asks.exited).code, 0);
      t.is(asks.stdout, 'well\n');
      await ended(t, server);
    });
  }
}

const paho = fileURLToPath(new URL('../../../../test/python/paho_client.py', import.meta.url));

test.serial('Eclipse Paho, all versions', async (t) => {
  if (!works('/usr/bin/python3', '-c', 'import paho.mqtt.client')) {
    t.log('skipped: there is no paho (apt-get install python3-paho-mqtt)');
    t.pass();
    return;
  }
  const server = await broker(t, '--workers', '2');
  for (const version of ['3', '4', '5']) {
    const client = startProgram(t, '/usr/bin/python3', [paho, `${server.port}`, version]);
    await client.exited;
    t.deepEqual([client.stdout, client.stderr], ['all came\n', ''], version);
  }
  await ended(t, server);
});

/** As far as it is used here. */
interface Mqtt {
  connectAsync(url: string, options: { protocolVersion: number }): Promise<Connected>;
}
interface Connected {
  on(event: 'message', listener: (topic: string, payload: Buffer) => void): void;
  subscribeAsync(filter: string, options: { qos: number }): Promise<unknown>;
  publishAsync(topic: string, payload: string, options: { qos: number }): Promise<unknown>;
  endAsync(): Promise<void>;
}

// scripts/test-engines.mjs installs it.
const npm = fileURLToPath(new URL('../../../../node_modules/.cache/mqtt-5.16.0/', import.meta.url));
const module = `${npm}node_modules/mqtt/build/index.js`;

test.serial("npm's mqtt, with a thousand messages of QoS 2 at once", async (t) => {
  if (!existsSync(module)) {
    t.log('skipped: npm run test:engines installs mqtt 5.16.0');
    t.pass();
    return;
  }
  const { default: mqtt } = (await import(pathToFileURL(module).href)) as { default: Mqtt };
  const server = await broker(t, '--workers', '2');
  for (const protocolVersion of [4, 5]) {
    const url = `mqtt://127.0.0.1:${server.port}`;
    const [from, to] = await Promise.all([
      mqtt.connectAsync(url, { protocolVersion }),
      mqtt.connectAsync(url, { protocolVersion }),
    ]);
    const numbers = Array.from({ length: 1000 }, (_, number) => `${number}`);
    const got: string[] = [];
    await to.subscribeAsync('n/+', { qos: 2 });
    const all = new Promise<void>((resolve) => {
      to.on('message', (_, payload) => {
        if (got.push(payload.toString()) === numbers.length) resolve();
      });
    });
    await Promise.all(numbers.map((number) => from.publishAsync('n/x', number, { qos: 2 })));
    await all;
    t.deepEqual(got, numbers);
    await Promise.all([from.endAsync(), to.endAsync()]);
  }
  await ended(t, server);
});

test.serial("mosquitto's clients over TLS, with a user", async (t) => {
  if (!has(t, 'mosquitto_pub', 'mosquitto-clients')) return;
  const { certFile, keyFile } = new Certificates(t).make('localhost');
  const server = await startCli(t, [
    ...['mqtt', '--listen', `tls://127.0.0.1:0?cert=${certFile}&key=${keyFile}`],
    ...['--set', 'user=ann:secret', '--set', 'allow=ann all mine/#'],
  ]);
  const port = /:(\d+)/.exec(server.address)![1]!;
  const common = ['-p', port, '--cafile', certFile, '-V', '5', '-u', 'ann', '-q', '1'];
  const run = async (program: string, ...args: string[]): Promise<Running> => {
    const running = startProgram(t, program, [...common, ...args]);
    await running.exited;
    return running;
  };
  const published = await run('mosquitto_pub', '-P', 'secret', '-t', 'mine/a', '-m', 'kept', '-r');
  t.is(published.stderr, '');
  const got = await run('mosquitto_sub', '-P', 'secret', '-t', 'mine/#', '-C', '1');
  t.deepEqual([got.stdout, got.stderr], ['kept\n', '']);
  const wrong = await run('mosquitto_pub', '-P', 'wrong', '-t', 'mine/a', '-m', 'x');
  t.regex(wrong.stderr, /Bad (?:User Name|user name) or [Pp]assword|not auth/i);
  const other = await run('mosquitto_sub', '-P', 'secret', '-t', 'other', '-C', '1', '-W', '5');
  t.regex(other.stderr, /denied/);
  await ended(t, server);
});

test.serial(
  'those who share a subscription, over two workers, are given each message once',
  async (t) => {
    const server = await broker(t, '--workers', '2');
    const names = ['a', 'b', 'c', 'd'];
    const clients = await Promise.all(
      names.map((name) => MqttClient.open(server.port, name, { level: 5 })),
    );
    for (const client of clients) await client.subscribe('$share/g/jobs/+', 1);
    const from = await MqttClient.open(server.port, 'from', {});
    for (let i = 0; i < 200; i += 1) await from.publish('jobs/x', `${i}`, { qos: 1 });
    await from.publish('jobs/x', 'last', { qos: 1 });
    const jobs = (client: MqttClient): string[] => client.came.filter((line) => /^jobs/.test(line));
    const count = (): number => clients.reduce((sum, client) => sum + jobs(client).length, 0);
    while (count() < 201) await Promise.race(clients.map((client) => client.more()));
    const all = clients.flatMap(jobs);
    t.is(new Set(all).size, 201);
    for (const client of clients) t.true(jobs(client).length >= 50);
    await ended(t, server);
  },
);

test.serial('the load of the bench counts what it was given', async (t) => {
  const server = await broker(t);
  const load = fileURLToPath(new URL('../../../bench/protocols/mqtt-load.js', import.meta.url));
  for (const qos of ['0', '1']) {
    const words = [`${server.port}`, `${server.pid}`, '2', '3', qos, '0.1'];
    const { stdout, code } = await runNode([load, ...words]);
    t.is(code, 0);
    const told = JSON.parse(stdout) as Record<string, number>;
    t.true(told.messages! > 0 && told.messages! % 60 === 0 && told.serverNs! > 0);
  }
  await ended(t, server);
});

test.serial('two processes are one broker by NATS', async (t) => {
  if (!has(t, 'nats-server')) return;
  const nats = await EngineServer.nats(t);
  const topics = ['--topics', `nats://127.0.0.1:${nats.port}`];
  const [one, two] = [await broker(t, ...topics), await broker(t, ...topics)];
  const old = await MqttClient.open(one.port, 'same', { level: 5 });
  await old.subscribe('a/#', 2);
  const from = await MqttClient.open(two.port, 'from', { level: 5 });
  await from.publish('a/b', 'over there', { qos: 2, properties: [['user', 'k=v']] });
  await old.until((line) => line === 'a/b q2 {user:k=v}: over there');
  const next = await MqttClient.open(two.port, 'same', { level: 5 });
  await old.ended();
  t.regex(old.came.at(-1)!, /^disconnect 0x8e/);
  t.false(next.closed);
  await ended(t, one);
  await ended(t, two);
});
