// Two connections whose bytes go to each other without the guest, over real sockets: order, ends, back-pressure, and what
// becomes of one when the other is lost.

import { createHash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { harness } from '../../host/testing/harness.ts';
import { type Client, connect as connectClient } from '../helpers/client.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';
import { received, upstreamPeer } from '../helpers/upstream-peer.ts';
import { leadsTo, type Outward, outward } from '../helpers/upstreams.ts';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes of which no two places look alike. */
const many = (length: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
};

interface Through {
  readonly server: Outward;
  readonly client: Client;
  readonly upstream: Awaited<ReturnType<typeof upstreamPeer>>;
}

async function through(
  t: ExecutionContext,
  options: Parameters<typeof outward>[3] = {},
  guest = bundledModule('proxy'),
  paused = false,
): Promise<Through> {
  const upstream = await upstreamPeer(t);
  const db = { name: 'upstream', resolve: () => leadsTo(upstream.address) };
  const server = await outward(t, guest, [db], options);
  const client = await connectClient(server.address, { owner: t, paused });
  return { server, client, upstream };
}

for (const workers of [0, 1]) {
  test(`megabytes go both ways at once, and none is lost or out of place, with workers: ${workers}`, async (t) => {
    const { client, upstream } = await through(t, { workers });
    const [question, answer] = [many(5_000_000, 1), many(7_000_000, 2)];
    const sent = client.send(question).then(() => client.end());
    const socket = await upstream.came(1);
    const asked = received(socket);
    socket.end(answer);
    const got = await client.readAll();
    await sent;
    t.is(digest(got), digest(answer));
    t.is(digest((await asked).bytes), digest(question));
  });
}

test('what a client sends before the upstream is there is waiting for it', async (t) => {
  const upstream = await upstreamPeer(t);
  let resolved: (found: ReturnType<typeof leadsTo>) => void = () => undefined;
  const resolve = (): Promise<ReturnType<typeof leadsTo>> =>
    new Promise((done) => {
      resolved = done;
    });
  const server = await outward(t, bundledModule('proxy'), [{ name: 'upstream', resolve }]);
  const client = await connectClient(server.address, { owner: t });
  const bytes = many(1_000_000, 3);
  const sent = client.send(bytes).then(() => client.end());
  await server.until(() => server.engine.snapshot().backlogBytes > 256 * 1024);
  // More is not read: it waits in the kernel.
  t.true(server.engine.snapshot().backlogBytes < 512 * 1024);
  resolved(leadsTo(upstream.address));
  const asked = await received(await upstream.came(1));
  await sent;
  t.is(digest(asked.bytes), digest(bytes));
});

test('an end goes on to the other side alone, and what that still says comes back', async (t) => {
  const { server, client, upstream } = await through(t);
  await client.send('question');
  client.end();
  const socket = await upstream.came(1);
  t.deepEqual(await received(socket), { bytes: Buffer.from('question'), how: 'end' });
  socket.end('answer');
  t.is((await client.readAll()).toString(), 'answer');
  await server.until(() => server.endings.length === 2);
  t.deepEqual(
    server.endings.map(({ reason }) => reason),
    [1, 1],
  );
  t.is(server.counts.all, 0);
});

test('an upstream may end first, and hears the client out', async (t) => {
  const { client, upstream } = await through(t);
  const socket = await upstream.came(1);
  const asked = received(socket);
  socket.end('I have said all');
  t.is((await client.readAll()).toString(), 'I have said all');
  await client.send('and I go on');
  client.end();
  t.is((await asked).bytes.toString(), 'and I go on');
});

test('a client that does not read holds its upstream back, and no memory is taken for it', async (t) => {
  const { server, client, upstream } = await through(t, {}, bundledModule('proxy'), true);
  const socket = await upstream.came(1);
  const bytes = many(24_000_000, 4);
  socket.end(bytes);
  await server.until(() => server.engine.snapshot().backlogBytes > 256 * 1024);
  let most = 0;
  client.resume();
  const got = client.readAll();
  const looks = setInterval(() => {
    most = Math.max(most, server.engine.snapshot().backlogBytes);
  }, 1);
  t.is(digest(await got), digest(bytes));
  clearInterval(looks);
  t.true(most < 1024 * 1024, `${most}`);
});

test('an upstream that does not read holds its client back, and still speaks', async (t) => {
  const { server, client, upstream } = await through(t);
  const socket = await upstream.came(1);
  socket.pause();
  const bytes = many(24_000_000, 5);
  const sent = client.send(bytes).then(() => client.end());
  await server.until(() => server.engine.snapshot().backlogBytes > 256 * 1024);
  t.true(server.engine.snapshot().backlogBytes < 1024 * 1024);
  socket.write('slowly');
  t.is((await client.readExactly(6)).toString(), 'slowly');
  const asked = received(socket);
  socket.resume();
  t.is(digest((await asked).bytes), digest(bytes));
  await sent;
});

test('a reset of the upstream ends its client, after what came before', async (t) => {
  const { server, client, upstream } = await through(t);
  const socket = await upstream.came(1);
  socket.write('the beginning');
  t.is((await client.readExactly(13)).toString(), 'the beginning');
  socket.resetAndDestroy();
  t.is((await client.readAll()).length, 0);
  await server.until(() => server.endings.length === 2);
  t.deepEqual(server.endings.map(({ reason }) => reason).sort(), [11, 2]);
});

test('a client that leaves takes its upstream with it', async (t) => {
  const { server, client, upstream } = await through(t);
  await client.send('x');
  const asked = received(await upstream.came(1));
  await server.until(() => server.engine.snapshot().bytesOut === 1);
  client.reset();
  await asked;
  await server.until(() => server.counts.all === 0);
  t.deepEqual(server.restarts, []);
});

test('what the guest has left of the input goes first', async (t) => {
  const { server, client, upstream } = await through(t, {}, compiledGuest('scripted'));
  await client.send('u .,0,upstream;m 3,0;');
  await server.logged('connect 1 0');
  // In this mode the guest takes nothing, and splices only when its timer runs.
  await client.send('held ');
  await server.until(() => server.logs.some((line) => line.startsWith('data 0 held')));
  const second = await connectClient(server.address, { owner: t });
  await second.send('j 0,1;');
  await server.until(() => server.logs.includes('=0'));
  await client.send('and new');
  client.end();
  const { bytes } = await received(await upstream.came(1));
  t.is(bytes.toString(), 'held and new');
});

test('without LINK the other side is the guest’s again when one is lost', async (t) => {
  const { server, client, upstream } = await through(t, {}, compiledGuest('scripted'));
  await client.send('u .,0,upstream;');
  await server.logged('connect 1 0');
  await client.send('j 0,1;');
  await server.logged('=0');
  await client.send('to the upstream');
  const socket = await upstream.came(1);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.resetAndDestroy();
  await server.logged('close 1 11');
  await client.send('s .,to the guest;');
  t.is((await client.readExactly(12)).toString(), 'to the guest');
});

test('while it lasts, a guest can neither send nor pause, and can close', async (t) => {
  const { server, client } = await through(t, {}, compiledGuest('scripted'));
  await client.send('u .,0,upstream;');
  await server.logged('connect 1 0');
  await client.send('j 0,1;s .,x;s 1,x;P .;R 1;w 1,9;x .,2;j 0,1;t .,60000;');
  await server.logged('=0');
  t.is(server.logs.at(-1), '=0 -4 -4 -4 -4 -4 -4 -4 0');
  const second = await connectClient(server.address, { owner: t });
  await second.send('j 2,2;j 2,0;x 0,0;');
  t.is((await client.readAll()).length, 0);
  await server.logged('close 0 2');
  await server.logged('=-2 -4 0');
});

test('a splice of a callback that traps is none', async (t) => {
  const { server, client } = await through(t, {}, compiledGuest('scripted'));
  await client.send('u .,0,upstream;');
  await server.logged('connect 1 0');
  const second = await connectClient(server.address, { owner: t });
  await second.send('j 0,1;T;');
  await second.closed;
  await client.send('s .,still mine;');
  t.is((await client.readExactly(10)).toString(), 'still mine');
  // Nor is it for the other of the two.
  await client.send('s 1,hi;');
  await server.logged('=2');
});

test('a frame that is as long as may be is no mistake when it is spliced away', async (t) => {
  const window = 2048;
  const policy = {
    receiveWindowBytes: window,
    maxFrameBytes: window,
    maxTopicBytes: 64,
    maxMessageBytes: 1024,
    maxValueBytes: 1024,
  };
  const { client, upstream } = await through(t, { policy }, compiledGuest('splicer'));
  const bytes = many(64 * 1024, 6);
  await client.send(bytes);
  client.end();
  const { bytes: got } = await received(await upstream.came(1));
  t.is(digest(got), digest(bytes));
});

test('whose partner takes its time to close waits for that in the kernel, and nothing turns in vain', async (t) => {
  const h = await harness(compiledGuest('scripted'), { upstreams: { db: { bufferBytes: 4096 } } });
  const client = h.connect();
  client.send('u .,0,db;');
  client.send('j 0,1;');
  client.send('x'.repeat(20_000));
  const second = h.connect();
  second.send('x 1,0;');
  let turns = 0;
  h.between = () => {
    turns += 1;
    if (turns > 1000) throw new Error('it turns in vain');
  };
  // More than the window holds.
  client.send('y'.repeat(400_000));
  h.between = null;
  t.true(turns < 100, `${turns} turns`);
  // What came meanwhile is the guest's when the other is over.
  const [db] = h.upstream('db').peers;
  while (db!.text() !== '');
  db!.end();
  t.true(h.logs.some(({ text }) => text.startsWith('close 1')));
  t.true(h.logs.some(({ text }) => text.startsWith('data 0 yyy')));
});
