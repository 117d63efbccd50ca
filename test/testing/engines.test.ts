// Engines of a test's: what a guest and a program meet when a store is late, loses requests or answers, or is gone,
// and when messages between harnesses are.

import test from 'ava';
import { STATUS_UNAVAILABLE, STATUS_UNKNOWN } from '../../assembly/abi.ts';
import { type Harness, TestBus, TestStore } from '../../host/testing/harness.ts';
import { logged } from '../helpers/guests.ts';
import { runs, sharing } from '../helpers/sharing.ts';

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

test('a store that nothing happens to answers as the harness itself does', async (t) => {
  const commands =
    'u . 1 0 -1 k v;g . 2 k;u . 3 0 0 k w;a . 4 0 1 k;a . 5 0 2.5 n;d . 6 -1 k;d . 7 -1 k;g . 8 k;';
  const [plain, beyond] = [await sharing(), await sharing({ store: new TestStore() })];
  const [{ log }, there] = [plain, beyond].map((server) =>
    runs(server, server.connect(), commands),
  ) as [ReturnType<typeof runs>, ReturnType<typeof runs>];
  t.is(log.length, 8);
  // A version is another one.
  const rest = (lines: string[]): string[] =>
    lines.map((line) => line.replace(/^(reply 0 \d+ 0) \d+/, '$1'));
  t.deepEqual(rest(there.log), rest(log));
  t.is(beyond.stats().shared.keys, 0);
  t.like(beyond.stats().engines, { ready: true, store: { engine: 'test', pending: 0 } });
});

test('what is held is not performed, and waits until it is released', async (t) => {
  const store = new TestStore();
  const server = await sharing({ store });
  const peer = server.connect();
  store.hold();
  t.deepEqual(runs(server, peer, 'a . 1 0 5 n;g . 2 n;').log, []);
  t.deepEqual(store.held, [
    { op: 'add', key: 'n' },
    { op: 'get', key: 'n' },
  ]);
  t.is(server.stats().engines.store?.pending, 2);
  store.release(1);
  t.deepEqual(logged(server), ['reply 0 1 0 1 5']);
  t.deepEqual(runs(server, peer, 'd . 3 -1 n;').log, []);
  store.release();
  t.deepEqual(logged(server), ['reply 0 2 0 1 5', 'reply 0 3 0']);
  t.deepEqual(runs(server, peer, 'g . 4 n;').log, ['reply 0 4 -5']);
});

test('a request whose time is over is in doubt, and performed when it is released', async (t) => {
  const store = new TestStore();
  const server = await sharing({ store, policy: { requestTimeoutMs: 1000 } });
  const peer = server.connect();
  store.hold();
  runs(server, peer, 'a . 1 0 1 n;');
  server.advance(400);
  runs(server, peer, 'g . 2 n;');
  server.advance(599);
  t.deepEqual(logged(server), []);
  server.advance(1);
  t.deepEqual(logged(server), [`reply 0 1 ${STATUS_UNKNOWN} 1`]);
  t.is(store.held.length, 1);
  server.advance(400);
  t.deepEqual(logged(server), [`reply 0 2 ${STATUS_UNAVAILABLE}`]);
  t.deepEqual(store.held, []);
  store.release();
  t.deepEqual(logged(server), []);
  // With the version that the first reply said.
  t.deepEqual(runs(server, peer, 'g . 3 n;').log, ['reply 0 3 0 1 1']);
});

test('requests that are lost were not performed, and answers that are lost were', async (t) => {
  const store = new TestStore();
  const server = await sharing({ store });
  const peer = server.connect();
  store.hold();
  runs(server, peer, 'a . 1 0 1 n;g . 2 n;d . 3 -1 n;');
  store.lose();
  const doubt = ['reply 0 1 -8 1', 'reply 0 2 -7', 'reply 0 3 -8'];
  t.deepEqual(logged(server), doubt);
  t.deepEqual(runs(server, peer, 'g . 4 n;').log, ['reply 0 4 -5']);
  store.hold('answers');
  runs(server, peer, 'a . 5 0 1 n;');
  store.lose();
  t.deepEqual(logged(server), ['reply 0 5 -8 5']);
  t.deepEqual(runs(server, peer, 'g . 6 n;').log, ['reply 0 6 0 5 1']);
  t.like(server.stats().engines.store, { unknown: 3, unavailable: 1, pending: 0 });
});

test('a store that is gone is UNAVAILABLE until it is there again, for the program as well', async (t) => {
  const store = new TestStore();
  const server = await sharing({ store });
  const peer = server.connect();
  store.hold();
  const waits = server.store.put('k', 'v');
  store.disconnect();
  await t.throwsAsync(waits, { code: 'ERR_UNKNOWN' });
  store.release();
  t.deepEqual(runs(server, peer, 'a . 1 0 1 n;').log, ['reply 0 1 -7']);
  await t.throwsAsync(server.store.get('k'), { code: 'ERR_UNAVAILABLE' });
  t.like(server.stats().engines, { ready: false, store: { connected: false, reconnects: 0 } });
  store.connect();
  t.is(await server.store.get('k'), null);
  t.like(server.stats().engines, { ready: true, store: { connected: true, reconnects: 1 } });
});

test('harnesses with one store have the same keys, and each version once', async (t) => {
  const store = new TestStore();
  const [a, b] = [await sharing({ store }), await sharing({ store })];
  const first = await a.store.put('k', 'v');
  const found = await b.store.get('k');
  t.deepEqual(found?.version, first);
  await b.store.put('k', 'w', { expected: first });
  await t.throwsAsync(a.store.put('k', 'x', { expected: first }), { code: 'ERR_CONFLICT' });
  store.disconnect(a);
  await t.throwsAsync(a.store.get('k'), { code: 'ERR_UNAVAILABLE' });
  t.is(text((await b.store.get('k'))?.value), 'w');
  const other = await sharing();
  t.throws(() => store.disconnect(other), { code: 'ERR_OPTION' });
});

