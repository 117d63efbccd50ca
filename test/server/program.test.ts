// The program that embeds a server, as one more member: over real sockets, in its own thread and with workers.

import test, { type ExecutionContext } from 'ava';
import { connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { runScript } from '../helpers/process.ts';
import { Hosted, type Known, until } from '../helpers/programs.ts';
import { sharingModule } from '../helpers/sharing.ts';

const relay = compiledGuest('relay');

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

for (const workers of [0, 2]) {
  const where = workers === 0 ? 'in one thread' : 'with workers';

  test(`${where}, clients and the program hear each other`, async (t) => {
    const { server, clients } = await relaying(t, workers, 2);
    const [one, two] = clients as [Known, Known];
    const heard: string[] = [];
    server.subscribe('room', (data, { topic }) => heard.push(`${topic} ${text(data)}`));
    await one.client.send('from one');
    t.is(text(await two.client.readExactly(8)), 'from one');
    server.publish('room', 'to all');
    for (const { client } of clients) t.is(text(await client.readExactly(6)), 'to all');
    await until(() => heard.length === 2);
    t.deepEqual(heard, ['room from one', 'room to all']);
  });

  test(`${where}, a message goes to one connection, as long as there is one`, async (t) => {
    const { server, hosted, clients } = await relaying(t, workers, 2);
    const [one, two] = clients as [Known, Known];
    t.true(server.send(one.id, 'kick', 'only you'));
    t.is(text(await one.client.readExactly(8)), 'only you');
    one.client.reset();
    await until(() => hosted.closed.has(one.id));
    t.false(server.send(one.id, 'kick', 'too late'));
    t.false(server.send(2 ** 40, 'kick', 'nobody'));
    t.false(server.send(0, 'kick', 'nobody'));
    server.publish('room', 'rest');
    t.is(text(await two.client.readExactly(4)), 'rest');
    t.is(two.client.waiting, 0);
  });

  test(`${where}, a client can be sent to as soon as its open event comes`, async (t) => {
    const { server } = await Hosted.start(t, { protocol: relay, workers });
    const sent: boolean[] = [];
    server.on('open', ({ id }) => sent.push(server.send(id, 'hello', 'welcome')));
    const client = await connect(server.addresses[0]!, { owner: t });
    t.is(text(await client.readExactly(7)), 'welcome');
    t.deepEqual(sent, [true]);
  });

  test(`${where}, the program and guests have the same keys`, async (t) => {
    const hosted = await Hosted.start(t, { protocol: sharingModule, workers });
    const { store } = hosted.server;
    const [{ client }] = (await hosted.clients(t, 1)) as [Known];
    const version = await store.put('ours', 'value');
    await client.send('g . 7 ours;');
    t.regex(await hosted.logged(/^reply/), /^reply 0 7 0 \d+ value$/);
    await client.send('u . 8 0 -1 theirs text;');
    await hosted.logged(/^reply 0 8 0 /);
    t.is(text((await store.get('theirs'))?.value), 'text');
    t.deepEqual((await store.get('ours'))?.version, version);
    await client.send('a . 9 0 5 count;');
    await hosted.logged(/^reply 0 9 0 \d+ 5$/);
    t.is(await store.add('count', 2), 7);
    t.true(await store.delete('theirs'));
    t.is(await store.get('theirs'), null);
    t.like(hosted.server.stats().shared, { keys: 2, pending: 0 });
  });

  test(`${where}, what fails in a handler is an error event, and the server goes on`, async (t) => {
    const hosted = await Hosted.start(t, { workers });
    const { server } = hosted;
    server.subscribe('topic', () => {
      throw new Error('mistake');
    });
    const error = hosted.next('error');
    server.publish('topic', 'x');
    t.is(((await error) as Error).message, 'mistake');
    t.is(await server.store.add('count', 1), 1);
  });

  test(`${where}, a handler may throw what cannot be made text`, async (t) => {
    const hosted = await Hosted.start(t, { workers });
    const { server } = hosted;
    server.subscribe('topic', () => {
      throw Object.create(null);
    });
    server.subscribe('topic', async () => {
      throw { toString: 1, valueOf: 1 };
    });
    const errors: string[] = [];
    server.on('error', ({ message }) => errors.push(message));
    server.publish('topic', 'x');
    await until(() => errors.length === 2);
    t.deepEqual(errors, ['object without a text', 'object without a text']);
  });

  test(`${where}, after a close every call is refused, and the counts stay`, async (t) => {
    const { server } = await Hosted.start(t, { workers });
    await server.store.put('key', 'value');
    const stop = server.subscribe('topic', () => undefined);
    await server.close();
    stop();
    const code = 'ERR_CLOSED';
    t.throws(() => server.subscribe('topic', () => undefined), { code });
    t.throws(() => server.publish('topic', 'x'), { code });
    t.throws(() => server.send(1, 'topic', 'x'), { code });
    await t.throwsAsync(server.store.get('key'), { code });
    t.is(server.stats().shared.keys, 1);
  });

  test(`${where}, a server that was never used this way refuses the same once it is closed`, async (t) => {
    const { server } = await Hosted.start(t, { workers });
    await server.close();
    t.throws(() => server.publish('topic', 'x'), { code: 'ERR_CLOSED' });
    await t.throwsAsync(server.store.get('key'), { code: 'ERR_CLOSED' });
  });
}

async function relaying(t: ExecutionContext, workers: number, count: number) {
  const hosted = await Hosted.start(t, { protocol: relay, workers });
  const clients: Known[] = await hosted.clients(t, count);
  await until(() => hosted.server.stats().shared.members === count);
  return { server: hosted.server, hosted, clients };
}

test('a message to a guest that takes none is not on its way', async (t) => {
  const hosted = await Hosted.start(t, { protocol: 'echo' });
  const [{ id }] = (await hosted.clients(t, 1)) as [Known];
  t.false(hosted.server.send(id, 'kick', 'x'));
});

test('a connection that is no id is refused', async (t) => {
  const { server } = await Hosted.start(t, { workers: 0 });
  for (const id of [1.5, -1, '1', undefined]) {
    const message = /^send: the connection must be an id from an 'open' event, got /;
    t.throws(() => server.send(id as number, 'a', 'b'), { code: 'ERR_OPTION', message });
  }
});

test('the event loop turns while handlers are called and requests follow one another', async (t) => {
  const { server } = await Hosted.start(t, { workers: 0 });
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  for (let asked = 0; asked < 2000; asked += 1) await server.store.add('count', 1);
  const whileAsking = turns;
  t.true(whileAsking >= 6, `${whileAsking} turns for 2,000 requests`);
  const calls: number[] = [];
  server.subscribe('topic', () => {
    calls.push(turns);
  });
  for (let said = 0; said < 2000; said += 1) server.publish('topic', 'x');
  await until(() => calls.length === 2000);
  over = true;
  for (const turn of new Set(calls)) {
    const together = calls.filter((one) => one === turn).length;
    t.true(together <= 256, `${together} handlers in one turn`);
  }
});

test('requests that are asked at once are answered in the turn of the event loop in which they were', async (t) => {
  const { server } = await Hosted.start(t, { workers: 0 });
  let turned = false;
  await server.store.add('count', 1);
  setImmediate(() => {
    turned = true;
  });
  const sums = await Promise.all([server.store.add('count', 1), server.store.add('count', 1)]);
  t.deepEqual(sums, [2, 3]);
  t.false(turned);
});

test('a program that does not keep pace misses messages, and is told which subscription', async (t) => {
  const hosted = await Hosted.start(t, { workers: 0, policy: { queueBytes: 65_536 } });
  const { server } = hosted;
  let heard = 0;
  server.subscribe('topic/+', () => heard++, { pattern: true });
  const missed = hosted.next('missed');
  for (let said = 0; said < 100; said += 1) server.publish('topic/1', 'x'.repeat(1000));
  t.deepEqual(await missed, { topic: 'topic/+', pattern: true });
  t.true(heard > 50 && heard < 100, `${heard} of 100`);
  t.like(server.stats().shared, { published: 100, leftOut: 100 - heard, missed: 1 });
  server.publish('topic/2', 'x');
  await until(() => server.stats().shared.queueBytes === 0);
});

test('a process that is there for one server has the same', async (t) => {
  const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const { stdout, stderr } = await runScript(`
    import { serveAlone } from ${url('../../host/server/serve.js')};
    import { connect } from ${url('../helpers/client.js')};
    import { compiledGuest } from ${url('../helpers/guests.js')};
    const protocol = compiledGuest('relay');
    const server = await serveAlone({ protocol, listen: '127.0.0.1:0', workers: 0 });
    const opened = new Promise((resolve) => server.once('open', resolve));
    const client = await connect(server.addresses[0]);
    const { id } = await opened;
    const heard = new Promise((resolve) => {
      server.subscribe('room', (data) => resolve(Buffer.from(data).toString()));
    });
    await client.send('from the client');
    console.log(await heard, server.send(id, 'topic', 'to the client'));
    console.log(String(await client.readExactly(13)), await server.store.add('count', 1));
    client.end();
    await server.close();`);
  t.is(stdout, 'from the client true\nto the client 1\n', stderr);
});

test('a subscription alone does not keep the process alive, nor does the end of the server take one', async (t) => {
  const index = JSON.stringify(new URL('../../host/index.js', import.meta.url).href);
  const { stdout, stderr } = await runScript(`
    import { serve } from ${index};
    const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 0 });
    server.subscribe('topic', () => console.log('heard'));
    server.publish('topic', 'x');
    await server.store.put('key', 'value');
    await new Promise(setImmediate);
    await server.close();
    console.log('closed');`);
  t.is(stdout, 'heard\nclosed\n', stderr);
});

test('a logger that throws does not end what comes to the program', async (t) => {
  const index = JSON.stringify(new URL('../../host/index.js', import.meta.url).href);
  const { stdout, stderr } = await runScript(`
    import { serve } from ${index};
    process.on('uncaughtException', ({ message }) => console.log(message));
    const ignore = () => undefined;
    const error = () => { throw new Error('the disk is full'); };
    const logger = { debug: ignore, info: ignore, warn: ignore, error };
    const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 0, logger });
    server.subscribe('bad', () => { throw new Error('mistake'); });
    const heard = new Promise((resolve) => server.subscribe('good', resolve));
    server.publish('bad', '1');
    server.publish('bad', '2');
    server.publish('good', 'x');
    await heard;
    console.log('heard', await server.store.add('count', 1));
    await server.close();`);
  t.is(stdout, 'the disk is full\nthe disk is full\nheard 1\n', stderr);
});
