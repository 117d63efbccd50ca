// The NATS bus against a real server: two processes' worth of exchanges hear each other, and are told of what
// they may have missed. The server's connections are cut by a proxy that the test has in between.

import { writeFileSync } from 'node:fs';
import * as nats from '@nats-io/transport-node';
import test, { type ExecutionContext } from 'ava';
import { parseTopics } from '../../../host/engines/address.ts';
import { NatsBus } from '../../../host/engines/nats/bus.ts';
import { NatsSession } from '../../../host/engines/nats/session.ts';
import { CuttingProxy, EngineServer } from '../../helpers/engine-servers.ts';
import { Watch } from '../../helpers/engine-watch.ts';
import { assertTold, Participant } from '../../helpers/exchange-pair.ts';
import { has } from '../../helpers/installed.ts';
import { natsCredentials } from '../../helpers/nats-credentials.ts';
import { temporary } from '../../helpers/process.ts';

interface Options {
  readonly limitMs?: number;
  readonly mostBytes?: number;
  readonly service?: string;
  readonly userinfo?: string;
  /** The other servers of the cluster. */
  readonly others?: readonly { port: number }[];
  readonly creds?: string;
}

function make(
  t: ExecutionContext,
  { port }: { port: number },
  { limitMs = 20_000, mostBytes = 1 << 24, service = 'chat', ...options }: Options = {},
): Participant {
  const { userinfo = '', others = [], creds } = options;
  const hosts = [port, ...others.map((other) => other.port)].map((one) => `127.0.0.1:${one}`);
  const file = creds === undefined ? '' : `&creds=${creds}`;
  const url = `nats://${userinfo}${hosts.join(',')}?service=${service}${file}`;
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

test.serial('a file of credentials opens a server that asks for them', async (t) => {
  if (!has(t, 'nats-server')) return;
  const [known, unknown] = [natsCredentials(), natsCredentials()];
  const server = await EngineServer.natsWith(t, known.configuration);
  const folder = temporary(t);
  const [creds, others] = [`${folder}/known.creds`, `${folder}/unknown.creds`];
  writeFileSync(creds, known.file);
  writeFileSync(others, unknown.file);
  const [a, b] = [await join(t, server, { creds }), await join(t, server, { creds })];
  a.publish('room', 'hello');
  await b.hears('room hello');
  for (const options of [{}, { creds: others }]) {
    const refused = make(t, server, options);
    await refused.exchange.start();
    t.false(refused.connected);
    t.regex(refused.watch.reasons[0]!, /authorization/i);
  }
});

test.serial('when a server of a cluster is killed, its clients go on at another one', async (t) => {
  if (!has(t, 'nats-server')) return;
  const [one, two] = await EngineServer.natsCluster(t);
  // Whatever it begins with, it ends up where it can be.
  await two.kill();
  const a = await join(t, one, { others: [two] });
  await two.start();
  const b = await join(t, two);
  // The servers find each other by themselves.
  for (let number = 0; !b.heard.some((what) => what.startsWith('room ')); number += 1) {
    a.publish('room', `try ${number}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  b.heard.length = 0;
  const [down, up] = [a.watch.next('down'), comesBack(a.watch)];
  a.publish('room', 'confirmed or not');
  await one.kill();
  await down;
  a.publish('room', 'lost');
  await up;
  await a.hears('gap');
  a.publish('room', 'found');
  await b.hears('room found');
  const heard = b.heard.filter((what) => what !== 'room confirmed or not');
  t.deepEqual(heard, ['gap', 'room found']);
  t.is(b.exchange.counts.gaps, 1);
});

/** Publishes a frame, and ends the session when it is confirmed. @returns whether that leaves it in doubt */
async function isInDoubt(t: ExecutionContext, server: EngineServer): Promise<boolean> {
  const address = parseTopics(`nats://127.0.0.1:${server.port}`, 'topics');
  let doubt = false;
  let confirm = (): void => undefined;
  const confirmed = new Promise<void>((resolve) => {
    confirm = resolve;
  });
  const session = new NatsSession(nats, address, address.servers[0], 20_000, {
    lost: () => undefined,
    frame: () => undefined,
    confirmed: (waiting) => waiting === 0 && confirm(),
    unconfirmed: () => {
      doubt = true;
    },
  });
  await session.ready;
  t.true(session.publish(new Uint8Array(20)));
  await confirmed;
  session.close();
  return doubt;
}

test.serial(
  'what a server has confirmed is in doubt when it is lost, if others of a cluster were to have it',
  async (t) => {
    if (!has(t, 'nats-server')) return;
    t.false(await isInDoubt(t, await EngineServer.nats(t)));
    const [one] = await EngineServer.natsCluster(t);
    t.true(await isInDoubt(t, one));
  },
);

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