test('a key in a store lives as long as the clock of who asks says', async (t) => {
  const server = await sharing({ store: new TestStore() });
  await server.store.put('k', 'v', { ttlMs: 1000 });
  server.advance(999);
  t.not(await server.store.get('k'), null);
  server.advance(1);
  t.is(await server.store.get('k'), null);
});

async function room(): Promise<{ bus: TestBus; a: Harness; b: Harness }> {
  const bus = new TestBus();
  const [a, b] = [await sharing({ topics: bus }), await sharing({ topics: bus })];
  for (const server of [a, b]) runs(server, server.connect(), 'j . 7 0 room;');
  a.logs.splice(0);
  b.logs.splice(0);
  return { bus, a, b };
}

test('harnesses with one bus are one room, and nobody gets a message twice', async (t) => {
  const { a, b } = await room();
  const lines: string[] = [];
  b.subscribe('room', (data) => lines.push(text(data)));
  a.connect().send('p 0 room one;');
  b.publish('room', 'two');
  t.deepEqual(logged(a), ['= 0', 'message 0 7 0 room one', 'message 0 7 0 room two']);
  t.deepEqual(logged(b), ['message 0 7 0 room one', 'message 0 7 0 room two']);
  t.deepEqual(lines, ['one', 'two']);
  t.like(a.stats().engines.topics, { sent: 1, received: 1, lost: 0 });
});

test('members may answer each other from harness to harness', async (t) => {
  const { a, b } = await room();
  let left = 10;
  for (const server of [a, b]) {
    server.subscribe('ball', (data) => {
      left -= 1;
      if (left > 0) server.publish('room', text(data));
    });
    server.subscribe('room', (data) => left > 0 && server.publish('ball', text(data)));
  }
  a.publish('ball', 'x');
  t.true(left <= 0);
});

test('a message that is held arrives when it is released, with its retained copy', async (t) => {
  const { bus, a, b } = await room();
  bus.hold();
  a.publish('room', 'one', { retain: true });
  a.publish('room', 'two');
  t.deepEqual(
    bus.held.map(({ topic, data }) => `${topic} ${text(data)}`),
    ['room one', 'room two'],
  );
  t.deepEqual(logged(b), []);
  bus.release(1);
  t.deepEqual(logged(b), ['message 0 7 0 room one']);
  bus.release();
  t.deepEqual(logged(b), ['message 0 7 0 room two']);
  t.deepEqual(runs(b, b.connect(), 'j . 8 0 room;').log, ['message 1 8 1 room one']);
});

test('messages that are lost on their way are told to those whom they were for', async (t) => {
  const { bus, a, b } = await room();
  bus.hold();
  a.publish('room', 'lost');
  bus.lose();
  t.deepEqual([logged(a), logged(b)], [['message 0 7 0 room lost'], ['missed 0']]);
  a.publish('room', 'found');
  t.deepEqual(logged(b), ['message 0 7 0 room found']);
  t.like(a.stats().engines.topics, { lost: 1, gaps: 0 });
});

test('a harness that was cut off is told before the next message, and tells the others', async (t) => {
  const { bus, a, b } = await room();
  bus.disconnect(a);
  a.publish('room', 'here');
  b.publish('room', 'there');
  t.deepEqual([logged(a), logged(b)], [['message 0 7 0 room here'], ['message 0 7 0 room there']]);
  t.like(a.stats().engines, { ready: false, topics: { connected: false } });
  bus.connect(a);
  t.deepEqual([logged(a), logged(b)], [['missed 0'], ['missed 0']]);
  t.deepEqual([a.missed, b.missed], [[], []]);
  a.publish('room', 'again');
  t.deepEqual(logged(b), ['message 0 7 0 room again']);
});

test('what was on its way to a harness that is cut off does not come later', async (t) => {
  const { bus, a, b } = await room();
  bus.hold();
  a.publish('room', 'one');
  bus.disconnect(b);
  bus.connect(b);
  bus.release();
  t.deepEqual(logged(b), ['missed 0']);
  t.is(a.stats().engines.topics?.lost, 0);
});

test('a bus that holds too much takes nothing more, and tells it when there is room', async (t) => {
  const bus = new TestBus();
  const policy = { queueBytes: 65_536 };
  const [a, b] = [await sharing({ topics: bus, policy }), await sharing({ topics: bus })];
  runs(b, b.connect(), 'j . 7 0 room;');
  logged(b);
  bus.hold();
  for (let number = 0; number < 100; number += 1) a.publish('room', `${number}`);
  const { sent, lost } = a.stats().engines.topics!;
  t.true(sent > 10 && sent < 50);
  t.is(sent + lost, 100);
  bus.release();
  const lines = logged(b);
  t.is(lines.filter((line) => line.startsWith('message')).length, sent);
  t.true(lines.includes('missed 0'));
});

test('what is no engine of a test is refused by code', async (t) => {
  for (const options of [{ store: 'redis://127.0.0.1' }, { topics: new TestStore() }]) {
    await t.throwsAsync(sharing(options as object), {
      code: 'ERR_OPTION',
      message: /^(store must be a TestStore|topics must be a TestBus) in a harness$/,
    });
  }
});

test('a subscriber is called before the call returns in which a guest has published', async (t) => {
  const server = await sharing();
  const lines: string[] = [];
  server.subscribe('room', (data) => lines.push(text(data)));
  server.connect().send('p 0 room one;');
  t.deepEqual(lines, ['one']);
});
