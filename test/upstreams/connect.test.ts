// Connections to upstreams over real sockets, in the server's own thread and in workers: what a guest asks for, and what
// it hears.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { type Client, connect as connectClient } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { received, upstreamPeer } from '../helpers/upstream-peer.ts';
import { leadsTo, type Outward, outward, type PlayedUpstream } from '../helpers/upstreams.ts';

const scripted = (): Uint8Array => compiledGuest('scripted');

async function scriptedWith(
  t: ExecutionContext,
  upstreams: readonly PlayedUpstream[],
  options: Parameters<typeof outward>[3] = {},
): Promise<{ server: Outward; client: Client }> {
  const server = await outward(t, scripted(), upstreams, options);
  return { server, client: await connectClient(server.address, { owner: t }) };
}

const to = (name: string, address: string): PlayedUpstream => ({
  name,
  resolve: () => leadsTo(address),
});

async function answer(client: Client, script: string, length: number): Promise<string> {
  await client.send(script);
  return (await client.readExactly(length)).toString();
}

for (const workers of [0, 1, 2]) {
  test(`a guest connects to an upstream, with workers: ${workers}`, async (t) => {
    const db = await upstreamPeer(t, (socket) => socket.write('s 0,from the upstream;'));
    const { server, client } = await scriptedWith(t, [to('db', db.address)], { workers });
    t.is(await answer(client, 'u .,0,db;', 17), 'from the upstream');
    await server.logged('connect 1 0');
    t.is(server.counts.open(0), 1);
    t.deepEqual(server.outcomes, ['connected']);
    t.deepEqual(server.restarts, []);
  });
}

test('what is sent to an upstream before it is there comes first, and in order', async (t) => {
  const db = await upstreamPeer(t);
  const { client } = await scriptedWith(t, [to('db', db.address)]);
  await client.send('U{s 1,third;x 1,0;}u .,0,db;s 1,first ;s 1,second ;');
  const { bytes, how } = await received(await db.came(1));
  t.is(bytes.toString(), 'first second third');
  t.is(how, 'end');
});

test('an upstream that was closed before it was there still gets what was sent to it', async (t) => {
  const db = await upstreamPeer(t, (socket) => socket.on('end', () => socket.end()));
  const { server, client } = await scriptedWith(t, [to('db', db.address)]);
  await client.send('u .,0,db;s 1,all of it;x 1,0;');
  const { bytes } = await received(await db.came(1));
  t.is(bytes.toString(), 'all of it');
  await server.logged('close 1 2');
  t.false(server.logs.some((line) => line.startsWith('connect')));
});

test('one that is closed before it is there, with nothing to say, is not made', async (t) => {
  const { server, client } = await scriptedWith(t, [
    { name: 'db', resolve: () => new Promise(() => undefined) },
  ]);
  await client.send('u .,0,db;x 1,0;u .,0,db;x 2,1;');
  await server.logged('close 1 2');
  await server.logged('close 2 2');
  t.deepEqual(server.outcomes, ['cancelled', 'cancelled']);
  t.is(server.counts.all, 0);
});

test('an upstream is told who the client is, before anything else', async (t) => {
  const db = await upstreamPeer(t);
  const header = ({ peer, local }: { peer: string; local: string }): Uint8Array =>
    new TextEncoder().encode(`${peer} at ${local}|`);
  const { server, client } = await scriptedWith(t, [{ ...to('db', db.address), header }]);
  await client.send('u .,0,db;s 1,hello;x 1,0;');
  const { bytes } = await received(await db.came(1));
  t.is(bytes.toString(), `${client.localAddress} at ${server.address}|hello`);
});

test('an unknown name is DENIED, LINK without a parent BOUNDS, a parent that is gone CLOSED', async (t) => {
  const patterns = [{ suffix: '.example.com', port: 443 }];
  const { server, client } = await scriptedWith(t, [
    { name: 'db', resolve: () => 'refused' },
    { name: 'any', patterns, resolve: () => 'refused' },
  ]);
  await client.send(
    'u .,0,nobody;u #0,1,db;u #12345,0,db;u .,2,db;u .,0,db:host;u .,0,any;' +
      'u .,0,any:example.org;u .,0,any:www.example.com:443;',
  );
  await server.logged('=');
  t.is(server.logs.at(-1), '=-9 -2 -1 -2 -9 -9 -9 -9');
  t.is(server.counts.all, 0);
});

