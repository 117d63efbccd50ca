// What the store is to a guest: each request is performed when its callback has returned and replied to
// once, in order; what waits is bounded, and a drain waits for it. Commands are those of test/helpers/sharing.ts.

import test from 'ava';
import {
  REASON_SHUTDOWN,
  REASON_TRAP,
  STATUS_BOUNDS,
  STATUS_CLOSED,
  STATUS_LIMIT,
  STATUS_OK,
  STATUS_STATE,
  STATUS_UNAVAILABLE,
  STATUS_UNKNOWN,
} from '../../assembly/abi.ts';
import { Loopback } from '../../host/kernel/loopback/loopback.ts';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { Reactor } from '../../host/reactor/reactor.ts';
import type { SharedSeat } from '../../host/shared/contract.ts';
import { Twin } from '../../host/shared/twin.ts';
import type { Harness } from '../../host/testing/harness.ts';
import { logged } from '../helpers/guests.ts';
import { runs, sharing, sharingModule } from '../helpers/sharing.ts';

const OK = STATUS_OK;

const told = (server: Harness): string[] => logged(server).filter((line) => !line.startsWith('='));

test('requests are answered in the order asked, with their tags, after the callback', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  const { statuses, log } = runs(
    server,
    peer,
    'g . 1 k;u . 2 0 -1 k one;g . 3 k;a . 4 0 5 n;a . 5 0 -7 n;d . 6 -1 k;g . 7 k;d . 8 -1 k;a . 9 0 1 s;',
  );
  t.deepEqual(statuses, Array(9).fill(OK));
  t.deepEqual(log, [
    'reply 0 1 -5',
    'reply 0 2 0 1',
    'reply 0 3 0 1 one',
    'reply 0 4 0 2 5',
    'reply 0 5 0 3 -2',
    'reply 0 6 0',
    'reply 0 7 -5',
    'reply 0 8 -5',
    'reply 0 9 0 4 1',
  ]);
});

test('an expected version decides whether a key is set or deleted', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  const script =
    'u . 1 0 0 k a;u . 2 0 0 k b;u . 3 0 1 k c;u . 4 0 1 k d;d . 5 1 k;d . 6 2 k;u . 7 0 0 k e;';
  t.deepEqual(runs(server, peer, script).log, [
    'reply 0 1 0 1',
    'reply 0 2 -6',
    'reply 0 3 0 2',
    'reply 0 4 -6',
    'reply 0 5 -6',
    'reply 0 6 0',
    'reply 0 7 0 3',
  ]);
});

test('all connections and the program have the same keys', async (t) => {
  const server = await sharing();
  const [one, other] = [server.connect(), server.connect()];
  runs(server, one, 'u . 1 0 -1 k from one;');
  t.deepEqual(runs(server, other, 'g . 2 k;').log, ['reply 1 2 0 1 from one']);
  t.is(new TextDecoder().decode((await server.store.get('k'))!.value), 'from one');
  await server.store.put('k', 'from the program');
  t.deepEqual(runs(server, one, 'g . 3 k;').log, ['reply 0 3 0 2 from the program']);
});

test('a time to live is over to the millisecond, and add starts one only with the key', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  runs(server, peer, 'u . 1 100 -1 k v;a . 2 100 1 n;');
  server.advance(60);
  runs(server, peer, 'a . 3 100 1 n;');
  server.advance(39);
  t.deepEqual(runs(server, peer, 'g . 4 k;g . 5 n;').log, ['reply 0 4 0 1 v', 'reply 0 5 0 3 2']);
  server.advance(1);
  t.deepEqual(runs(server, peer, 'g . 6 k;g . 7 n;').log, ['reply 0 6 -5', 'reply 0 7 -5']);
});

test('a number that is none is CONFLICT, and a sum out of range LIMIT', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  await server.store.put('large', `${2 ** 53 - 1}`);
  t.deepEqual(runs(server, peer, 'u . 1 0 -1 k text;a . 2 0 1 k;a . 3 0 1 large;').log, [
    'reply 0 1 0 2',
    'reply 0 2 -6',
    'reply 0 3 -3',
  ]);
});

test('connection 0 asks, and hears nothing', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  const { statuses, log } = runs(server, peer, 'u 0 1 0 -1 k v;g 0 2 k;a 0 3 0 1 n;d 0 4 -1 m;');
  t.deepEqual([statuses, log], [[OK, OK, OK, OK], []]);
  t.deepEqual(runs(server, peer, 'g . 5 k;').log, ['reply 0 5 0 1 v']);
});

