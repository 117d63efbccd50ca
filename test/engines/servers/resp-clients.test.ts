// The protocol `resp` as it is deployed: by TLS, in front of a real Redis, and with ioredis.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as redis from '@redis/client';
import test from 'ava';
import fc from 'fast-check';
import { Certificates } from '../../helpers/certificates.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { has } from '../../helpers/installed.ts';
import { type Running, startCli } from '../../helpers/process.ts';
import { type Command, RespClient } from '../../helpers/resp.ts';

const portOf = (server: Running): number => Number(/:(\d+)$/.exec(server.addresses[0]!)![1]);

test.serial('redis-cli and @redis/client are served by TLS', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { certFile, keyFile } = new Certificates(t).make('localhost');
  const address = `tls://127.0.0.1:0?cert=${certFile}&key=${keyFile}`;
  const server = await startCli(t, ['--listen', address, '--set', 'password=secret', 'resp']);
  const port = portOf(server);
  const ask = (...command: string[]): string =>
    execFileSync(
      'redis-cli',
      [
        '--tls',
        '--cacert',
        certFile,
        '-h',
        '127.0.0.1',
        '-p',
        `${port}`,
        '-a',
        'secret',
        ...command,
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 },
    );
  t.is(ask('SET', 'key', 'x'.repeat(50_000)), 'OK\n');
  t.is(ask('STRLEN', 'key'), '50000\n');
  const client = redis.createClient({
    url: `rediss://default:secret@127.0.0.1:${port}`,
    socket: { tls: true, ca: readFileSync(certFile), servername: 'localhost' },
  });
  await client.connect();
  t.teardown(() => client.destroy());
  t.is(await client.get('key'), 'x'.repeat(50_000));
  t.is(await client.incrByFloat('sum', 0.5), '0.5');
});

const any = fc.constantFrom;
const key = any('a', 'b', 'c');
const value = any('', '1', '-7', 'hello', 'x'.repeat(3000), '1.5');
const commands: fc.Arbitrary<Command> = fc.oneof(
  ...['GET', 'STRLEN', 'INCR', 'DEL', 'TTL', 'TYPE', 'PERSIST', 'GETDEL', 'EXISTS'].map((name) =>
    fc.tuple(any(name), key),
  ),
  ...['SET', 'APPEND', 'GETSET', 'SETNX'].map((name) => fc.tuple(any(name), key, value)),
  fc.tuple(any('MGET', 'DEL', 'EXISTS'), key, key, key),
  fc.tuple(any('SET'), key, value, any('NX', 'XX', 'GET', 'KEEPTTL')),
  fc.tuple(any('SET'), key, value, any('EX'), any('1000', '0')),
  fc.tuple(any('SET'), key, value, any('PXAT'), any('1000'), any('GET')),
  fc.tuple(any('EXPIRE'), key, any('100000', '-1')),
  fc.tuple(any('INCRBYFLOAT'), key, any('0.1', '1e3', 'x')),
  fc.tuple(any('SETRANGE'), key, any('0', '5'), value),
  fc.tuple(any('GETRANGE'), key, any('0', '-3'), any('2', '-1')),
);

test.serial(
  'in front of a real Redis random commands get the answers that Redis gives',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const [behind, beside] = [await EngineServer.redis(t), await EngineServer.redis(t)];
    const store = `redis://127.0.0.1:${behind.port}?service=cache`;
    const front = await startCli(t, ['--listen', '127.0.0.1:0', '--store', store, 'resp']);
    const ours = await RespClient.to(portOf(front));
    const theirs = await RespClient.to(beside.port);
    let compared = 0;
    const sequences = fc.array(commands, { minLength: 10, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sequences, async (sequence) => {
        const answers = [ours, theirs].map((client) => {
          client.send(['DEL', 'a', 'b', 'c'], ['PING', 'begin'], ...sequence, ['PING', 'end']);
          return client.until('$5\r\nbegin\r\n').then(() => client.until('$3\r\nend\r\n'));
        });
        compared += sequence.length;
        t.is(await answers[0], await answers[1]!);
      }),
      { numRuns: 40 },
    );
    t.log(`${compared} commands`);
    ours.send(['SET', 'kept', 'there'], ['PING', 'end']);
    await ours.until('$3\r\nend\r\n');
    t.regex(behind.cli('KEYS', '*'), /kept/);
    for (const client of [ours, theirs]) client.destroy();
  },
);

/** What is used here of ioredis, which scripts/test-engines.mjs installs. */
interface IoRedis {
  set(key: string, value: string, ...options: (string | number)[]): Promise<string>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
  mget(...keys: string[]): Promise<(string | null)[]>;
  subscribe(...channels: string[]): Promise<number>;
  psubscribe(...patterns: string[]): Promise<number>;
  publish(channel: string, message: string): Promise<number>;
  on(event: string, listener: (...args: string[]) => void): void;
  disconnect(): void;
}

const folder = new URL('../../../../node_modules/.cache/ioredis-6.0.0/', import.meta.url);
const entry = fileURLToPath(new URL('node_modules/ioredis/built/index.js', folder));

test.serial('ioredis is served: keys, pipelines, channels and patterns', async (t) => {
  if (!existsSync(entry)) {
    t.log('skipped: there is no ioredis (scripts/test-engines.mjs installs it)');
    t.pass();
    return;
  }
  const { Redis } = (await import(pathToFileURL(entry).href)) as {
    Redis: new (port: number, options: object) => IoRedis;
  };
  const server = await startCli(t, ['--listen', '127.0.0.1:0', '--workers', '2', 'resp']);
  const make = (): IoRedis => {
    const client = new Redis(portOf(server), { host: '127.0.0.1', enableAutoPipelining: true });
    t.teardown(() => client.disconnect());
    return client;
  };
  const [client, listener] = [make(), make()];
  t.is(await client.set('key', 'value', 'EX', 100), 'OK');
  const sums = await Promise.all(Array.from({ length: 100 }, () => client.incr('n')));
  t.is(sums.at(-1), 100);
  t.deepEqual(await client.mget('key', 'none'), ['value', null]);
  const heard: string[] = [];
  const both = new Promise<void>((resolve) => {
    const note = (...words: string[]): void => {
      heard.push(words.join(' '));
      if (heard.length === 2) resolve();
    };
    listener.on('message', note);
    listener.on('pmessage', note);
  });
  t.is(await listener.subscribe('room'), 1);
  t.is(await listener.psubscribe('news.*'), 2);
  await client.publish('room', 'hello');
  await client.publish('news.art', 'museum');
  await both;
  t.deepEqual(heard, ['room hello', 'news.* news.art museum']);
});
