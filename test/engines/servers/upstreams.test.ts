// Guests in front of redis-server: `proxy` passes every byte on, and `resp-cache` has many clients share a few
// connections. Programs that were written for Redis are served by both.

import { execFileSync } from 'node:child_process';
import * as redis from '@redis/client';
import test, { type ExecutionContext } from 'ava';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { has } from '../../helpers/installed.ts';
import { startCli } from '../../helpers/process.ts';

/** A guest in front of a Redis server of the test's own; null, and said, where there is none. */
async function fronting(t: ExecutionContext, guest: string, workers: number, ...sets: string[]) {
  if (!has(t, 'redis-server')) return null;
  const server = await EngineServer.redis(t);
  const args = [...sets, 'upstream=redis'].flatMap((set) => ['--set', set]);
  const front = await startCli(t, [
    ...['--listen', '127.0.0.1:0', '--workers', `${workers}`, ...args],
    ...['--upstream', `redis=127.0.0.1:${server.port}`, guest],
  ]);
  const port = Number(front.addresses[0]!.split(':')[1]);
  const run = (program: string, to: number, ...more: string[]): string =>
    execFileSync(program, ['-p', `${to}`, ...more], { encoding: 'utf8', timeout: 60_000 });
  return { server, front, port, run };
}

for (const workers of [1, 2]) {
  test.serial(`redis-benchmark runs through the proxy, with workers: ${workers}`, async (t) => {
    const place = await fronting(t, 'proxy', workers);
    if (place === null) return;
    const { run, port, server, front } = place;
    const bench = run(
      'redis-benchmark',
      port,
      '-n',
      '4000',
      '-P',
      '16',
      '-q',
      '-t',
      'set,get,lpush',
    );
    for (const name of ['SET', 'GET', 'LPUSH']) t.regex(bench, new RegExp(`${name}: \\d+`));
    t.is(run('redis-cli', server.port, 'LLEN', 'mylist'), '4000\n');
    t.is(run('redis-cli', port, 'PING'), 'PONG\n');
    front.kill('SIGTERM');
    t.is((await front.exited).code, 0);
  });

  test.serial(`redis-benchmark runs through resp-cache, with workers: ${workers}`, async (t) => {
    const place = await fronting(t, 'resp-cache', workers, 'lanes=2');
    if (place === null) return;
    const { run, port, server, front } = place;
    const before = Number(
      /connected_clients:(\d+)/.exec(run('redis-cli', server.port, 'INFO'))![1],
    );
    const bench = run(
      'redis-benchmark',
      port,
      '-n',
      '4800',
      '-P',
      '16',
      '-q',
      '-t',
      'set,get,incr',
    );
    for (const name of ['SET', 'GET', 'INCR']) t.regex(bench, new RegExp(`${name}: \\d+`));
    t.is(run('redis-cli', server.port, 'GET', 'counter:__rand_int__'), '4800\n');
    const after = Number(/connected_clients:(\d+)/.exec(run('redis-cli', server.port, 'INFO'))![1]);
    // 50 clients, and two connections for each worker.
    t.true(after - before <= 2 * workers, `${before} and ${after} connections`);

    const url = `redis://127.0.0.1:${port}`;
    const clients = Array.from({ length: 20 }, () => redis.createClient({ url, RESP: 2 }));
    await Promise.all(clients.map((client) => client.connect()));
    const sums = await Promise.all(
      clients.flatMap((client) => Array.from({ length: 20 }, () => client.incr('n'))),
    );
    t.deepEqual(
      sums.sort((a, b) => a - b),
      Array.from({ length: 400 }, (_, index) => index + 1),
    );
    t.is(await clients[0]!.get('n'), '400');
    for (const client of clients) client.destroy();
    front.kill('SIGTERM');
    t.is((await front.exited).code, 0);
  });
}

test.serial(
  'while Redis is away clients are told, and when it is back they are served',
  async (t) => {
    const place = await fronting(t, 'resp-cache', 1, 'ttl=0');
    if (place === null) return;
    const { run, port, server } = place;
    t.is(run('redis-cli', port, 'SET', 'k', 'v'), 'OK\n');
    await server.kill();
    t.regex(run('redis-cli', port, 'GET', 'k'), /ERR the upstream is gone/);
    await server.start();
    t.is(run('redis-cli', port, 'SET', 'k', 'again'), 'OK\n');
    t.is(run('redis-cli', port, 'GET', 'k'), 'again\n');
  },
);
