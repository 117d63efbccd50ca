// The Redis bus against a real server: two processes' worth of exchanges hear each other, and are told of
// what they may have missed.

import * as redis from '@redis/client';
import test, { type ExecutionContext } from 'ava';
import { parseTopics } from '../../../host/engines/address.ts';
import { RedisBus } from '../../../host/engines/redis/bus.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { Watch } from '../../helpers/engine-watch.ts';
import { assertTold, Participant } from '../../helpers/exchange-pair.ts';
import { has } from '../../helpers/installed.ts';

interface Options {
  readonly limitMs?: number;
  readonly mostBytes?: number;
  readonly service?: string;
}

async function join(
  t: ExecutionContext,
  { port }: EngineServer,
  { limitMs = 20_000, mostBytes = 1 << 24, service = 'chat' }: Options = {},
): Promise<Participant> {
  const address = parseTopics(`redis://127.0.0.1:${port}?service=${service}`, 'topics');
  const watch = new Watch();
  const participant = new Participant(
    t,
    new RedisBus(redis, address, limitMs, mostBytes, watch),
    watch,
  );
  await participant.start();
  return participant;
}

test.serial('a message reaches the others in order, and not who sent it', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  const [a, b, other] = [
    await join(t, server),
    await join(t, server),
    await join(t, server, { service: 'shop' }),
  ];
  a.publish('room/1', 'one\0\r\n\xff');
  a.publish('room/1', '');
  a.publish('sign', 'kept', true);
  b.publish('room/1', 'two');
  await Promise.all([b.hears('*sign kept'), a.hears('room/1 two')]);
  t.deepEqual(b.heard, ['room/1 one\0\r\n\xff', 'room/1 ', '*sign kept']);
  t.deepEqual(a.heard, ['room/1 two']);
  t.deepEqual(other.heard, []);
  t.deepEqual(a.exchange.counts, { sent: 3, received: 1, lost: 0, gaps: 0, malformed: 0 });
});

test.serial('what a server that is gone has not taken is told when it is back', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  const [a, b] = [await join(t, server), await join(t, server)];
  await server.kill();
  // Both of its connections.
  while (a.watch.reasons.length < 2) await a.watch.next('down');
  a.publish('room', 'lost');
  t.is(a.exchange.counts.lost, 1);
  const up = Promise.all([a.watch.next('up'), b.watch.next('up')]);
  await server.start();
  await up;
  a.publish('room', 'found');
  await b.hears('room found');
  t.is(b.heard.at(-1), 'room found');
  t.true(b.heard.length > 1);
  t.deepEqual(new Set(b.heard.slice(0, -1)), new Set(['gap']));
  await a.hears('gap');
});

test.serial('who was cut off as a listener is told before the next message', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  const [a, b] = [await join(t, server), await join(t, server)];
  const told = Promise.all([a.hears('gap'), b.hears('gap')]);
  server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await told;
  t.is(a.exchange.counts.gaps, 1);
  a.publish('room', 'after');
  await b.hears('room after');
  t.deepEqual(b.heard, ['gap', 'room after']);
});

test.serial(
  'who could not speak tells the others before his next message, and unasked',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const server = await EngineServer.redis(t);
    const [a, b] = [await join(t, server), await join(t, server)];
    const down = a.watch.next('down');
    server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await down;
    a.publish('room', 'lost');
    await b.hears('gap');
    a.publish('room', 'after');
    await b.hears('room after');
    t.deepEqual(b.heard, ['gap', 'room after']);
  },
);

test.serial(
  'a server that stands still holds nobody up, and small frames on their way are bounded, too',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const server = await EngineServer.redis(t);
    const a = await join(t, server, { mostBytes: 100_000 });
    const b = await join(t, server);
    server.stop();
    for (let number = 0; number < 200; number += 1) a.publish('room', 'x');
    const { sent, lost } = a.exchange.counts;
    t.true(sent >= 48 && sent <= 50);
    t.is(lost, 200 - sent);
    server.signal('SIGCONT');
    // It is told as soon as there is room, though nothing is said meanwhile.
    await b.hears('gap');
    t.is(b.heard.indexOf('gap'), sent);
  },
);

test.serial('frames on their way to a server that does not answer are told as lost', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  const [a, b] = [await join(t, server, { limitMs: 1500 }), await join(t, server)];
  const down = a.watch.next('down');
  server.stop();
  a.publish('room', 'in doubt');
  await down;
  t.is(a.exchange.counts.lost, 1);
  server.signal('SIGCONT');
  await b.hears('gap');
  t.pass();
});

test.serial('no message is missed without a word, however often connections are cut', async (t) => {
  if (!has(t, 'redis-server')) return;
  const server = await EngineServer.redis(t);
  const [a, b] = [await join(t, server), await join(t, server)];
  const admin = await redis.createClient({ socket: { port: server.port } }).connect();
  t.teardown(() => admin.destroy());
  let last = -1;
  for (let round = 0; round < 60; round += 1) {
    const publish = (): void => {
      for (const until = last + 20; last < until; ) {
        last += 1;
        a.publish('room', String(last));
      }
    };
    publish();
    for (let turns = round % 5; turns > 0; turns -= 1) await new Promise(setImmediate);
    const kind = [undefined, 'normal', 'pubsub'][round % 3];
    if (kind === undefined) await b.hears(`room ${last}`);
    else {
      const back = Promise.all([a, b].map(({ watch }) => comesBack(watch)));
      await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes']);
      publish();
      await back;
    }
  }
  const heard = b.heard.filter((what) => what.startsWith('room'));
  t.log(`heard ${heard.length} of ${last + 1}, ${b.exchange.counts.gaps} gaps`);
  assertTold(t, b.heard, 'room');
  t.true(b.exchange.counts.gaps >= 20);
});

async function comesBack(watch: Watch): Promise<void> {
  await watch.next('down');
  await watch.next('up');
}
