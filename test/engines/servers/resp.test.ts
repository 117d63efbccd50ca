// The protocol `resp` beside redis-server: random commands get the same bytes from both, and programs that were
// written for Redis are served.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as redis from '@redis/client';
import test from 'ava';
import fc from 'fast-check';
import { harness } from '../../../host/testing/harness.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { bundledModule } from '../../helpers/guests.ts';
import { has } from '../../helpers/installed.ts';
import { startCli } from '../../helpers/process.ts';
import { type Command, encoded } from '../../helpers/resp.ts';

const LAST = ['ECHO', 'all was answered'];
const LAST_ANSWER = '$16\r\nall was answered\r\n';
/** Times of day differ between the two. */
const TIMES = /^:\d{9,13}\r$/gm;

const request = (commands: readonly Command[]): Buffer =>
  Buffer.from([...commands, LAST].map(encoded).join(''), 'latin1');

/** All that a server answers, up to the last answer. */
async function answers(socket: Socket, commands: readonly Command[]): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  socket.write(request(commands));
  while (!text.endsWith(LAST_ANSWER)) text += String((await once(socket, 'data'))[0]);
  return text;
}

/** The same from the guest, which gets the bytes in these pieces. */
async function ours(commands: readonly Command[], cuts: readonly number[]): Promise<string> {
  const network = await harness(bundledModule('resp'));
  const peer = network.connect();
  const bytes = request(commands);
  for (let [at, turn] = [0, 0]; at < bytes.length; turn += 1) {
    const length = cuts[turn % cuts.length]!;
    peer.send(bytes.subarray(at, at + length));
    at += length;
  }
  if (network.traps.length > 0) throw new Error(network.traps.join());
  return Buffer.from(peer.received()).toString('latin1');
}