test('a host that fits the pattern is handed to the operator as it was written', async (t) => {
  const asked: string[] = [];
  const patterns = [{ suffix: '.example.com', port: 443 }];
  const resolve = (added: string): 'denied' => {
    asked.push(added);
    return 'denied';
  };
  const { server, client } = await scriptedWith(t, [{ name: 'any', patterns, resolve }]);
  await client.send('u .,0,any:WWW.example.com;');
  await server.logged('close 1 13');
  t.deepEqual(asked, ['WWW.example.com']);
  t.deepEqual(server.outcomes, ['denied']);
});

test("over an upstream's max, and over maxUpstreams, connect is LIMIT", async (t) => {
  const waits = { resolve: () => new Promise<never>(() => undefined) };
  const { server, client } = await scriptedWith(
    t,
    [
      { name: 'few', max: 2, ...waits },
      { name: 'many', ...waits },
    ],
    { policy: { maxUpstreams: 4 } },
  );
  await client.send('u .,0,few;u .,0,few;u .,0,few;u .,0,many;u .,0,many;u .,0,many;');
  await server.logged('=');
  t.is(server.logs.at(-1), '=1 2 -3 3 4 -3');
  await client.send('x 1,1;');
  await server.logged('close 1 2');
  await client.send('u .,0,few;');
  await server.logged('=5');
});

test('a full table is LIMIT, and clients find room again when connections are over', async (t) => {
  const waits = { name: 'db', resolve: () => new Promise<never>(() => undefined) };
  const { server, client } = await scriptedWith(t, [waits], { policy: { maxConnections: 4 } });
  await client.send('u .,0,db;u .,0,db;u .,0,db;u .,0,db;');
  await server.logged('=1 2 3 -3');
  const refused = await connectClient(server.address, { owner: t });
  t.not(await refused.closed, '');
  await client.send('x 1,1;');
  await server.logged('close 1 2');
  const second = await connectClient(server.address, { owner: t });
  t.is(await answer(second, 's .,there is room;', 13), 'there is room');
});

test('what a callback that traps has asked for was never there', async (t) => {
  const db = await upstreamPeer(t);
  const { server, client } = await scriptedWith(t, [to('db', db.address)]);
  const other = await connectClient(server.address, { owner: t });
  await client.send('u .,0,db;u .,1,db;s 2,x;T;');
  await client.closed;
  t.is(await answer(other, 'u .,0,db;s .,ok;', 2), 'ok');
  await db.came(1);
  await server.logged('connect');
  t.is(server.counts.all, 1);
  t.deepEqual(server.outcomes, ['connected']);
  t.is(server.engine.snapshot().connections.open, 2);
});

test('a stack that ends amid a connect costs the callback, and no count', async (t) => {
  const waits = { name: 'db', resolve: () => new Promise<never>(() => undefined) };
  const server = await outward(t, compiledGuest('deep'), [waits]);
  /** Whether the guest could connect so many frames down. */
  const connects = async (depth: number): Promise<boolean> => {
    const client = await connectClient(server.address, { owner: t });
    await client.send(new Uint8Array(Int32Array.of(depth).buffer));
    const answers = client.readExactly(1).then(
      (byte) => byte[0] === 0x64,
      () => false,
    );
    const made = await answers;
    client.destroy();
    return made;
  };
  let made = 0;
  let [possible, impossible] = [0, 1 << 20];
  while (impossible - possible > 1) {
    const depth = (possible + impossible) >> 1;
    if (await connects(depth)) [possible, made] = [depth, made + 1];
    else impossible = depth;
  }
  // What it takes of the stack changes when it is compiled again, but not by so much.
  for (let depth = possible - 60; depth < possible + 20; depth += 1) {
    if (await connects(depth)) made += 1;
  }
  await server.until(() => server.engine.snapshot().connections.open === made);
  t.is(server.counts.all, made);
  t.true(made > 0 && server.restarts.length > 0);
});

test('a connection that is refused is a close with CONNECT, and no trap', async (t) => {
  const db = await upstreamPeer(t);
  await db.stop();
  const { server, client } = await scriptedWith(t, [to('db', db.address)]);
  await client.send('u .,0,db;s 1,never;');
  await server.logged('close 1 13');
  t.deepEqual(server.outcomes, ['refused']);
  t.is(server.counts.all, 0);
  t.is(await answer(client, 's .,still here;', 10), 'still here');
});

