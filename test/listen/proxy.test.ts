// PROXY headers over real sockets: who is believed, and that nobody else can say who he is.

import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { type Client, connect } from '../helpers/client.ts';
import { small } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { until } from '../helpers/proc.ts';
import { temporary } from '../helpers/process.ts';
import { CLIENT, field, joined, v1, v1Of, v2 } from '../helpers/proxy.ts';

const LOCAL = { address: '127.0.0.1:0', proxy: { from: '127.0.0.0/8' } };

interface Served {
  readonly server: Server;
  readonly opened: string[];
  readonly lines: { fields: object; message: string }[];
}

async function served(t: ExecutionContext, options: Partial<ServeOptions> = {}): Promise<Served> {
  const lines: { fields: object; message: string }[] = [];
  const opened: string[] = [];
  const ignore = (): void => undefined;
  const warn = (fields: object, message: string): void => void lines.push({ fields, message });
  const logger = { debug: ignore, info: ignore, warn, error: ignore, isLevelEnabled: () => false };
  const server = await serve({
    protocol: 'echo',
    listen: LOCAL,
    workers: 0,
    logger,
    ...options,
    policy: { ...small, drainQuietMs: 0, lingerMs: 0, ...options.policy },
  });
  t.teardown(() => server.close());
  // Workers tell of a close from the first connection on.
  server.on('close', () => undefined);
  server.on('open', ({ address }) => opened.push(address));
  return { server, opened, lines };
}

async function echoes(client: Client, text: string): Promise<boolean> {
  await client.send(text);
  return String(await client.readExactly(text.length)) === text;
}

/** The connection is over without a byte. */
async function refused(t: ExecutionContext, client: Client): Promise<void> {
  t.true(['ECONNRESET', 'EPIPE', 'end'].includes(await client.closed));
  t.is(client.waiting, 0);
}

for (const workers of [0, 1]) {
  test(`a header that comes byte by byte names the client, with workers: ${workers}`, async (t) => {
    const { server, opened } = await served(t, { workers });
    for (const header of [v1(), v2(field(0x02, 'example.org')), v1('UNKNOWN')]) {
      const client = await connect(server.addresses[0]!, { owner: t });
      for (const byte of header) {
        await client.send(Uint8Array.of(byte));
        await setImmediate();
      }
      t.true(await echoes(client, 'hello'));
    }
    await until(() => opened.length === 3);
    t.deepEqual(opened.slice(0, 2), [CLIENT, CLIENT]);
    t.regex(opened[2]!, /^127\.0\.0\.1:\d+$/);
    t.is(server.stats().bytesIn, 15);
  });
}

test('what follows the header in one segment is the first that the guest gets', async (t) => {
  const { server } = await served(t);
  const payload = Buffer.alloc(300_000, 'behind the header ');
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send(joined(v2(), payload));
  t.is(Buffer.compare(await client.readExactly(payload.length), payload), 0);
  client.end();
  t.is((await client.readAll()).length, 0);
});