test('on_close may store with connection 0, and not with its own', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  runs(server, peer, 'e 3 {u 0 1 0 -1 k last;g . 2 k;};');
  peer.reset();
  t.deepEqual(logged(server), ['close 0 11', '= 0 -1']);
  t.is(new TextDecoder().decode((await server.store.get('k'))!.value), 'last');
});

const refused: [what: string, commands: string, status: number][] = [
  ['a key without a byte', 'g . 1 ;', STATUS_BOUNDS],
  ['a key over maxKeyBytes', 'g . 1 *513;', STATUS_LIMIT],
  ['the longest key', 'g . 1 *512;', OK],
  ['a value over maxValueBytes', 'u . 1 0 -1 k *65537;', STATUS_LIMIT],
  ['the longest value', 'u . 1 0 -1 k *65536;', OK],
  ['a connection that there is not', 'g 99 1 k;', STATUS_CLOSED],
  ['a connection that closes in the same callback', 'x 0;g . 1 k;', STATUS_STATE],
  ['a connection that is aborted in the same callback', 'x 1;g . 1 k;', STATUS_CLOSED],
];

for (const [what, commands, status] of refused) {
  test(`requests: ${what}`, async (t) => {
    const server = await sharing();
    t.is(runs(server, server.connect(), commands).statuses.at(-1), status);
  });
}

test('the longest value comes back whole', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'u . 1 0 -1 k *65536;g . 2 k;').log, [
    'reply 0 1 0 1',
    `reply 0 2 0 1 ${'*'.repeat(64)}`,
  ]);
});

test('maxRequests and maxPending bound what waits, and replies make room', async (t) => {
  const server = await sharing({ policy: { maxRequests: 2, maxPending: 256 } });
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'g . 1 a;g . 2 a;g . 3 a;').statuses, [OK, OK, STATUS_LIMIT]);
  t.deepEqual(runs(server, peer, 'g . 1 a;g . 2 a;g . 3 a;').statuses, [OK, OK, STATUS_LIMIT]);
  t.is(server.stats().shared.pending, 0);

  const other = await sharing({ policy: { maxRequests: 65_536, maxPending: 256 } });
  const asks = (times: number): string => 'g . 1 a;'.repeat(times);
  const { statuses } = runs(other, other.connect(), asks(257));
  t.deepEqual(statuses, [...Array(256).fill(OK), STATUS_LIMIT]);
  t.deepEqual(runs(other, other.connect(), asks(256)).statuses, Array(256).fill(OK));
});

test('a callback that traps asks for nothing, and its requests do not count', async (t) => {
  const server = await sharing({ policy: { maxRequests: 2, maxPending: 256 } });
  const [one, other] = [server.connect(), server.connect()];
  one.send(`u . 1 0 -1 k v;g ${other.connection} 2 k;g ${other.connection} 3 k;T;`);
  t.is(one.closeReason, REASON_TRAP);
  t.deepEqual(told(server), ['close 0 8']);
  t.deepEqual(runs(server, other, 'g . 1 k;g . 2 k;').log, ['reply 1 1 -5', 'reply 1 2 -5']);
});

test('a trap in on_reply costs its connection, and the others have their replies', async (t) => {
  const server = await sharing();
  const [one, other] = [server.connect(), server.connect()];
  runs(server, one, 'e 1 {T;};');
  runs(server, one, `g . 1 a;g . 2 a;g ${other.connection} 3 a;g ${other.connection} 4 a;`);
  t.is(one.closeReason, REASON_TRAP);
  t.is(server.traps.length, 1);
  t.is(server.stats().shared.pending, 0);
});

test('a connection that asks for another one has that one answered', async (t) => {
  const server = await sharing();
  const [one, other] = [server.connect(), server.connect()];
  t.deepEqual(runs(server, one, `g ${other.connection} 3 a;`).log, ['reply 1 3 -5']);
});

test('replies that are left by a connection that is gone are for nobody', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'g . 1 a;x 1;').log, ['close 0 2']);
  t.is(server.stats().shared.pending, 0);
});

test('what a reply asks for next is answered in a later callback', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  runs(server, peer, 'e 1 {e 1 {};u . 2 0 -1 k v;g . 3 k;};');
  t.deepEqual(runs(server, peer, 'g . 1 k;').log, [
    'reply 0 1 -5',
    '= 0 0',
    'reply 0 2 0 1',
    'reply 0 3 0 1 v',
  ]);
});

test('a paused connection and a slow one have their replies', async (t) => {
  const server = await sharing({
    policy: { highWaterBytes: 16 * 1024, lowWaterBytes: 4 * 1024 },
  });
  const peer = server.connect({ bufferBytes: 4096 });
  t.deepEqual(runs(server, peer, 'P 0;s *40000;g . 1 k;').log, ['reply 0 1 -5']);
});

