// A server with TLS, end to end: what clients of node:tls see of it, whoever serves them.

import { setTimeout as after } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import test from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import type { TlsOptions } from '../../host/tls/options.ts';
import { pattern } from '../helpers/bytes.ts';
import { Certificates } from '../helpers/certificates.ts';
import { Client, connect, over } from '../helpers/client.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { until } from '../helpers/proc.ts';

const atEnd: (() => void)[] = [];
const certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
const pair = certificates.make('localhost');
test.after.always(() => {
  for (const end of atEnd) end();
});

const quick = { drainQuietMs: 0, graceMs: 5000, lingerMs: 500 };

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

interface Started {
  readonly server: Server;
  readonly address: string;
  /** Reasons of connections that were closed. */
  readonly reasons: string[];
}

async function start(
  t: Owner,
  options: Partial<ServeOptions> = {},
  tls: Partial<TlsOptions> = {},
): Promise<Started> {
  const { certFile: cert, keyFile: key } = pair;
  const server = await serve({
    protocol: 'echo',
    workers: 0,
    listen: [{ address: '127.0.0.1:0', tls: { cert, key, ...tls } }],
    ...options,
    policy: { ...quick, ...options.policy },
  });
  t.teardown(() => server.close());
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  return { server, address: server.addresses[0]!, reasons };
}

const closing = (server: Server): Promise<string> =>
  new Promise((resolve) => server.once('close', ({ reason }) => resolve(reason)));

