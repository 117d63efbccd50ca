// The NATS bus against a real server: two processes' worth of exchanges hear each other, and are told of what
// they may have missed. The server's connections are cut by a proxy that the test has in between.

import * as nats from '@nats-io/transport-node';
import test, { type ExecutionContext } from 'ava';
import { parseTopics } from '../../../host/engines/address.ts';
import { NatsBus } from '../../../host/engines/nats/bus.ts';
import { CuttingProxy, EngineServer } from '../../helpers/engine-servers.ts';
import { Watch } from '../../helpers/engine-watch.ts';
import { assertTold, Participant } from '../../helpers/exchange-pair.ts';
import { has } from '../../helpers/installed.ts';

interface Options {
  readonly limitMs?: number;
  readonly mostBytes?: number;
  readonly service?: string;
  readonly userinfo?: string;
}

function make(
  t: ExecutionContext,
  { port }: { port: number },
  { limitMs = 20_000, mostBytes = 1 << 24, service = 'chat', userinfo = '' }: Options = {},
): Participant {
  const url = `nats://${userinfo}127.0.0.1:${port}?service=${service}`;
  const watch = new Watch();
  const bus = new NatsBus(nats, parseTopics(url, 'topics'), limitMs, mostBytes, watch);
  return new Participant(t, bus, watch);
}

async function join(...args: Parameters<typeof make>): Promise<Participant> {
  const participant = make(...args);
  await participant.start();
  return participant;
}

test.serial('a message reaches the others in order, and not who sent it', async (t) => {
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.nats(t);
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
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.nats(t);
  const [a, b] = [await join(t, server), await join(t, server)];
  const down = Promise.all([a.watch.next('down'), b.watch.next('down')]);
  await server.kill();
  await down;
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

test.serial(
  'a server that stands still holds nobody up, and small frames on their way are bounded, too',
  async (t) => {
    if (!has(t, 'nats-server')) return;
    const server = await EngineServer.nats(t);
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
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.nats(t);
  const [a, b] = [await join(t, server, { limitMs: 500 }), await join(t, server)];
  const down = a.watch.next('down');
  server.stop();
  a.publish('room', 'in doubt');
  await down;
  t.is(a.exchange.counts.lost, 1);
  server.signal('SIGCONT');
  await b.hears('gap');
  t.pass();
});

test.serial('who was cut off is told before the next message, and tells the others', async (t) => {
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.nats(t);
  const proxy = await CuttingProxy.start(t, server.port);
  const [a, b] = [await join(t, proxy), await join(t, server)];
  const down = a.watch.next('down');
  proxy.cut();
  await down;
  a.publish('room', 'lost');
  await Promise.all([a.hears('gap'), b.hears('gap')]);
  a.publish('room', 'after');
  b.publish('room', 'too');
  await Promise.all([b.hears('room after'), a.hears('room too')]);
  t.deepEqual(b.heard, ['gap', 'room after']);
  t.deepEqual(a.heard, ['gap', 'room too']);
});

test.serial('what was sent and not confirmed when the connection is cut is lost', async (t) => {
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.nats(t);
  const proxy = await CuttingProxy.start(t, server.port);
  const [a, b] = [await join(t, proxy), await join(t, server)];
  const down = a.watch.next('down');
  proxy.hold();
  a.publish('room', 'in doubt');
  await proxy.held();
  proxy.cut();
  await down;
  t.is(a.exchange.counts.lost, 1);
  await b.hears('gap');
  t.deepEqual(b.heard, ['gap']);
});

test.serial('no message is missed without a word, however often connections are cut', async (t) => {
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.nats(t);
  const left = await CuttingProxy.start(t, server.port);
  const right = await CuttingProxy.start(t, server.port);
  const [a, b] = [await join(t, left), await join(t, right)];
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
    const cut = [round % 3 === 0 ? [left, a] : [], round % 4 === 0 ? [right, b] : []].flat();
    const back = cut
      .filter((one) => one instanceof Participant)
      .map(({ watch }) => comesBack(watch));
    for (const one of cut) if (one instanceof CuttingProxy) one.cut();
    if (cut.length > 0) {
      publish();
      await Promise.all(back);
    } else await b.hears(`room ${last}`);
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

test.serial('a user, a token, and a wrong password that is told and not shown', async (t) => {
  if (!has(t, 'nats-server')) return;
  const users = await EngineServer.nats(t, '--user', 'ada', '--pass', 'r/ght');
  await join(t, users, { userinfo: 'ada:r%2fght@' });
  const wrong = make(t, users, { userinfo: 'ada:sesame-street@' });
  await wrong.exchange.start();
  t.false(wrong.connected);
  t.regex(wrong.watch.reasons[0]!, /authorization/i);
  t.notRegex(wrong.watch.reasons.join(), /sesame/);
  await join(t, await EngineServer.nats(t, '--auth', 't0ken'), { userinfo: 't0ken@' });
});

test.serial('a message that the server is too small for is told as lost', async (t) => {
  if (!has(t, 'nats-server')) return;
  const server = await EngineServer.natsWith(t, 'max_payload: 1000');
  const [a, b] = [await join(t, server), await join(t, server)];
  a.publish('room', 'x'.repeat(2000));
  a.publish('room', 'after');
  await b.hears('room after');
  t.deepEqual(b.heard, ['gap', 'room after']);
});

test.serial('a subject that is not allowed is told, and the connection not used', async (t) => {
  if (!has(t, 'nats-server')) return;
  const rights = (what: string): string =>
    `authorization { users: [{ user: a, password: a, permissions: { ${what}: { deny: "chat" } } }] }`;
  for (const what of ['publish', 'subscribe']) {
    const server = await EngineServer.natsWith(t, rights(what));
    const a = make(t, server, { userinfo: 'a:a@' });
    const down = a.watch.next('down');
    await a.exchange.start();
    a.publish('room', 'refused');
    await down;
    t.regex(a.watch.reasons[0]!, /permissions violation/i);
  }
});