test('the next address is tried when one is refused', async (t) => {
  const [gone, db] = [await upstreamPeer(t), await upstreamPeer(t)];
  await gone.stop();
  const resolve = () =>
    [gone.address, db.address].flatMap((address) => leadsTo(address) as never[]);
  const { server, client } = await scriptedWith(t, [{ name: 'db', resolve }]);
  await client.send('u .,0,db;');
  await server.logged('connect 1 0');
  await db.came(1);
  t.is(db.sockets.length, 1);
});

test('an address of an interface that is not there costs one attempt', async (t) => {
  const db = await upstreamPeer(t);
  const nowhere = { target: 0, address: 'fe80::1%nowhere', port: 1 };
  const resolve = () => [nowhere, ...(leadsTo(db.address) as never[])];
  const { server, client } = await scriptedWith(t, [{ name: 'db', resolve }]);
  await client.send('u .,0,db;');
  await server.logged('connect 1 0');
  await db.came(1);
  t.is(db.sockets.length, 1);
});

/** Connects to a listener whose queue is full: the kernel drops what comes. */
function blackHole(t: ExecutionContext): string {
  const fd = native.listenTcp('127.0.0.1', 0, false, 0);
  const address = native.localAddress(fd) as string;
  const port = Number(address.split(':')[1]);
  const fillers = Array.from({ length: 3 }, () => native.connectTcp('127.0.0.1', port));
  t.teardown(() => {
    for (const each of [fd, ...fillers]) native.close(each);
  });
  return address;
}

test('a black hole ends after the time for connecting', async (t) => {
  const hole = blackHole(t);
  const { server, client } = await scriptedWith(t, [{ ...to('db', hole), timeoutMs: 50 }]);
  await client.send('u .,0,db;');
  await server.logged('close 1 13');
  t.deepEqual(server.outcomes, ['timeout']);
});

test('beside an address that does not answer the next one is tried', async (t) => {
  const hole = blackHole(t);
  const db = await upstreamPeer(t);
  const resolve = () => [hole, db.address].flatMap((address) => leadsTo(address) as never[]);
  const { server, client } = await scriptedWith(t, [{ name: 'db', resolve }]);
  await client.send('u .,0,db;');
  await server.logged('connect 1 0');
  t.deepEqual(server.outcomes, ['connected']);
});

test('when the client leaves while it connects, the upstream is still told, with no parent', async (t) => {
  const db = await upstreamPeer(t);
  const resolved: ((found: ReturnType<typeof leadsTo>) => void)[] = [];
  const { server, client } = await scriptedWith(t, [
    {
      name: 'db',
      resolve: () =>
        new Promise((resolve) => {
          resolved.push(resolve);
        }),
    },
  ]);
  await client.send('u .,0,db;u .,1,db;');
  await server.until(() => server.counts.all === 2);
  client.reset();
  await server.logged('close 0 11');
  // The linked one has nothing to wait for.
  await server.logged('close 2 2');
  t.is(server.counts.all, 1);
  resolved[0]!(leadsTo(db.address));
  await server.logged('connect 1 -1');
  t.deepEqual(server.outcomes, ['cancelled', 'connected']);
});

test('LINK ends both, after the output of either', async (t) => {
  const db = await upstreamPeer(t, (socket) => socket.end('s 0,the last words;'));
  const { server, client } = await scriptedWith(t, [to('db', db.address)]);
  await client.send('u .,1,db;');
  t.is((await client.readAll()).toString(), 'the last words');
  await server.logged('close 1 1');
  await server.logged('close 0 2');
  const second = await connectClient(server.address, { owner: t });
  await second.send('u .,1,db;');
  await server.logged('connect 3 2');
});

test('a linked connection that cannot be made ends its parent, which may still be told', async (t) => {
  const { server, client } = await scriptedWith(t, [{ name: 'db', resolve: () => 'unresolved' }]);
  await client.send('e c{s 0,sorry;}u .,1,db;');
  t.is((await client.readAll()).length, 0);
  await server.logged('close 1 13');
  await server.logged('close 0 2');
});

test('one client may have many linked connections, and its end is the end of all', async (t) => {
  const db = await upstreamPeer(t, (socket) => socket.resume().on('end', () => socket.end()));
  const { server, client } = await scriptedWith(t, [to('db', db.address)]);
  await client.send('u .,1,db;u .,1,db;u .,1,db;u .,1,db;');
  await server.logged('connect', 4);
  client.end();
  await server.logged('close', 5);
  await server.until(() => server.counts.all === 0);
  t.deepEqual(
    server.logs
      .filter((line) => line.startsWith('close '))
      .map((line) => line.split(' ').slice(0, 3).join(' '))
      .sort(),
    ['close 0 1', 'close 1 2', 'close 2 2', 'close 3 2', 'close 4 2'],
  );
});