/** Reads up to the end of a text. */
async function heard(client: Client, text: string): Promise<void> {
  let last = '';
  while (!last.endsWith(text)) {
    last += (await client.readExactly(1)).toString('latin1');
  }
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const;

for (const workers of [0, 1, 2]) {
  for (const maxVersion of versions) {
    test(`${workers} workers, ${maxVersion}: echo, and half a connection closed first`, async (t) => {
      const { server, address } = await start(t, { workers });
      const all = Array.from({ length: 4 }, async (_, index) => {
        const client = await connect(address, { owner: t, secure: { maxVersion } });
        t.is(client.tls.getProtocol(), maxVersion);
        const sent = pattern(200_000 + index, index);
        await client.send(sent);
        client.end();
        t.true(Buffer.from(sent).equals(await client.readAll()));
      });
      await Promise.all(all);
      // What was sent is counted when the system call has returned, which clients may be ahead of.
      await until(() => server.stats().bytesOut === 4 * 200_000 + 6);
      const { tls, bytesIn, bytesOut, errors } = server.stats();
      t.like(tls, { handshakes: 4, resumed: 0, truncated: 0 });
      t.is(bytesIn, 4 * 200_000 + 6);
      t.is(bytesOut, bytesIn);
      t.true(tls!.wireBytesOut > bytesOut);
      t.deepEqual(errors, {});
    });
  }

  test(`${workers} workers: 3 MB come whole to a client that reads late`, async (t) => {
    const { address } = await start(t, { workers });
    const client = await connect(address, { owner: t, paused: true, secure: {} });
    const sent = pattern(3_000_000, 1);
    const taken = client.send(sent);
    await after(50);
    client.resume();
    await taken;
    t.true(Buffer.from(sent).equals(await client.readExactly(sent.length)));
    client.end();
    t.is((await client.readAll()).length, 0);
  });
}

test('the server half-closes first, and is still heard', async (t) => {
  const { address } = await start(t, { protocol: scriptedModule });
  for (const maxVersion of versions) {
    const client = await connect(address, { owner: t, secure: { maxVersion } });
    await client.send('q;s .,bye;x .,2;');
    t.is((await client.readAll()).toString(), 'bye');
    await client.send('x .,0;');
    client.end();
    t.is(await client.closed, 'end');
  }
});

test('a stream that ends without close_notify is truncated, and its guest hears no end', async (t) => {
  const { server, address, reasons } = await start(t);
  const client = await connect(address, { owner: t, secure: {} });
  await client.send('hello');
  await client.readExactly(5);
  const closed = closing(server);
  (client.tls as unknown as { _parent: { end(): void } })._parent.end();
  await closed;
  t.deepEqual(reasons, ['tls']);
  t.like(server.stats(), { errors: { TLS_TRUNCATED: 1 }, tls: { truncated: 1 } });
});

test('with a lenient listener the end of the stream is an end', async (t) => {
  const { server, address, reasons } = await start(t, {}, { end: 'lenient' });
  const client = await connect(address, { owner: t, secure: {} });
  await client.send('hello');
  await client.readExactly(5);
  const closed = closing(server);
  (client.tls as unknown as { _parent: { end(): void } })._parent.end();
  await closed;
  t.deepEqual(reasons, ['peer']);
  t.deepEqual(server.stats().errors, {});
});

test('whoever speaks another protocol gets an end, and the guest hears nothing', async (t) => {
  const { server, address, reasons } = await start(t, { policy: { lingerMs: 100 } });
  let opened = 0;
  server.on('open', () => {
    opened += 1;
  });
  const client = await connect(address, { owner: t });
  await client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.is((await client.readAll()).length, 0);
  client.destroy();
  const silent = await connect(address, { owner: t });
  silent.end();
  t.is((await silent.readAll()).length, 0);
  t.is(opened, 0);
  t.deepEqual(reasons, []);
  t.like(server.stats(), { errors: { TLS: 2 }, tls: { handshakes: 0, failed: { notTls: 1 } } });
  t.like(server.stats().connections, { total: 0, refused: 2 });
});

test('a handshake that is not done in time is reset', async (t) => {
  const { server, address } = await start(t, { policy: { handshakeTimeoutMs: 2000 } });
  const client = await connect(address, { owner: t, secure: {} });
  // Later than the one that is done, so that the time of both is over when this one is reset.
  const silent = await connect(address, { owner: t });
  t.is(await silent.closed, 'ECONNRESET');
  t.like(server.stats(), { errors: { TLS_TIMEOUT: 1 }, connections: { open: 1 } });
  await client.send('still here');
  t.is((await client.readExactly(10)).toString(), 'still here');
});

test('of too many handshakes the oldest is given up, and those that are done do not count', async (t) => {
  const { server, address } = await start(t, { policy: { maxHandshakes: 2 } });
  const done = await connect(address, { owner: t, secure: {} });
  const others: Client[] = [];
  for (let made = 0; made < 7; made += 1) {
    others.push(await connect(address, { owner: t }));
    // A handshake that gets through is in nobody's way.
    const quickly = await connect(address, { owner: t, secure: {} });
    quickly.end();
    await quickly.closed;
  }
  for (const gone of others.slice(0, 5)) t.is(await gone.closed, 'ECONNRESET');
  t.is(server.stats().errors.TLS_HANDSHAKES, 6);
  await done.send('here');
  t.is((await done.readExactly(4)).toString(), 'here');
});

test('data that comes with the end of the handshake is served after on_open', async (t) => {
  const { address } = await start(t, { protocol: scriptedModule });
  for (let tries = 0; tries < 5; tries += 1) {
    const connecting = connect(address, { owner: t, secure: {} });
    const client = await connecting;
    await client.send('q;s .,first;');
    t.is((await client.readExactly(5)).toString(), 'first');
    client.destroy();
  }
});

test('the module is swapped under live sessions', async (t) => {
  const { server, address } = await start(t, { workers: 1 });
  const client = await connect(address, { owner: t, secure: {} });
  await client.send('one');
  await client.readExactly(3);
  await server.swap('echo');
  await client.send('two');
  t.is((await client.readExactly(3)).toString(), 'two');
  client.end();
  t.is((await client.readAll()).length, 0);
});

test('a guest that hangs costs its own session, and the others go on with the next thread', async (t) => {
  const { server, address, reasons } = await start(t, {
    protocol: hazard(),
    workers: 1,
    policy: { callbackTimeoutMs: 500, handshakeTimeoutMs: 60_000 },
  });
  const clients = await Promise.all(
    versions.map((maxVersion) => connect(address, { owner: t, secure: { maxVersion } })),
  );
  const shaking = await connect(address, { owner: t });
  for (const client of clients) {
    await client.send('?');
    t.is((await client.readExactly(1)).toString(), '1');
  }
  const evil = await connect(address, { owner: t, secure: {} });
  const restarted = new Promise((resolve) => server.once('restart', resolve));
  await evil.send('H');
  await restarted;
  for (const client of clients) {
    await client.send('?');
    t.is((await client.readExactly(1)).toString(), '2');
    client.end();
    t.is((await client.readAll()).length, 0);
  }
  await evil.closed;
  t.deepEqual(reasons.slice(0, 1), ['hung']);
  // One amid its handshake goes on as well.
  await shaking.send('GET / HTTP/1.1\r\n\r\n');
  t.is((await shaking.readAll()).length, 0);
});

// Alone: whoever says nothing for a second and a half in its handshake is not waited for.
test.serial('a drain lets sessions end as they should, and handshakes too', async (t) => {
  const { server, address } = await start(t, { workers: 1, policy: { drainQuietMs: 1500 } });
  const client = await connect(address, { owner: t, secure: {} });
  await client.send('hello');
  await client.readExactly(5);
  const late = await connect(address, { owner: t });
  // When this has come back, the other one was accepted.
  await client.send('again');
  await client.readExactly(5);
  const closed = server.close();
  late.socket.removeAllListeners();
  const other = new Client(over(late.socket, {}), false, 'secureConnect');
  await other.opened;
  t.is((await client.readAll()).length, 0);
  client.end();
  t.is((await other.readAll()).length, 0);
  other.end();
  await closed;
  t.deepEqual(server.stats().errors, {});
});

test('members of a room hear each other, in clear and by TLS', async (t) => {
  const { certFile: cert, keyFile: key } = pair;
  const server = await serve({
    protocol: 'chat',
    workers: 1,
    listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls: { cert, key } }],
    policy: quick,
  });
  t.teardown(() => server.close());
  const [clear, secure] = server.addresses;
  const members = await Promise.all([
    connect(clear!, { owner: t }),
    connect(secure!, { owner: t, secure: {} }),
    connect(clear!, { owner: t }),
    connect(secure!, { owner: t, secure: {} }),
  ]);
  const names = ['anna', 'bert', 'cora', 'dave'];
  for (const [index, member] of members.entries()) {
    await member.send(`${names[index]}\n`);
    for (const other of members.slice(0, index)) await heard(other, `${names[index]} has joined`);
  }
  const long = 'x'.repeat(5_000);
  for (const [index, member] of members.entries()) {
    for (const text of ['short', long]) {
      await member.send(`${text}\n`);
      for (const other of members) {
        if (other !== member) await heard(other, `${names[index]}: ${text}\n`);
      }
    }
  }
  t.deepEqual(server.stats().errors, {});
});