test('whoever is not trusted is closed, counted and told of, whatever he says', async (t) => {
  const { server, opened, lines } = await served(t, {
    listen: { address: '127.0.0.1:0', proxy: { from: ['127.0.0.2', '10.0.0.0/8'] } },
  });
  for (const bytes of [v1(), v2(), 'hello']) {
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send(bytes).catch(() => undefined);
    await refused(t, client);
  }
  t.is(server.stats().errors.PROXY, 3);
  t.deepEqual(server.stats().connections, { open: 0, total: 0, refused: 3 });
  t.deepEqual(opened, []);
  t.like(lines[0], {
    fields: { reason: 'PROXY', listener: '127.0.0.1:0' },
    message: 'refused: PROXY headers are not believed from there',
  });
  const port = Number(server.addresses[0]!.split(':')[1]);
  const socket = connectSocket({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
  t.teardown(() => socket.destroy());
  socket.write(joined(v1(), 'hello'));
  const [data] = (await once(socket, 'data')) as [Buffer];
  t.is(String(data), 'hello');
  t.deepEqual(opened, [CLIENT]);
});

test('a client cannot name another: behind the header, and without one, a header is data', async (t) => {
  const { server, opened } = await served(t, { listen: [LOCAL, '127.0.0.1:0'] });
  const forged = v1Of('203.0.113.66');
  const behind = await connect(server.addresses[0]!, { owner: t });
  await behind.send(joined(v1(), forged));
  t.is(String(await behind.readExactly(forged.length)), String(Buffer.from(forged)));
  const plain = await connect(server.addresses[1]!, { owner: t });
  for (const bytes of [forged, v2()]) {
    await plain.send(bytes);
    t.is(Buffer.compare(await plain.readExactly(bytes.length), bytes), 0);
  }
  t.deepEqual(opened, [CLIENT, plain.localAddress]);
});

test('everybody who may connect to a Unix socket is believed, if it says so', async (t) => {
  const address = `unix:${temporary(t)}/s`;
  const { server, opened } = await served(t, { listen: { address, proxy: true } });
  const client = await connect(address, { owner: t });
  await client.send(v1());
  t.true(await echoes(client, 'hello'));
  t.deepEqual(opened, [CLIENT]);
  const silent = await connect(address, { owner: t });
  await silent.send('hello');
  await refused(t, silent);
  t.is(server.stats().errors.PROXY, 1);
});

test('a connection waits for its header whoever hangs meanwhile', async (t) => {
  const { server, opened } = await served(t, {
    protocol: hazard(),
    listen: [LOCAL, '127.0.0.1:0'],
    workers: 1,
    policy: { callbackTimeoutMs: 500 },
  });
  const waiting = await connect(server.addresses[0]!, { owner: t });
  const header = v2(field(0x02, 'example.org'));
  await waiting.send(header.subarray(0, 20));
  const open = await connect(server.addresses[0]!, { owner: t });
  await open.send(joined(header, '?'));
  t.is(String(await open.readExactly(1)), '1');
  const hung = await connect(server.addresses[1]!, { owner: t });
  const { localAddress } = hung;
  const restarted = once(server, 'restart');
  await hung.send('H');
  await restarted;
  await refused(t, hung);
  await waiting.send(header.subarray(20));
  t.true(await echoes(waiting, 'hello'));
  await open.send('?');
  t.is(String(await open.readExactly(1)), '2');
  const again = once(server, 'restart');
  await waiting.send('H');
  const [{ address }] = (await again) as [{ address: string }];
  t.is(address, CLIENT);
  t.deepEqual(opened.toSorted(), [CLIENT, CLIENT, localAddress].toSorted());
});

test('lists and limits count for the client that the header names', async (t) => {
  const { server, opened, lines } = await served(t, {
    listen: { ...LOCAL, allow: ['192.0.2.0/24', '2001:db8::/32'], deny: '192.0.2.128/25' },
    workers: 1,
    policy: { connectionsPerAddress: 2 },
  });
  const [address] = server.addresses as [string];
  const come = async (header: Uint8Array): Promise<Client> => {
    const client = await connect(address, { owner: t });
    await client.send(header).catch(() => undefined);
    return client;
  };
  for (const client of ['198.51.100.1', '192.0.2.200', '2001:db9::1']) {
    await refused(t, await come(v1Of(client)));
  }
  t.is(server.stats().errors.DENIED, 3);
  const first = await come(v1Of('192.0.2.1'));
  const second = await come(v1Of('192.0.2.1'));
  t.true((await echoes(first, 'one')) && (await echoes(second, 'two')));
  await refused(t, await come(v1Of('192.0.2.1')));
  t.is(server.stats().errors.ADDRESS_CONNECTIONS, 1);
  // The balancer itself is neither listed nor limited.
  for (const name of ['a', 'b', 'c']) t.true(await echoes(await come(v1('UNKNOWN')), name));
  t.true(await echoes(await come(v1Of('192.0.2.2')), 'three'));
  const closed = once(server, 'close');
  first.end();
  await closed;
  t.true(await echoes(await come(v1Of('192.0.2.1')), 'four'));
  const told = (): number => opened.filter((one) => one.startsWith('192.0.2.1:')).length;
  while (told() < 3) await once(server, 'open');
  t.is(told(), 3);
  t.like(lines[0]!.fields, { reason: 'DENIED', peer: '198.51.100.1:4711' });
});
