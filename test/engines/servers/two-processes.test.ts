// Several processes of one service, from client to client: one room behind a bus, one database behind a store,
// and what guests and programs are told when the engine is gone.

import test, { type ExecutionContext } from 'ava';
import { type Client, connect } from '../../helpers/client.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { has } from '../../helpers/installed.ts';
import { startCli } from '../../helpers/process.ts';
import { Hosted, type Known, until } from '../../helpers/programs.ts';
import { sharingModule } from '../../helpers/sharing.ts';

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

async function named(t: ExecutionContext, address: string, name: string): Promise<Client> {
  const client = await connect(address, { owner: t });
  await client.readExactly('name? '.length);
  await client.send(`${name}\n`);
  return client;
}

/** The next line, but for one that may come before or after the reader has joined. */
async function hears(t: ExecutionContext, client: Client, expected: string): Promise<void> {
  for (;;) {
    let line = '';
    while (!line.endsWith('\n')) line += text(await client.readExactly(1));
    if (line === '* ann has joined\n') continue;
    t.is(line, `${expected}\n`);
    return;
  }
}

for (const [program, scheme] of [
  ['redis-server', 'redis'],
  ['nats-server', 'nats'],
] as const) {
  test.serial(`two processes behind ${program} are one room`, async (t) => {
    if (!has(t, program)) return;
    const { port } = await (scheme === 'redis' ? EngineServer.redis(t) : EngineServer.nats(t));
    const topics = `${scheme}://127.0.0.1:${port}?service=lobby`;
    const args = ['chat', '--listen', '127.0.0.1:0', '--workers', '2', '--topics', topics];
    const [one, two] = [await startCli(t, args), await startCli(t, args)];
    const ann = await named(t, one.addresses[0]!, 'ann');
    const bob = await named(t, two.addresses[0]!, 'bob');
    await hears(t, ann, '* bob has joined');
    await ann.send('hello\n');
    await hears(t, bob, 'ann: hello');
    await bob.send('good day\n');
    await hears(t, ann, 'bob: good day');
    bob.destroy();
    await hears(t, ann, '* bob has left');
    t.is(ann.waiting, 0);
  });
}

