// What upstreams meet that their clients meet, too: guests that hang, threads that are replaced, swaps, drains, and a
// machine that has no descriptors left.

import test from 'ava';
import { loadModule } from '../../host/module/protocol-module.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { connect as connectClient } from '../helpers/client.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';
import { received, upstreamPeer } from '../helpers/upstream-peer.ts';
import { leadsTo, outward } from '../helpers/upstreams.ts';

const scripted = (): Uint8Array => compiledGuest('scripted');
const quick = { callbackTimeoutMs: 500 };

test('a guest that hangs in on_connect loses that connection, and its successor goes on with all others', async (t) => {
  const db = await upstreamPeer(t, (socket) => void socket.pipe(socket));
  const server = await outward(
    t,
    compiledGuest('hanging'),
    [
      { name: 'good', resolve: () => leadsTo(db.address) },
      { name: 'hang', resolve: () => leadsTo(db.address) },
    ],
    { workers: 1, policy: quick },
  );
  const [one, other] = [
    await connectClient(server.address, { owner: t }),
    await connectClient(server.address, { owner: t }),
  ];
  await one.send('good');
  t.is((await one.readExactly(5)).toString(), 'there');
  await one.send('echoed');
  t.is((await one.readExactly(6)).toString(), 'echoed');
  await other.send('hang');
  await server.until(() => server.restarts.length === 1);
  t.regex(server.restarts[0]!, /did not return within/);
  await one.send('and again');
  t.is((await one.readExactly(9)).toString(), 'and again');
  await server.until(() => server.counts.all === 1);
  // Who had asked for the one that hangs lives.
  t.deepEqual(
    server.endings.map(({ reason, listener }) => [reason, listener]),
    [[9, 'upstream hang']],
  );
});

test('a connection that is being made when the thread is lost is there for its successor', async (t) => {
  const db = await upstreamPeer(t);
  const resolved: ((found: ReturnType<typeof leadsTo>) => void)[] = [];
  const slow = {
    name: 'slow',
    resolve: () =>
      new Promise<ReturnType<typeof leadsTo>>((resolve) => {
        resolved.push(resolve);
      }),
  };
  const server = await outward(t, compiledGuest('hanging'), [slow], { workers: 1, policy: quick });
  const client = await connectClient(server.address, { owner: t });
  await client.send('slow');
  await server.until(() => resolved.length === 1);
  const second = await connectClient(server.address, { owner: t });
  await second.send('loop');
  await server.until(() => server.restarts.length === 1);
  resolved[0]!(leadsTo(db.address));
  t.is((await client.readExactly(5)).toString(), 'there');
  const socket = await db.came(1);
  await client.send('sent before and after');
  await new Promise((resolve) => socket.once('data', resolve));
  t.is(db.sockets.length, 1);
  t.is(server.counts.all, 1);
});

test('a module is swapped under connections that are being made, and they come to the new one', async (t) => {
  const db = await upstreamPeer(t);
  const resolved: ((found: ReturnType<typeof leadsTo>) => void)[] = [];
  const slow = {
    name: 'db',
    resolve: () =>
      new Promise<ReturnType<typeof leadsTo>>((resolve) => {
        resolved.push(resolve);
      }),
  };
  for (const workers of [0, 1]) {
    const server = await outward(t, scripted(), [slow], { workers });
    const client = await connectClient(server.address, { owner: t });
    await client.send('+ 3;u .,1,db;s 1,kept;');
    await server.until(() => resolved.length === workers + 1);
    await server.engine.swap(await loadModule(scripted(), resolvePolicy()), false);
    await server.logged('restore 0 3');
    resolved[workers]!(leadsTo(db.address));
    await server.logged('connect');
    const socket = await db.came(workers + 1);
    const { bytes } = await new Promise<{ bytes: Buffer }>((resolve) =>
      socket.once('data', (data: Buffer) => resolve({ bytes: data })),
    );
    t.is(bytes.toString(), 'kept');
  }
});

test('a module without on_connect cannot take over from one that has it', async (t) => {
  const server = await outward(t, scripted(), [{ name: 'db', resolve: () => 'refused' }]);
  const module = await loadModule(bundledModule('echo'), resolvePolicy());
  const error = await t.throwsAsync(server.engine.swap(module, false), { code: 'ERR_GUEST' });
  t.regex(error.message, /has on_connect, and it has none/);
});

test('a module that imports connect has to export on_connect', async (t) => {
  const source = compiledGuest('mute');
  const error = await t.throwsAsync(loadModule(source, resolvePolicy()), { code: 'ERR_MODULE' });
  t.regex(error.message, /missing callback: .*on_connect/);
});

for (const workers of [0, 1]) {
  test(`a drain lets a spliced pair finish what it has begun, with workers: ${workers}`, async (t) => {
    const db = await upstreamPeer(t);
    const upstream = { name: 'upstream', resolve: () => leadsTo(db.address) };
    const policy = { drainQuietMs: 30_000 };
    const server = await outward(t, bundledModule('proxy'), [upstream], { workers, policy });
    const client = await connectClient(server.address, { owner: t });
    await client.send('question');
    const socket = await db.came(1);
    await new Promise((resolve) => socket.once('data', resolve));
    server.engine.drain();
    socket.end('answer');
    t.is((await client.readAll()).toString(), 'answer');
    client.end();
    await server.until(() => server.engine.snapshot().connections.open === 0);
    t.is(server.counts.all, 0);
  });
}

