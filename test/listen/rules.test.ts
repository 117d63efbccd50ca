// Rules: who is let in by a listener, how many of an address, and how fast.

import { connect as connectSocket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { native } from '../../host/kernel/native.ts';
import { parseIp } from '../../host/listen/peer/ip.ts';
import { Refusals, type Refused } from '../../host/listen/peer/refusals.ts';
import { type Client, connect } from '../helpers/client.ts';
import { small } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { hasV6, temporary } from '../helpers/process.ts';

async function served(t: ExecutionContext, options: Partial<ServeOptions>): Promise<Server> {
  const policy = { ...small, drainQuietMs: 0, lingerMs: 0, ...options.policy };
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    workers: 0,
    ...options,
    policy,
  });
  t.teardown(() => server.close());
  return server;
}

async function echoes(client: Client, text = 'hello'): Promise<boolean> {
  await client.send(text);
  return String(await client.readExactly(text.length)) === text;
}

/** `served`, or how the connection ended. */
async function comes(server: Server, from: string, index = 0): Promise<string> {
  const port = Number(/:(\d+)$/.exec(server.addresses[index]!)![1]);
  const host = from.includes(':') ? '::1' : '127.0.0.1';
  const socket = connectSocket({ host, port, localAddress: from });
  const ended = new Promise<string>((resolve) => {
    socket.once('data', () => resolve('served'));
    socket.once('error', () => resolve('refused'));
    socket.once('end', () => resolve('refused'));
  });
  socket.write('x');
  const how = await ended;
  socket.destroy();
  return how;
}

test('deny wins over allow, and who is not in allow is not let in', async (t) => {
  const server = await served(t, {
    listen: [
      '127.0.0.1:0?allow=127.0.0.0/30,::1&deny=127.0.0.2',
      '127.0.0.1:0?deny=127.0.0.3',
      '127.0.0.1:0',
    ],
  });
  t.is(await comes(server, '127.0.0.1'), 'served');
  t.is(await comes(server, '127.0.0.2'), 'refused');
  t.is(await comes(server, '127.0.0.3'), 'served');
  t.is(await comes(server, '127.0.0.4'), 'refused');
  t.is(await comes(server, '127.0.0.3', 1), 'refused');
  t.is(await comes(server, '127.0.0.4', 1), 'served');
  for (const from of ['127.0.0.2', '127.0.0.4']) t.is(await comes(server, from, 2), 'served');
  t.is(server.stats().errors.DENIED, 3);
  t.is(server.stats().connections.refused, 3);
  t.is(server.stats().connections.total, 5);
});

test('on [::] an IPv4 client is judged as IPv4', async (t) => {
  if (!hasV6(t)) return t.pass();
  const server = await served(t, { listen: '[::]:0?allow=127.0.0.2,::1' });
  t.is(await comes(server, '127.0.0.2'), 'served');
  t.is(await comes(server, '127.0.0.1'), 'refused');
  t.is(await comes(server, '::1'), 'served');
});

for (const workers of [0, 2]) {
  test(`an address has no more connections than it may, with workers: ${workers}`, async (t) => {
    const unix = `unix:${temporary(t)}/s`;
    const server = await served(t, {
      protocol: hazard(),
      listen: ['127.0.0.1:0', unix],
      workers,
      policy: { connectionsPerAddress: 3, callbackTimeoutMs: 500, poolBytes: 4 << 20 },
    });
    const address = server.addresses[0]!;
    const come = (): Promise<Client> => connect(address, { owner: t });
    const clients = [await come(), await come(), await come()];
    for (const client of clients) t.true(await echoes(client));
    const fourth = await come();
    t.true(['ECONNRESET', 'end'].includes(await fourth.closed));
    t.is(server.stats().errors.ADDRESS_CONNECTIONS, 1);
    t.is(server.stats().addresses, 1);
    t.is(await comes(server, '127.0.0.9'), 'served');
    // Unix sockets have no addresses.
    for (let index = 0; index < 5; index += 1)
      t.true(await echoes(await connect(unix, { owner: t })));
    // However one ends, its place is free: by the guest's trap, by its hang, by the client.
    const [first, second, third] = clients as [Client, Client, Client];
    const ends = workers === 0 ? [first] : [first, second];
    for (const [index, client] of ends.entries()) {
      await client.send(index === 0 ? 'T' : 'H');
      await client.closed;
      t.true(await echoes(await come()));
    }
    third.reset();
    // Seen when the server gets to it.
    let next = await come();
    while (!(await echoes(next).catch(() => false))) next = await come();
    const fifth = await come();
    t.true(['ECONNRESET', 'end'].includes(await fifth.closed));
  });
}

test('an address comes no faster than it may', async (t) => {
  const server = await served(t, { policy: { acceptRate: 3 } });
  const outcomes: string[] = [];
  // As many at once as may come in a second. A slow machine lets others in meanwhile.
  while (outcomes.length < 100 && !outcomes.includes('refused')) {
    outcomes.push(await comes(server, '127.0.0.1'));
  }
  t.deepEqual(outcomes.slice(0, 3), ['served', 'served', 'served']);
  t.is(outcomes.at(-1), 'refused');
  t.is(server.stats().errors.ADDRESS_RATE, outcomes.filter((how) => how === 'refused').length);
  t.is(await comes(server, '127.0.0.2'), 'served');
});

test('without rules nobody is looked at', async (t) => {
  const server = await served(t, {});
  t.is(await comes(server, '127.0.0.1'), 'served');
  t.is(server.stats().addresses, 0);
});

