// Upstreams that the operator changes while the server runs: new connections go where they lead now, and those that are
// there go on.

import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type Server, serve } from '../../host/index.ts';
import type { Endpoint, Resolved, UpstreamShare } from '../../host/upstreams/contract.ts';
import { Directory } from '../../host/upstreams/directory.ts';
import { parseUpstreams } from '../../host/upstreams/spec/read.ts';
import type { Upstreams } from '../../host/upstreams/spec/spec.ts';
import { connect } from '../helpers/client.ts';
import { operating, showEndpoint } from '../helpers/upstream-ground.ts';

/** Greets each connection with its letter, and then says again what comes. */
async function listening(t: ExecutionContext, letter: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(letter);
    socket.pipe(socket);
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** What a new client is greeted with, which goes at once; '' if it is let go. */
async function greeting(t: ExecutionContext, server: Server): Promise<string> {
  try {
    const client = await connect(server.addresses[0]!, { owner: t });
    const letter = String(await client.readExactly(1));
    // It counts as long as it is there.
    client.destroy();
    return letter;
  } catch {
    return '';
  }
}

/** Tries again until workers have heard of it. */
async function becomes(t: ExecutionContext, server: Server, letter: string): Promise<void> {
  while ((await greeting(t, server)) !== letter) await new Promise(setImmediate);
  t.pass();
}

for (const workers of [0, 1, 2]) {
  const started = async (t: ExecutionContext, upstreams: Upstreams): Promise<Server> => {
    const server = await serve({
      ...{ protocol: 'proxy', listen: '127.0.0.1:0', config: 'upstream=db', workers, upstreams },
    });
    t.teardown(() => server.drain());
    return server;
  };

  test(`new connections go to the new target, and old ones stay; workers: ${workers}`, async (t) => {
    const [a, b] = [await listening(t, 'a'), await listening(t, 'b')];
    const server = await started(t, { db: a });
    const old = await connect(server.addresses[0]!, { owner: t });
    t.is(String(await old.readExactly(1)), 'a');
    server.setUpstreams({ db: b });
    t.is(await greeting(t, server), 'b');
    await old.send('still here');
    t.is(String(await old.readExactly(10)), 'still here');
    t.deepEqual(
      server.stats().upstreams.db!.targets.map(({ address }) => address),
      [b],
    );
  });

  test(`an upstream that is gone is DENIED, and one that comes is found; workers: ${workers}`, async (t) => {
    const a = await listening(t, 'a');
    const server = await started(t, {});
    t.is(await greeting(t, server), '');
    server.setUpstreams({ db: a, other: a });
    await becomes(t, server, 'a');
    server.setUpstreams({ other: a });
    t.is(await greeting(t, server), '');
    server.setUpstreams({ db: a });
    await becomes(t, server, 'a');
  });

  test(`connections from before count against a new max; workers: ${workers}`, async (t) => {
    const a = await listening(t, 'a');
    const server = await started(t, { db: a });
    const old = await Promise.all([0, 1].map(() => connect(server.addresses[0]!, { owner: t })));
    for (const client of old) t.is(String(await client.readExactly(1)), 'a');
    server.setUpstreams({});
    server.setUpstreams({ db: { targets: a, max: 2 } });
    t.is(server.stats().upstreams.db!.open, 2);
    await becomes(t, server, '');
    old[0]!.end();
    await old[0]!.readAll();
    await becomes(t, server, 'a');
  });
}

test('what is wrong changes nothing', async (t) => {
  const a = await listening(t, 'a');
  const server = await serve({
    ...{ protocol: 'proxy', listen: '127.0.0.1:0', config: 'upstream=db', workers: 0 },
    upstreams: { db: a },
  });
  t.throws(() => server.setUpstreams({ db: 'nowhere' }), {
    code: 'ERR_OPTION',
    message: /^setUpstreams\(\): upstreams\.db\.targets: address 'nowhere'/,
  });
  const tls = { ca: '/nowhere/ca.pem' };
  t.throws(() => server.setUpstreams({ db: { targets: a, tls } }), { code: 'ERR_TLS' });
  t.is(await greeting(t, server), 'a');
  await server.drain();
  t.throws(() => server.setUpstreams({}), { code: 'ERR_CLOSED' });
});

const shown = (resolved: Resolved): readonly string[] | string =>
  typeof resolved === 'string' ? resolved : resolved.map(showEndpoint);

function changing(upstreams: Upstreams) {
  const ground = operating(upstreams);
  const { operator } = ground;
  const change = (to: Upstreams): void =>
    operator.setUpstreams(operator.numbered(parseUpstreams(to, 'upstreams')));
  return { ...ground, change };
}

test('a target that stays rests as before, and an attempt on one that is gone says nothing', (t) => {
  const { operator, reports, change } = changing({ db: '192.0.2.1:1,192.0.2.2:1' });
  const [first, second] = operator.resolve(0, '', '') as [Endpoint, Endpoint];
  operator.tried(0, first, 'refused');
  change({ db: '192.0.2.3:1,192.0.2.1:1' });
  const resting = () => operator.stats.db!.targets.map((target) => target.resting);
  t.deepEqual(resting(), [false, true]);
  operator.tried(0, second, 'refused');
  t.deepEqual(resting(), [false, true]);
  t.is(reports.length, 1);
  operator.tried(0, first, null);
  t.deepEqual(resting(), [false, false]);
  t.deepEqual(shown(operator.resolve(0, '', '') as Resolved), ['192.0.2.3 1', '192.0.2.1 1']);
});

test('a name keeps its number for ever, so that a thread that hears of it late asks for nothing else', (t) => {
  const { operator, change } = changing({ a: '192.0.2.1:1', b: '192.0.2.2:1' });
  const before: UpstreamShare = operator.share;
  change({ c: '192.0.2.3:1', b: '*:443' });
  const late = new Directory(before);
  t.is(operator.resolve(late.find('a')!.number, '', ''), 'denied');
  t.is(operator.resolve(late.find('b')!.number, '', ''), 'denied', 'it names no host');
  const now = new Directory(operator.share);
  t.is(now.find('a'), null);
  t.is(now.name(0), 'a', 'its connections may be there');
  t.is(now.find('c')!.number, 2);
  change({ a: '192.0.2.4:1' });
  const again = new Directory(operator.share).find('a')!.number;
  t.is(again, 0);
  t.deepEqual(shown(operator.resolve(again, '', '') as Resolved), ['192.0.2.4 1']);
});

test('a host that a guest has added means nothing to an upstream that has targets now', (t) => {
  const { operator, change } = changing({ db: '*:443' });
  change({ db: '192.0.2.1:1' });
  t.is(operator.resolve(0, 'www.example.com', ''), 'denied');
});

test('names are looked up only as long as a target has them', async (t) => {
  const { operator, asked, change } = changing({ db: 'a.x:1' });
  await operator.resolve(0, '', '');
  change({ db: 'b.x:1' });
  change({ db: 'a.x:1' });
  await operator.resolve(0, '', '');
  t.deepEqual(asked, ['a.x', 'a.x']);
});

test('after 256 names a server has to be started anew', (t) => {
  const { operator, change } = changing({});
  const named = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${from + at}`, '192.0.2.1:1']));
  change(named(0, 200));
  change(named(200, 56));
  t.throws(() => change(named(256, 1)), { code: 'ERR_OPTION', message: /start it anew$/ });
  t.deepEqual(Object.keys(operator.stats).length, 56);
  change(named(0, 256));
  t.is(Object.keys(operator.stats).length, 256);
});

test('while a connection is being made the counts of an upstream go on', (t) => {
  const { operator, change } = changing({ db: '192.0.2.1:1' });
  operator.dialing(0);
  change({ db: '192.0.2.2:1' });
  operator.dialed(0, 'connected');
  t.is(operator.stats.db!.connecting, 0);
  t.is(operator.stats.db!.connected, 1);
});