test('what storeBytes has no room for is replied as LIMIT, and nothing is thrown out', async (t) => {
  const server = await sharing({ policy: { storeBytes: 64 * 1024 } });
  const peer = server.connect();
  t.deepEqual(runs(server, peer, 'u . 1 0 -1 a *60000;u . 2 0 -1 b *60000;g . 3 b;').log, [
    'reply 0 1 0 1',
    'reply 0 2 -3',
    'reply 0 3 -5',
  ]);
  t.is((await server.store.get('a'))!.value.length, 60_000);
});

test('a swap changes nothing of requests and keys', async (t) => {
  const server = await sharing();
  const peer = server.connect();
  runs(server, peer, 'u . 1 0 -1 k v;');
  await server.swap(sharingModule);
  t.deepEqual(runs(server, peer, 'g . 2 k;').log, ['reply 0 2 0 1 v']);
});

/** A reactor on the simulated network, whose store requests are left to the test. */
async function place(seat?: SharedSeat) {
  const policy = resolvePolicy({
    ...{ maxConnections: 4, poolBytes: 1 << 20, maxBacklogBytes: 1 << 20, drainQuietMs: 100 },
    lingerMs: 0,
  });
  const kernel = new Loopback();
  const lines: string[] = [];
  const clock = { now: 1 };
  const reactor = new Reactor({
    kernel,
    module: await loadModule(sharingModule, policy),
    policy,
    observer: {
      ...{ open: null, data: null, close: null },
      restart: ({ why }) => lines.push(why),
      failure: (error) => lines.push(String(error)),
      fault: () => true,
      log: (_level, text) => lines.push(text) > 0,
    },
    now: () => clock.now,
    buffer: ArrayBuffer,
    ...(seat === undefined ? {} : { seat, routed: true }),
  });
  const { fd, client } = kernel.connect(1 << 16, 'unix:');
  reactor.open(fd);
  const run = (commands = ''): string[] => {
    if (commands !== '') client.send(new TextEncoder().encode(commands));
    while (reactor.turn());
    return lines.splice(0);
  };
  return { reactor, clock, run };
}

test('without shared state all of it is answered STATE', async (t) => {
  const { run } = await place();
  const commands = 'j . 0 0 a;l . 0 a;p 0 a b;g . 1 k;u . 2 0 -1 k v;d . 3 -1 k;a . 4 0 1 k;';
  t.deepEqual(run(commands), [`= ${Array(7).fill(STATUS_STATE).join(' ')}`]);
});

const twin = (limits = {}): Twin => {
  const bounds = { groupBytes: 1 << 20, queueBytes: 1 << 20, storeBytes: 1 << 20, maxJoins: 8 };
  const shared = new Twin({ ...bounds, ...limits }, () => undefined);
  shared.open(0, -1);
  shared.open(1, -1);
  shared.routeStore(0);
  return shared;
};

test('a drain waits for replies', async (t) => {
  const shared = twin();
  const { reactor, clock, run } = await place(shared.seat(1));
  t.deepEqual(
    run('e 0 {};g . 1 k;H;').map((line) => line.split(' ')[1]),
    ['0'],
  );
  reactor.drain();
  clock.now += 1000;
  t.deepEqual([run(), reactor.connections], [[], 1]);
  shared.reply(1, (1 << 2) | 0, 1, 0, new Uint8Array(8));
  reactor.wake();
  t.deepEqual(run(), ['reply 0 1 0 0 ', `close 0 ${REASON_SHUTDOWN}`]);
});

test('a request that finds no room where it is queued for another one is LIMIT at once', async (t) => {
  const { run } = await place(twin({ queueBytes: 64 * 1024 }).seat(1));
  t.deepEqual(run('u . 1 0 -1 k *60000;'), [`= ${OK}`]);
  t.deepEqual(run('u . 2 0 -1 k *60000;g . 3 k;'), [`= ${STATUS_LIMIT} ${OK}`]);
});

test('replies of statuses that only a store elsewhere has are passed on', async (t) => {
  const shared = twin();
  const { reactor, run } = await place(shared.seat(1));
  run('u . 1 0 -1 k v;g . 2 k;');
  const handle = (1 << 2) | 0;
  shared.reply(1, handle, 1, STATUS_UNKNOWN, Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0));
  shared.reply(1, handle, 2, STATUS_UNAVAILABLE, new Uint8Array(0));
  reactor.wake();
  t.deepEqual(run(), [`reply 0 1 ${STATUS_UNKNOWN} 7 `, `reply 0 2 ${STATUS_UNAVAILABLE}`]);
});