const any = fc.constantFrom;
const key = any('a', 'b', 'c');
const limits = ['9223372036854775807', '-9223372036854775808'];
const value = fc.oneof(
  any('', '0', '1', '-1', '10', '007', '-0', 'hello world', ...limits),
  fc.string({ maxLength: 12 }),
);
const number = any('0', '1', '-1', '5', '100', '-3', 'x', '', '1.5', '01', '+1', ...limits);
// Nothing ends while a slow machine answers.
const digits = (most: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9]{1,${most}}$`));
const oddFloats = [
  'inf',
  '-Infinity',
  'nan',
  '',
  '+.5',
  '5.',
  '1e',
  ' 1',
  '1e4932',
  '-2e4932',
  '1e-4960',
];
const float = fc.oneof(
  fc.tuple(any('', '-', '+'), digits(19), digits(20)).map(([sign, a, b]) => `${sign}${a}.${b}`),
  fc.tuple(digits(30), fc.integer({ min: -40, max: 40 })).map(([a, power]) => `${a}e${power}`),
  fc.tuple(digits(90), fc.integer({ min: -4950, max: 4840 })).map(([a, power]) => `${a}E${power}`),
  any(...oddFloats, '0.1', '-0.1', '-0', '100', '3.0e3', '5e-18', '15e-18', '25e-18'),
);
const time = any('100000', '1000000', '0', '-1', 'x', '99999999', limits[0]!);
const unit = any('EX', 'PX', 'EXAT', 'PXAT', 'ex');

const shapes: readonly (readonly [string, ...fc.Arbitrary<string>[]])[] = [
  ...['GET', 'GETDEL', 'GETEX', 'STRLEN', 'INCR', 'DECR', 'DEL', 'EXISTS', 'TOUCH'].map(
    (name) => [name, key] as const,
  ),
  ...['TTL', 'EXPIRETIME', 'PERSIST', 'TYPE', 'MGET'].map((name) => [name, key] as const),
  ...['MGET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH'].map((name) => [name, key, key, key] as const),
  ...['SET', 'GETSET', 'SETNX', 'APPEND'].map((name) => [name, key, value] as const),
  ['SET', key, value, any('NX', 'XX', 'GET', 'KEEPTTL', 'nx', 'other')],
  ['SET', key, value, any('NX', 'XX'), any('GET', 'NX')],
  ['SET', key, value, unit, time],
  ['SET', key, value, unit, time, any('NX', 'XX', 'KEEPTTL', 'PX', 'GET')],
  ['SET', key, value, any('EX', 'KEEPTTL'), any('NX', 'XX')],
  ['GETEX', key, any('PERSIST', 'EX', 'other')],
  ['GETEX', key, unit, time],
  ['SETEX', key, time, value],
  ['PSETEX', key, time, value],
  ['INCRBYFLOAT', key, float],
  ['INCRBYFLOAT', key, any('0.1', '-0.1', '1e17', '100.3')],
  ['SET', key, float],
  ['GETRANGE', key, number, number],
  ['SETRANGE', key, any('0', '1', '5', '-1', 'x', '99999999999'), value],
  ['INCRBY', key, number],
  ['DECRBY', key, number],
  ...['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'].map((name) => [name, key, time] as const),
  ['EXPIRE', key, time, any('NX', 'XX', 'GT', 'LT', 'other')],
  ['EXPIRE', key, time, any('NX', 'GT', 'LT'), any('XX', 'GT', 'LT')],
  ['PUBLISH', key, value],
  ['PING'],
  ['PING', value],
  ['ECHO', value],
  ['SELECT', any('0', 'x')],
  ['CLIENT', any('GETNAME')],
  ['CLIENT', any('SETNAME'), any('me', 'a b', '')],
];

const wrong: readonly Command[] = [
  ...['GET', 'MGET', 'DEL', 'INCR', 'TTL', 'GETEX', 'CLIENT'].map((name) => [name]),
  ...[
    ['SET', 'a'],
    ['EXPIRE', 'a'],
    ['GETRANGE', 'a'],
    ['SETEX', 'a'],
    ['PING', 'a', 'b'],
  ],
  ...['PUBLISH', 'SUBSCRIBE', 'PSUBSCRIBE', 'INCRBYFLOAT'].map((name) => [name]),
  ...[['NOPE', 'a', 'b'], ['nope'], ['CLIENT', 'NOPE'], ['AUTH', 'x'], ['RESET']],
];

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.oneof(
      ...shapes.map(([name, ...rest]) => fc.tuple(any(name, name.toLowerCase()), ...rest)),
    ),
  },
  { weight: 1, arbitrary: any(...wrong) },
);

test.serial(
  'random commands, pipelined and in any pieces, get the answers that Redis gives',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const server = await EngineServer.redis(t);
    const socket = connect(server.port, '127.0.0.1');
    t.teardown(() => void socket.destroy());
    await once(socket, 'connect');
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
        async (commands, cuts) => {
          // RESET may have come before.
          const begin = [['FLUSHALL'], ['RESET'], ['CLIENT', 'SETNAME', '']];
          const theirs = await answers(socket, [...begin, ...commands]);
          const head = '+OK\r\n+RESET\r\n+OK\r\n';
          t.true(theirs.startsWith(head));
          compared += commands.length;
          const mine = await ours(commands, cuts);
          t.is(mine.replaceAll(TIMES, ':~\r'), theirs.slice(head.length).replaceAll(TIMES, ':~\r'));
        },
      ),
      { numRuns: 150 },
    );
    t.log(`${compared} commands`);
  },
);

test.serial(
  'redis-cli, redis-benchmark and @redis/client are served, by one and by two workers',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    for (const workers of ['1', '2']) {
      const server = await startCli(t, ['--listen', '127.0.0.1:0', '--workers', workers, 'resp']);
      const port = server.addresses[0]!.split(':')[1]!;
      const run = (program: string, ...args: string[]): string =>
        execFileSync(program, ['-p', port, ...args], { encoding: 'utf8', timeout: 60_000 });
      t.is(run('redis-cli', 'SET', 'k', 'v', 'EX', '100'), 'OK\n');
      t.is(run('redis-cli', 'TTL', 'k'), '100\n');
      t.regex(run('redis-cli', 'INCR', 'k'), /not an integer/);
      const bench = run('redis-benchmark', '-n', '4800', '-P', '16', '-q', '-t', 'set,get,incr');
      for (const name of ['SET', 'GET', 'INCR']) t.regex(bench, new RegExp(`${name}: \\d+`));
      t.is(run('redis-cli', 'GET', 'counter:__rand_int__'), '4800\n');

      const client = redis.createClient({ url: `redis://127.0.0.1:${port}` });
      await client.connect();
      const sums = await Promise.all(Array.from({ length: 200 }, () => client.incr('n')));
      t.deepEqual(
        sums,
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
      t.deepEqual(await client.mGet(['n', 'none', 'k']), ['200', null, 'v']);
      client.destroy();
      server.kill('SIGTERM');
      t.is((await server.exited).code, 0);
    }
  },
);

test.serial('what several clients add at once is all there, and no key is lost', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await startCli(t, ['--listen', '127.0.0.1:0', '--workers', '2', 'resp']);
  const port = server.addresses[0]!.split(':')[1]!;
  const clients = Array.from({ length: 8 }, () =>
    redis.createClient({ url: `redis://127.0.0.1:${port}` }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: 50 }, () => client.incrBy('sum', 3))),
  );
  t.is(await clients[0]!.get('sum'), '1200');
  for (const client of clients) client.destroy();
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
});

/** All that comes back until the server ends the connection. */
async function untilEnd(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    answer += part;
  });
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return answer;
}

const piece = fc.constantFrom(
  '"',
  "'",
  '\\',
  'x41',
  'xg',
  'n',
  ' ',
  '\t',
  'a',
  '"a b"',
  "'c'",
  '0',
);
const line = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

test.serial('lines of words mean what they mean to Redis', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 5 }), async (lines) => {
      const text = `${lines.map((words) => `ECHO ${words}\r\n`).join('')}QUIT\r\n`;
      const theirs = await untilEnd(server.port, text);
      const peer = (await harness(bundledModule('resp'))).connect();
      peer.send(text);
      t.is(Buffer.from(peer.received()).toString('latin1'), theirs);
      t.is(peer.state, 'ended');
    }),
    { numRuns: 120 },
  );
});
