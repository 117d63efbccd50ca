// The Redis store against a real server: what each operation does, and what is answered when the server is
// killed, stopped, full, or forgets its scripts.

import { readFileSync } from 'node:fs';
import * as redis from '@redis/client';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  STATUS_ABSENT,
  STATUS_CONFLICT,
  STATUS_LIMIT,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../../assembly/abi.ts';
import { parseStore, type ServerAddress } from '../../../host/engines/address.ts';
import { RedisBus } from '../../../host/engines/redis/bus.ts';
import { RedisStore } from '../../../host/engines/redis/store.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { statusOf, Watch } from '../../helpers/engine-watch.ts';
import { has } from '../../helpers/installed.ts';
import { Differential, operations } from '../../helpers/store-differential.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
const version = (number: number): Uint8Array => Uint8Array.of(number, 0, 0, 0, 0, 0, 0, 1);
const ABSENT = new Uint8Array(8);

interface Setting {
  readonly store: RedisStore;
  readonly server: EngineServer;
  readonly watch: Watch;
}

async function setting(
  t: ExecutionContext,
  limitMs = 20_000,
  ...extra: string[]
): Promise<Setting> {
  const server = await EngineServer.redis(t, ...extra);
  const address = parseStore(`redis://127.0.0.1:${server.port}`, 'store') as ServerAddress;
  const watch = new Watch();
  const store = new RedisStore(redis, address, limitMs, watch);
  t.teardown(() => store.close());
  const up = watch.next('up');
  await store.start();
  await up;
  watch.reasons.length = 0;
  return { store, server, watch };
}

test.serial('a value is there with its version until it is deleted', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store } = await setting(t);
  const key = bytes('k\0ey');
  t.is(await store.get(key), null);
  await store.put(key, bytes('va\r\nlue\0'), version(1), null, 0);
  const found = await store.get(key);
  t.is(text(found?.value), 'va\r\nlue\0');
  t.deepEqual(Uint8Array.from(found!.version), version(1));
  await store.delete(key, null);
  t.is(await store.get(key), null);
  t.is(await statusOf(store.delete(key, null)), STATUS_ABSENT);
});

test.serial(
  'a version that is expected decides, and eight zeros mean that there must be none',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const { store } = await setting(t);
    const key = bytes('k');
    t.is(await statusOf(store.put(key, bytes('1'), version(1), version(9), 0)), STATUS_CONFLICT);
    await store.put(key, bytes('1'), version(1), ABSENT, 0);
    t.is(await statusOf(store.put(key, bytes('2'), version(2), ABSENT, 0)), STATUS_CONFLICT);
    await store.put(key, bytes('2'), version(2), version(1), 0);
    t.is(await statusOf(store.put(key, bytes('3'), version(3), version(1), 0)), STATUS_CONFLICT);
    t.is(await statusOf(store.delete(key, version(1))), STATUS_CONFLICT);
    t.is(text((await store.get(key))?.value), '2');
    await store.delete(key, version(2));
    t.is(await statusOf(store.delete(key, version(2))), STATUS_ABSENT);
  },
);

test.serial('random operations give the same answers as the store in process', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store } = await setting(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(operations, async (all) => {
      runs += 1;
      const differential = new Differential(store, runs);
      await differential.clear();
      const [expected, answered] = await differential.run(all);
      t.deepEqual(answered, expected);
    }),
    { numRuns: 300 },
  );
});

test.serial('a time to live is that of the put, and of the add that finds nothing', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store, server } = await setting(t);
  const left = (key: string): number => Number(server.cli('PTTL', `wasmpoll:${key}`));
  await store.put(bytes('a'), bytes('1'), version(1), null, 60_000);
  t.true(left('a') > 0);
  await store.put(bytes('a'), bytes('1'), version(2), version(1), 3_600_000);
  t.true(left('a') > 60_000);
  await store.add(bytes('a'), 1, version(3), 1);
  t.true(left('a') > 60_000);
  await store.put(bytes('a'), bytes('1'), version(4), version(3), 0);
  t.is(left('a'), -1);
  await store.add(bytes('b'), 1, version(5), 60_000);
  t.true(left('b') > 0);
  await store.put(bytes('c'), bytes(''), version(6), ABSENT, 60_000);
  t.true(left('c') > 0);
});

test.serial('a full server is LIMIT, and gives what it has', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store, server } = await setting(t);
  await store.put(bytes('n'), bytes('1'), version(1), null, 0);
  server.cli('CONFIG', 'SET', 'maxmemory', '1');
  t.is(await statusOf(store.put(bytes('a'), bytes('1'), version(2), null, 0)), STATUS_LIMIT);
  t.is(await statusOf(store.put(bytes('a'), bytes('1'), version(2), ABSENT, 0)), STATUS_LIMIT);
  t.is(await statusOf(store.put(bytes('n'), bytes('1'), version(2), version(1), 0)), STATUS_LIMIT);
  t.is(await statusOf(store.add(bytes('n'), 1, version(2), 0)), STATUS_LIMIT);
  t.is(text((await store.get(bytes('n')))?.value), '1');
  await store.delete(bytes('n'), version(1));
  t.true(store.state.connected);
});