for (const workers of [0, 2]) {
  test.serial(`with ${workers} workers, two servers behind Redis are one database`, async (t) => {
    if (!has(t, 'redis-server')) return;
    const { port } = await EngineServer.redis(t);
    const options = { protocol: sharingModule, workers, store: `redis://127.0.0.1:${port}` };
    const [one, two] = [await Hosted.start(t, options), await Hosted.start(t, options)];
    const [{ client: a }] = (await one.clients(t, 1)) as [Known];
    const [{ client: b }] = (await two.clients(t, 1)) as [Known];
    await a.send('u . 1 0 -1 key value;');
    await one.logged(/^reply 0 1 0 /);
    await b.send('g . 2 key;');
    t.regex(await two.logged(/^reply/), /^reply 0 2 0 -?\d+ value$/);
    await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        const { store } = (at % 2 === 0 ? one : two).server;
        await store.add('count', 1);
      }),
    );
    t.is(await one.server.store.add('count', 0), 50);
    const found = await two.server.store.get('key');
    await one.server.store.put('key', 'other', { expected: found!.version });
    await t.throwsAsync(two.server.store.put('key', 'late', { expected: found!.version }));
    await b.send('d . 3 -1 key;g . 4 key;');
    t.is(await two.logged(/^reply 0 3/), 'reply 0 3 0');
    t.is(await two.logged(/^reply 0 4/), 'reply 0 4 -5');
  });

  test.serial(`with ${workers} workers, nobody waits for a store that is gone`, async (t) => {
    if (!has(t, 'redis-server')) return;
    const redis = await EngineServer.redis(t);
    const store = `redis://127.0.0.1:${redis.port}`;
    const one = await Hosted.start(t, { protocol: sharingModule, workers, store });
    const [{ client }] = (await one.clients(t, 1)) as [Known];
    t.like(one.server.stats().engines, { ready: true, topics: null });
    await redis.kill();
    await until(() => !one.server.stats().engines.ready);
    await client.send('a . 1 0 1 count;g . 2 count;');
    t.is(await one.logged(/^reply 0 1/), 'reply 0 1 -7');
    t.is(await one.logged(/^reply 0 2/), 'reply 0 2 -7');
    t.like(one.server.stats().engines.store, { connected: false, unavailable: 2, pending: 0 });
    await redis.start();
    await until(() => one.server.stats().engines.ready);
    await client.send('a . 3 0 1 count;');
    t.regex(await one.logged(/^reply 0 3/), /^reply 0 3 0 -?\d+ 1$/);
    t.like(one.server.stats().engines.store, { connected: true, reconnects: 1 });
  });

  test.serial(`with ${workers} workers, members are told when a bus was gone`, async (t) => {
    if (!has(t, 'redis-server')) return;
    const redis = await EngineServer.redis(t);
    const options = {
      ...{ protocol: sharingModule, workers },
      topics: `redis://127.0.0.1:${redis.port}`,
    };
    const [one, two] = [await Hosted.start(t, options), await Hosted.start(t, options)];
    const [{ client: a }] = (await one.clients(t, 1)) as [Known];
    const [{ client: b }] = (await two.clients(t, 1)) as [Known];
    const heard: string[] = [];
    two.server.subscribe('room', (data) => heard.push(text(data)));
    await b.send('j . 7 0 room;');
    await two.logged(/^=/);
    await a.send('p 0 room first;');
    t.is(await two.logged(/^message/), 'message 0 7 0 room first');
    await until(() => heard.length === 1);
    const missed = two.next('missed');
    await redis.kill();
    await until(() => !one.server.stats().engines.ready && !two.server.stats().engines.ready);
    await a.send('p 0 room lost;');
    await one.logged(/^=/);
    await redis.start();
    await two.logged('missed 0');
    await missed;
    await until(() => one.server.stats().engines.ready && two.server.stats().engines.ready);
    await a.send('p 0 room second;');
    t.is(await two.logged(/^message/), 'message 0 7 0 room second');
    t.deepEqual(heard, ['first', 'second']);
  });
}

test.serial(
  'what a guest asks for as its connection ends is done before the server is closed',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const redis = await EngineServer.redis(t);
    const store = `redis://127.0.0.1:${redis.port}`;
    const one = await Hosted.start(t, { protocol: sharingModule, workers: 2, store });
    const [{ client }] = (await one.clients(t, 1)) as [Known];
    await client.send('e 3 {u 0 0 0 -1 will done;};');
    await one.logged(/^=/);
    await one.server.close();
    t.regex(redis.cli('GET', 'wasmpoll:will'), /done$/m);
  },
);

test.serial('while connections are cut, each request is replied to once, in order', async (t) => {
  if (!has(t, 'redis-server')) return;
  const redis = await EngineServer.redis(t);
  const store = `redis://127.0.0.1:${redis.port}`;
  const one = await Hosted.start(t, { protocol: sharingModule, workers: 2, store });
  const [{ client }] = (await one.clients(t, 1)) as [Known];
  const counts = new Map<string, number>();
  for (let round = 0; round < 30; round += 1) {
    const tags = Array.from({ length: 20 }, (_, at) => round * 20 + at);
    const sent = client.send(tags.map((tag) => `a . ${tag} 0 1 count;`).join(''));
    if (round % 3 === 0) redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    if (round % 7 === 0) redis.cli('SCRIPT', 'FLUSH');
    await sent;
    for (const expected of tags) {
      const [, , replied, status = ''] = (await one.logged(/^reply/)).split(' ');
      t.is(Number(replied), expected);
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    // The connection may still stand when the server says that it is cut.
    while ((await one.server.store.get('count').catch(() => undefined)) === undefined);
  }
  const [done, unknown] = [counts.get('0') ?? 0, counts.get('-8') ?? 0];
  const total = await one.server.store.add('count', 0);
  t.log(Object.fromEntries(counts), total);
  t.true(total >= done && total <= done + unknown);
  t.is(
    [...counts.values()].reduce((sum, count) => sum + count, 0),
    600,
  );
  t.like(one.server.stats().engines.store, { pending: 0 });
});