test('a guest that traps costs its own session', async (t) => {
  const { address, reasons } = await start(t, { protocol: hazard() });
  const client = await connect(address, { owner: t, secure: {} });
  const evil = await connect(address, { owner: t, secure: {} });
  await evil.send('T');
  await evil.closed;
  t.deepEqual(reasons, ['trap']);
  await client.send('?');
  t.is((await client.readExactly(1)).toString(), '1');
});

test('a client that comes back resumes its session, with whatever worker it meets', async (t) => {
  const { server, address } = await start(t, { workers: 2 });
  const first = await connect(address, { owner: t, secure: {} });
  const session = await new Promise<Buffer>((resolve) => first.tls.once('session', resolve));
  for (let tries = 0; tries < 6; tries += 1) {
    const back = await connect(address, { owner: t, secure: { session } });
    t.true(back.tls.isSessionReused());
    await back.send('x');
    await back.readExactly(1);
  }
  t.is(server.stats().tls?.resumed, 6);
});

test('a session that went on can go on again: whoever has used a ticket is given another', async (t) => {
  const { server, address } = await start(t, { workers: 1 });
  let session: Buffer | undefined;
  for (let times = 0; times < 4; times += 1) {
    const secure = session === undefined ? {} : { session };
    const client = await connect(address, { owner: t, secure });
    t.is(client.tls.isSessionReused(), times > 0);
    let given: Buffer | undefined;
    client.tls.on('session', (ticket) => {
      given = ticket;
    });
    // Tickets come before the echo.
    await client.send('x');
    await client.readExactly(1);
    t.truthy(given);
    session = given;
  }
  t.is(server.stats().tls?.resumed, 3);
});

test('behind a balancer, its header is in clear, and TLS begins behind it, in one piece or two', async (t) => {
  const { certFile: cert, keyFile: key } = pair;
  const server = await serve({
    protocol: 'echo',
    workers: 1,
    listen: { address: '127.0.0.1:0', tls: { cert, key }, proxy: { from: ['127.0.0.1'] } },
    policy: quick,
  });
  t.teardown(() => server.close());
  for (const corked of [true, false]) {
    const { socket } = await connect(server.addresses[0]!, { owner: t });
    socket.removeAllListeners();
    const opened = new Promise<string>((resolve) => {
      server.once('open', ({ address }) => resolve(address));
    });
    if (corked) socket.cork();
    socket.write('PROXY TCP4 192.0.2.1 192.0.2.2 4242 443\r\n');
    const secure = connectTls({ socket, rejectUnauthorized: false });
    t.teardown(() => secure.destroy());
    if (corked) setImmediate(() => socket.uncork());
    secure.write('hello');
    t.is(await opened, '192.0.2.1:4242');
    t.is(String(await new Promise((resolve) => secure.once('data', resolve))), 'hello');
  }
});