test.serial('what the server refuses has not happened', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store, server } = await setting(t);
  server.cli('LPUSH', 'wasmpoll:list', 'x');
  server.cli('SET', 'wasmpoll:short', 'x');
  t.is(await statusOf(store.get(bytes('list'))), STATUS_UNAVAILABLE);
  t.is(await statusOf(store.get(bytes('short'))), STATUS_UNAVAILABLE);
  t.is(await statusOf(store.add(bytes('list'), 1, version(1), 0)), STATUS_UNAVAILABLE);
  t.true(store.state.connected);
});

test.serial(
  'the operations of a key stay in order while the server forgets its scripts',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const { store, server } = await setting(t);
    const admin = await redis.createClient({ socket: { port: server.port } }).connect();
    t.teardown(() => admin.destroy());
    let [sum, refused] = [0, 0];
    for (let round = 0; round < 100; round += 1) {
      const flushed = admin.sendCommand(['SCRIPT', 'FLUSH']);
      const asked = Array.from({ length: 10 }, (_, at) => [
        store.add(bytes('n'), 1, version(at + 1), 0).catch((error: unknown) => error),
        store.get(bytes('n')),
      ]);
      for (const pair of asked) {
        const [added, found] = (await Promise.all(pair)) as [unknown, { value: Uint8Array } | null];
        if (typeof added === 'number') {
          sum += 1;
          t.is(added, sum);
        } else {
          t.is((added as { status: number }).status, STATUS_UNAVAILABLE);
          refused += 1;
        }
        t.is(text(found?.value), sum === 0 ? '' : String(sum));
      }
      await flushed;
      // Nothing else is on its way: it is performed.
      sum += 1;
      t.is(await store.add(bytes('n'), 1, version(1), 0), sum);
    }
    t.log(`${refused} of 1000 refused`);
  },
);

test.serial(
  'twenty thousand keys are changed in time though the server has forgotten its scripts',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const { store, server } = await setting(t, 60_000);
    server.cli('SCRIPT', 'FLUSH');
    const asked = Array.from({ length: 20_000 }, (_, at) =>
      store.add(bytes(String(at)), 1, version(1), 0),
    );
    t.true((await Promise.all(asked)).every((sum) => sum === 1));
  },
);

test.serial(
  'a server that is killed leaves what was sent UNKNOWN, and is found again',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const { store, server, watch } = await setting(t);
    server.stop();
    const sent = [
      statusOf(store.put(bytes('a'), bytes('1'), version(1), null, 0)),
      statusOf(store.add(bytes('b'), 1, version(2), 0)),
      statusOf(store.delete(bytes('c'), null)),
      statusOf(store.get(bytes('a'))),
    ];
    const down = watch.next('down');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await server.kill();
    await down;
    t.deepEqual(await Promise.all(sent), [
      ...[STATUS_UNKNOWN, STATUS_UNKNOWN, STATUS_UNKNOWN],
      STATUS_UNAVAILABLE,
    ]);
    t.false(store.state.connected);
    const now = store.put(bytes('a'), bytes('1'), version(3), null, 0);
    t.is(await statusOf(now), STATUS_UNAVAILABLE);
    const up = watch.next('up');
    await server.start();
    await up;
    t.deepEqual(store.state, { connected: true, reconnects: 1 });
    await store.put(bytes('a'), bytes('2'), version(4), null, 0);
    t.is(text((await store.get(bytes('a')))?.value), '2');
  },
);

test.serial('a server that stands still makes nobody wait longer than the limit', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store, server, watch } = await setting(t, 1500);
  server.stop();
  const down = watch.next('down');
  const late = Array.from({ length: 50 }, (_, at) =>
    statusOf(store.add(bytes(`k${at}`), 1, version(at + 1), 0)),
  );
  t.deepEqual(new Set(await Promise.all(late)), new Set([STATUS_UNKNOWN]));
  await down;
  t.is(watch.reasons[0], 'no answer within 1500 ms');
  t.is(await statusOf(store.add(bytes('k'), 1, version(1), 0)), STATUS_UNAVAILABLE);
  // A connection that is accepted by the kernel alone is not taken for one.
  await watch.next('down');
  t.false(store.state.connected);
  const up = watch.next('up');
  server.signal('SIGCONT');
  await up;
  t.is(await store.add(bytes('k'), 1, version(1), 0), 1);
});

test.serial('a silent server is noticed though nobody asks anything', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { server, watch } = await setting(t, 1500);
  server.stop();
  await watch.next('down');
  server.signal('SIGCONT');
  await watch.next('up');
  t.pass();
});