test('a drain closes connections to upstreams that nobody has a use for any more', async (t) => {
  const db = await upstreamPeer(t, (socket) => socket.resume().on('end', () => socket.end()));
  const server = await outward(t, scripted(), [{ name: 'db', resolve: () => leadsTo(db.address) }]);
  const client = await connectClient(server.address, { owner: t });
  await client.send('u #0,0,db;');
  await server.logged('connect 1 -1');
  server.engine.drain();
  await server.logged('close 0 10');
  client.end();
  await server.logged('close 1 10');
  await server.until(() => server.engine.snapshot().connections.open === 0);
  t.is(server.counts.all, 0);
});

test('a flood of connects is bounded, and clients are served beside it', async (t) => {
  const db = await upstreamPeer(t);
  await db.stop();
  const server = await outward(
    t,
    scripted(),
    [{ name: 'db', max: 50, resolve: () => leadsTo(db.address) }],
    { workers: 1 },
  );
  const client = await connectClient(server.address, { owner: t });
  await client.send('q;');
  for (let round = 0; round < 20; round += 1) await client.send('* 100{u .,0,db;}');
  const other = await connectClient(server.address, { owner: t });
  await other.send('s .,served;');
  t.is((await other.readExactly(6)).toString(), 'served');
  await server.until(() => server.counts.all === 0 && server.outcomes.length > 0);
  t.true(server.outcomes.every((outcome) => outcome === 'refused' || outcome === 'resources'));
  t.deepEqual(server.restarts, []);
});

test('what was received of a reset upstream is still told', async (t) => {
  const db = await upstreamPeer(t);
  const server = await outward(t, bundledModule('proxy'), [
    { name: 'upstream', resolve: () => leadsTo(db.address) },
  ]);
  const client = await connectClient(server.address, { owner: t });
  await client.send('x');
  const socket = await db.came(1);
  const heard = received(socket);
  client.reset();
  await heard;
  await server.until(() => server.counts.all === 0);
  t.deepEqual(server.counts.moved(0), { bytesIn: 0, bytesOut: 1 });
});

for (const workers of [0, 1]) {
  test(`a guest that asks for connections and gives them up keeps nothing else from its turn, with workers: ${workers}`, async (t) => {
    const db = await upstreamPeer(t);
    let [turn, inTurn, most, begun] = [0, 0, 0, 0];
    const resolve = () => {
      if (inTurn === 0) {
        setImmediate(() => {
          turn += 1;
          inTurn = 0;
        });
      }
      inTurn += 1;
      begun += 1;
      most = Math.max(most, inTurn);
      return leadsTo(db.address);
    };
    const server = await outward(t, compiledGuest('fickle'), [{ name: 'db', resolve }], {
      workers,
    });
    const [flooder, other] = [
      await connectClient(server.address, { owner: t }),
      await connectClient(server.address, { owner: t }),
    ];
    await flooder.send('!');
    const cancelled = () => server.outcomes.length;
    await server.until(() => cancelled() > 5000);
    await other.send('served');
    t.is((await other.readExactly(6)).toString(), 'served');
    await flooder.send('!');
    await server.until(() => server.counts.all === 0);
    await other.send('again');
    t.is((await other.readExactly(5)).toString(), 'again');
    // In a turn of the event loop no more are begun than take a moment, and the rest cost no connection.
    t.true(most <= 64, `${most} in one turn`);
    t.log(`${cancelled()} cancelled, ${begun} begun, in ${turn} turns`);
    t.deepEqual(server.restarts, []);
  });
}

test('a guest that has asked for more than the server has looked at is told LIMIT', async (t) => {
  const server = await outward(
    t,
    compiledGuest('fickle'),
    [{ name: 'db', resolve: () => 'refused' }],
    { workers: 1 },
  );
  const client = await connectClient(server.address, { owner: t });
  await client.send('!');
  // The thread of the server stands still, as if it had much else to do.
  while (!server.logs.includes('LIMIT')) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    await new Promise(setImmediate);
  }
  t.true(server.engine.snapshot().connections.open >= 1);
});

test('a callback that hangs after it has linked a connection to another client ends that client not', async (t) => {
  const db = await upstreamPeer(t);
  const upstream = { name: 'db', resolve: () => leadsTo(db.address) };
  const server = await outward(t, scripted(), [upstream], { workers: 1, policy: quick });
  const [parent, hangs] = [
    await connectClient(server.address, { owner: t }),
    await connectClient(server.address, { owner: t }),
  ];
  await parent.send('s .,first;');
  t.is((await parent.readExactly(5)).toString(), 'first');
  await hangs.send('u 0,1,db;* 2000000000{}');
  await hangs.closed;
  await server.until(() => server.restarts.length === 1);
  t.is(server.counts.all, 0);
  await parent.send('s .,alive;');
  t.is((await parent.readExactly(5)).toString(), 'alive');
  // A link of its own is made as if the other had never been.
  await parent.send('u .,1,db;');
  await server.logged('connect');
  t.is(server.counts.all, 1);
  t.is(db.sockets.length, 1);
});