test('a timer of an upstream runs while it connects', async (t) => {
  const { server, client } = await scriptedWith(t, [
    { name: 'db', resolve: () => new Promise(() => undefined) },
  ]);
  await client.send('u .,0,db;t 1,1;');
  await server.logged('timer 1');
  t.is(server.counts.all, 1);
});

/** How many sockets of this machine wait for an answer of that address: some may not be seen, and none twice. */
function asking(address: string): number {
  const port = Number(address.split(':')[1]).toString(16).padStart(4, '0').toUpperCase();
  const asked = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => ` ${line}`.split(/\s+/))
    .filter(([, , , remote, state]) => state === '02' && remote!.endsWith(`:${port}`));
  // The list is read in pieces, and changes between them.
  return new Set(asked.map(([, , local]) => local)).size;
}

test('a connection takes two descriptors at most, and still gets to the last of many addresses', async (t) => {
  const holes = [blackHole(t), blackHole(t), blackHole(t), blackHole(t)];
  const before = holes.map((hole) => Math.max(...[1, 2, 3, 4].map(() => asking(hole))));
  const db = await upstreamPeer(t);
  const resolve = () => [...holes, db.address].flatMap((address) => leadsTo(address) as never[]);
  const { server, client } = await scriptedWith(t, [{ name: 'db', resolve }]);
  await client.send('u .,0,db;');
  let most = 0;
  await server.until(() => {
    const now = holes.reduce((sum, hole, at) => sum + asking(hole) - before[at]!, 0);
    most = Math.max(most, now);
    return server.logs.some((line) => line.startsWith('connect 1'));
  });
  t.is(most, 2);
});

test('where there is no room for a second attempt beside the first, none is made', async (t) => {
  const hole = blackHole(t);
  const db = await upstreamPeer(t);
  const resolve = () => [hole, db.address].flatMap((address) => leadsTo(address) as never[]);
  const { server, client } = await scriptedWith(t, [{ name: 'db', resolve, timeoutMs: 700 }], {
    policy: { maxConnections: 2 },
  });
  await client.send('u .,0,db;');
  await server.logged('close 1 13');
  t.deepEqual(server.outcomes, ['timeout']);
  t.is(db.sockets.length, 0);
});

/** A Unix listener whose queue is full. @returns its address, and what lets all in who wait there */
function crowded(t: ExecutionContext): { address: string; letIn: () => number } {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasmpoll-crowded-'));
  const name = path.join(folder, 'a.sock');
  const descriptors = [native.listenUnix(name, 0o600, 0)];
  for (let fd = native.connectUnix(name); fd >= 0; fd = native.connectUnix(name)) {
    descriptors.push(fd);
  }
  t.teardown(() => {
    for (const each of descriptors) native.close(each);
    rmSync(folder, { recursive: true });
  });
  const letIn = (): number => {
    const fd = native.accept(descriptors[0]!);
    if (fd >= 0) descriptors.push(fd);
    return fd;
  };
  return { address: `unix:${name}`, letIn };
}

test('a Unix socket whose queue is full is tried again until there is room', async (t) => {
  const { address, letIn } = crowded(t);
  const { server, client } = await scriptedWith(t, [to('db', address)]);
  await client.send('u .,0,db;');
  await server.until(() => server.counts.all === 1);
  t.deepEqual(server.outcomes, []);
  await server.until(() => letIn() < 0 && server.outcomes.length > 0);
  t.deepEqual(server.outcomes, ['connected']);
  await server.logged('connect 1 0');
});

test('while the queue of a Unix socket is full the next target is tried, and a full one alone is a timeout', async (t) => {
  const { address } = crowded(t);
  const db = await upstreamPeer(t);
  const resolve = () => [address, db.address].flatMap((each) => leadsTo(each) as never[]);
  const { server, client } = await scriptedWith(t, [
    { name: 'both', resolve },
    { ...to('full', address), timeoutMs: 50 },
  ]);
  await client.send('u .,0,both;u .,0,full;');
  await server.logged('connect 1 0');
  await server.logged('close 2 13');
  t.deepEqual(server.outcomes, ['connected', 'timeout']);
});