test.serial('an addition happens at most once, however often the connection is cut', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store, server, watch } = await setting(t);
  const admin = await redis.createClient({ socket: { port: server.port } }).connect();
  t.teardown(() => admin.destroy());
  const counts = { done: 0, unknown: 0, unavailable: 0 };
  let rounds = 0;
  // Whether a cut hits what is on its way is a matter of luck.
  for (; rounds < 40 || (counts.unknown === 0 && rounds < 400); rounds += 1) {
    const asked = Array.from({ length: 100 }, (_, at) =>
      statusOf(store.add(bytes('n'), 1, version(at + 1), 0)),
    );
    if (rounds % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    const cut = admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    for (const status of await Promise.all(asked)) {
      if (status === 0) counts.done += 1;
      else if (status === STATUS_UNKNOWN) counts.unknown += 1;
      else counts.unavailable += 1;
    }
    await cut;
    // The connection may still stand when the server says that it is cut.
    while ((await statusOf(store.get(bytes('n')))) !== 0) await watch.next('up');
  }
  const total = await store.add(bytes('n'), 0, version(1), 0);
  t.log(counts, total);
  t.is(counts.done + counts.unknown + counts.unavailable, rounds * 100);
  t.true(total >= counts.done && total <= counts.done + counts.unknown);
  t.true(counts.unknown > 0);
});

test.serial('a server that is not there yet is found when it comes', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  await server.kill();
  const address = parseStore(`redis://127.0.0.1:${server.port}`, 'store') as ServerAddress;
  const watch = new Watch();
  const store = new RedisStore(redis, address, 20_000, watch);
  t.teardown(() => store.close());
  await store.start();
  t.deepEqual(store.state, { connected: false, reconnects: 0 });
  t.is(await statusOf(store.get(bytes('k'))), STATUS_UNAVAILABLE);
  const up = watch.next('up');
  await server.start();
  await up;
  t.is(await store.get(bytes('k')), null);
  t.deepEqual(store.state, { connected: true, reconnects: 0 });
});

test.serial('a wrong password is told, and not shown', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t, '--requirepass', 'right');
  const connectWith = async (userinfo: string): Promise<Watch> => {
    const url = `redis://${userinfo}127.0.0.1:${server.port}/2?service=shop`;
    const watch = new Watch();
    const address = parseStore(url, 'store') as ServerAddress;
    const store = new RedisStore(redis, address, 20_000, watch);
    t.teardown(() => store.close());
    await store.start();
    if (store.state.connected) await store.put(bytes('k'), bytes('v'), version(1), null, 0);
    return watch;
  };
  const wrong = await connectWith(':sesame-street@');
  t.regex(wrong.reasons[0]!, /WRONGPASS/);
  t.notRegex(wrong.reasons.join(), /sesame/);
  t.regex((await connectWith('')).reasons[0]!, /NOAUTH/);
  t.deepEqual((await connectWith(':right@')).reasons, []);
  t.regex(server.cli('-a', 'right', '--no-auth-warning', '-n', '2', 'KEYS', '*'), /^shop:k$/m);
});

test.serial('a user with the rights that docs/operations.md names has enough', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  const page = new URL('../../../../docs/operations.md', import.meta.url);
  const [, keys, channel, commands = ''] =
    /few rights\s+needs `([^`]+)`, `([^`]+)`, and the commands ([^.]+)\./.exec(
      readFileSync(page, 'utf8'),
    )!;
  const allowed = commands
    .replaceAll(/\s+/g, ' ')
    .split(/, | and /)
    .map((command) => `+${command.toLowerCase().replace(' ', '|')}`);
  server.cli(
    'ACL',
    'SETUSER',
    'shop',
    'on',
    '>pw',
    'resetkeys',
    keys!,
    'resetchannels',
    channel!,
    ...allowed,
  );
  const watch = new Watch();
  const url = `redis://shop:pw@127.0.0.1:${server.port}/1?service=shop`;
  const address = parseStore(url, 'store') as ServerAddress;
  const store = new RedisStore(redis, address, 20_000, watch);
  const bus = new RedisBus(redis, address, 20_000, 1 << 20, watch);
  t.teardown(() => Promise.all([store.close(), bus.close()]));
  const ignore = (): void => undefined;
  await store.start();
  await bus.start({ frame: ignore, gap: ignore, ready: ignore, lost: () => t.fail() });
  t.true(bus.publish(Buffer.from('frame')));
  await store.put(bytes('k'), bytes('1'), version(1), ABSENT, 0);
  await store.put(bytes('k'), bytes('1'), version(2), version(1), 60_000);
  await store.add(bytes('n'), 1, version(3), 60_000);
  server.cli('SCRIPT', 'FLUSH');
  await store.add(bytes('n'), 1, version(4), 60_000);
  await store.delete(bytes('n'), version(4));
  t.is(await statusOf(store.delete(bytes('n'), null)), STATUS_ABSENT);
  t.deepEqual(watch.reasons, []);
});

test.serial('what is closed while it waits is settled', async (t) => {
  if (!has(t, 'redis-server')) return;
  const { store, server } = await setting(t);
  server.stop();
  const asked = statusOf(store.add(bytes('n'), 1, version(1), 0));
  await store.close();
  await store.close();
  t.is(await asked, STATUS_UNKNOWN);
  t.is(await statusOf(store.add(bytes('n'), 1, version(1), 0)), STATUS_UNAVAILABLE);
});