// The table of addresses, by itself.

/** Descriptors to count with: as many as wanted, closed at the end. */
function descriptors(t: ExecutionContext): () => number {
  const all: number[] = [];
  t.teardown(() => {
    for (const fd of all) native.close(fd);
  });
  return () => {
    const fd = native.eventfd(0);
    all.push(fd);
    return fd;
  };
}

test('the table counts IPv6 by /64, and link-local addresses one by one', (t) => {
  const next = descriptors(t);
  const peers = new native.Peers(100, 1, 0);
  const enter = (address: string): number =>
    native.enterPeer(peers.id, next(), parseIp(address)!, 0);
  t.is(enter('2001:db8::1'), 0);
  t.is(enter('2001:db8::2'), 1);
  t.is(enter('2001:db8:0:1::1'), 0);
  t.is(enter('192.0.2.1'), 0);
  t.is(enter('192.0.2.2'), 0);
  t.is(enter('::ffff:192.0.2.2'), 1);
  t.is(enter('fe80::1'), 0);
  t.is(enter('fe80::2'), 0);
  t.is(peers.known, 6);
});

test('a descriptor that is closed leaves the table, once', (t) => {
  const peers = new native.Peers(100, 2, 0);
  const address = parseIp('192.0.2.1')!;
  const [a, b, c] = [native.eventfd(0), native.eventfd(0), native.eventfd(0)];
  t.teardown(() => native.close(c));
  t.is(native.enterPeer(peers.id, a, address, 0), 0);
  t.is(native.enterPeer(peers.id, b, address, 0), 0);
  t.is(native.enterPeer(peers.id, c, address, 0), 1);
  native.close(a);
  // Its number is another's now, which counts nowhere.
  const other = native.eventfd(0);
  native.close(other);
  t.is(native.enterPeer(peers.id, c, address, 0), 0);
  native.reset(b);
  native.close(c);
  t.is(peers.known, 0);
});

test('as many as come in a second may come at once, and then one in each part of it', (t) => {
  const next = descriptors(t);
  const peers = new native.Peers(100, 0, 4);
  const address = parseIp('192.0.2.1')!;
  const enter = (now: number): number => native.enterPeer(peers.id, next(), address, now);
  const at = (now: number, count: number): number[] =>
    Array.from({ length: count }, () => enter(now));
  t.deepEqual(at(1000, 6), [0, 0, 0, 0, 2, 2]);
  t.deepEqual(at(1249, 1), [2]);
  t.deepEqual(at(1250, 2), [0, 2]);
  t.deepEqual(at(1750, 3), [0, 0, 2]);
  t.deepEqual(at(60_000, 5), [0, 0, 0, 0, 2]);
});

test('a full table forgets who has no connection and was not seen for the longest', (t) => {
  const peers = new native.Peers(4, 0, 1);
  const open: number[] = [];
  t.teardown(() => {
    for (const fd of open) native.close(fd);
  });
  const address = (last: number): Uint8Array => parseIp(`192.0.2.${last}`)!;
  const visit = (last: number): number => {
    const fd = native.eventfd(0);
    const verdict = native.enterPeer(peers.id, fd, address(last), 0);
    native.close(fd);
    return verdict;
  };
  const stay = (last: number): number => {
    open.push(native.eventfd(0));
    return native.enterPeer(peers.id, open.at(-1)!, address(last), 0);
  };
  t.is(stay(1), 0);
  for (const last of [2, 3, 4]) t.is(visit(last), 0);
  t.is(peers.known, 4);
  // Seen again, though refused: 3 is the oldest now.
  t.is(visit(2), 2);
  t.is(visit(5), 0);
  t.is(peers.known, 4);
  t.deepEqual([visit(2), visit(4), visit(5), visit(1)], [2, 2, 2, 2]);
  t.is(visit(3), 0, '3 was forgotten');
  // With a connection in every row there is room for nobody, and nobody is kept out for that.
  for (const last of [11, 12, 13]) t.is(stay(last), 0);
  t.deepEqual([stay(21), stay(21), stay(21)], [0, 0, 0]);
  t.is(peers.known, 4);
});

test('a table that is gone limits nobody, and closes what was in it', (t) => {
  const fd = native.eventfd(0);
  t.is(native.enterPeer(1 << 30, fd, parseIp('192.0.2.1')!, 0), 0);
  t.is(native.close(fd), 0);
  t.throws(() => native.enterPeer(0, 3, new Uint8Array(16), 0), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(() => native.enterPeer(1, 3, new Uint8Array(15), 0), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(() => new native.Peers(0, 1, 1), { code: 'ERR_OUT_OF_RANGE' });
});

test('of those who are kept out one is told of in a second, and how many more there were', (t) => {
  let now = 0;
  const told: Refused[] = [];
  const refusals = new Refusals(
    (refused) => told.push(refused),
    () => now,
  );
  const asked: string[] = [];
  const peer = (): string => {
    asked.push('asked');
    return `192.0.2.1:${asked.length}`;
  };
  const refuse = (): void => {
    refusals.add('DENIED', 'a:1', peer, 'why');
  };
  for (let count = 0; count < 5; count += 1) refuse();
  now = 1000;
  refuse();
  t.deepEqual(
    told.map(({ peer, more }) => [peer, more]),
    [
      ['192.0.2.1:1', 0],
      ['192.0.2.1:2', 4],
    ],
  );
  t.deepEqual(refusals.counts, { DENIED: 6 });
});
