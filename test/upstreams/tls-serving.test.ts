// Bytes and ends of connections to upstreams by TLS, whoever serves them.

import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket, type TlsOptions } from 'node:tls';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { pattern } from '../helpers/bytes.ts';
import { connect } from '../helpers/client.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { echoing, front, ground, type Owner, playing } from '../helpers/tls-upstream.ts';

const { pair, ca } = ground(test);
const tls = { ca, serverName: 'localhost' };
const { certFile: cert, keyFile: key } = pair;

/** A session over a socket, of which more is to be done below. */
const over = (socket: Socket): TLSSocket => {
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext(pair),
  });
  secure.on('error', () => undefined);
  return secure;
};

for (const [workers, secured, maxVersion] of [
  [0, false, 'TLSv1.3'],
  [0, true, 'TLSv1.2'],
  [1, true, 'TLSv1.3'],
  [2, false, 'TLSv1.2'],
] as const) {
  const by = secured ? 'by TLS' : 'in clear';
  test(`${workers} workers, ${by}, ${maxVersion}: what goes through comes back whole`, async (t) => {
    const port = await echoing(t, { ...pair, maxVersion });
    const listen = secured
      ? { address: '127.0.0.1:0', tls: { cert, key } }
      : { address: '127.0.0.1:0' };
    const api = { targets: `127.0.0.1:${port}`, tls };
    const { server, address } = await front(t, api, { workers, listen });
    const peer = await connect(address, { owner: t, ...(secured ? { secure: {} } : {}) });
    const sent = pattern(1_000_000, workers);
    // What does not fit waits on the way, before anything is read.
    peer.pause();
    const taken = peer.send(sent).then(() => peer.end());
    setImmediate(() => peer.resume());
    t.true(Buffer.from(sent).equals(await peer.readExactly(sent.length)));
    await taken;
    t.is(await peer.closed, 'end');
    const { connected, failed } = server.stats().upstreams.api!;
    t.deepEqual([connected, failed], [1, {}]);
    t.is(server.stats().tls!.truncated, 0);
  });
}

test('a server that speaks first, with the end of its handshake, is heard', async (t) => {
  for (const workers of [0, 1]) {
    const port = await echoing(t, pair, (socket) => void socket.write('220 welcome\r\n'));
    const { address } = await front(t, { targets: `127.0.0.1:${port}`, tls }, { workers });
    const client = await connect(address, { owner: t });
    t.is(String(await client.readExactly(13)), '220 welcome\r\n');
  }
});

test('its PROXY header goes first, in clear', async (t) => {
  const headers: string[] = [];
  const port = await playing(t, (socket) => {
    socket.once('readable', () => {
      const all = socket.read() as Buffer;
      const end = all.indexOf('\r\n') + 2;
      headers.push(all.subarray(0, end).toString());
      socket.unshift(all.subarray(end));
      const secure = over(socket);
      secure.pipe(secure);
    });
  });
  const { address } = await front(t, { targets: `127.0.0.1:${port}`, tls, proxy: 'v1' });
  const client = await connect(address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
  t.is(headers.length, 1);
  t.true(headers[0]!.startsWith(`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} `));
});

test('half a connection is closed by a word, and the other half goes on', async (t) => {
  const port = await echoing(t, pair, (socket) => {
    socket.unpipe();
    socket.once('end', () => socket.end('heard the end'));
    socket.resume();
  });
  const { address, reasons } = await front(t, { targets: `127.0.0.1:${port}`, tls });
  const client = await connect(address, { owner: t });
  await client.send('hello');
  client.end();
  t.regex(String(await client.readAll()), /heard the end$/);
  while (reasons.length < 2) await new Promise(setImmediate);
  t.deepEqual(reasons, ['peer', 'peer']);
});

for (const workers of [0, 1]) {
  test(`${workers} workers: a guest begins TLS in the middle, and is told when it is there`, async (t) => {
    // What comes from the upstream is a script, too.
    const port = await playing(t, (socket) => {
      let clear = '';
      const hear = (data: Buffer): void => {
        clear += data;
        if (clear !== 'EHLOtold') return;
        socket.off('data', hear);
        socket.write('S .;');
        const secure = over(socket);
        secure.once('data', (first) => secure.write(`s 0,${first} by TLS;`));
      };
      socket.on('data', hear);
    });
    for (const [serverName, expected] of [
      ['localhost', 'told by TLS'],
      ['other.example', 'tls'],
    ] as const) {
      const api = { targets: `127.0.0.1:${port}`, tls: { ca, serverName, starttls: true } };
      const { address, reasons } = await front(t, api, { workers, protocol: scriptedModule });
      const client = await connect(address, { owner: t });
      await client.send('U {s .,told;}u .,0,api;s 1,EHLO;');
      if (expected === 'tls') {
        while (reasons.length === 0) await new Promise(setImmediate);
        t.deepEqual(reasons, ['tls']);
      } else t.is(String(await client.readExactly(expected.length)), expected);
    }
  });
}

test('the operator’s serverName comes before the host that a guest has named, also where the guest begins TLS', async (t) => {
  const port = await playing(t, (socket) => {
    socket.once('data', () => {
      socket.write('S .;');
      const secure = over(socket);
      secure.once('data', (first) => secure.write(`s 0,${first} by TLS;`));
    });
  });
  for (const [serverName, named] of [
    ['localhost', '127.0.0.1'],
    ['other.example', 'localhost'],
  ] as const) {
    const options = { pattern: `*:${port}`, allowPrivate: true };
    const api = { ...options, tls: { ca, serverName, starttls: true } };
    const { address, reasons } = await front(t, api, { protocol: scriptedModule });
    const client = await connect(address, { owner: t });
    await client.send(`U {s .,told;}u .,0,api:${named};s 1,EHLO;`);
    if (serverName === 'localhost') t.is(String(await client.readExactly(11)), 'told by TLS');
    else {
      while (reasons.length === 0) await new Promise(setImmediate);
      t.deepEqual(reasons, ['tls']);
    }
  }
});

test('a connection that is open ends as before when its upstream is taken away', async (t) => {
  let cut = (): void => undefined;
  const port = await playing(t, (socket) => {
    const secure = over(socket);
    secure.once('data', () => secure.write('here'));
    cut = () => socket.end();
  });
  const { server, address, reasons } = await front(t, {
    ...{ targets: `127.0.0.1:${port}`, tls: { ...tls, end: 'lenient' } },
  });
  const client = await connect(address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(4)), 'here');
  server.setUpstreams({});
  cut();
  client.end();
  await client.closed;
  while (reasons.length < 2) await new Promise(setImmediate);
  t.deepEqual(reasons, ['peer', 'peer']);
  t.is(server.stats().errors.TLS_TRUNCATED ?? 0, 0);
});

for (const end of ['strict', 'lenient'] as const) {
  test(`${end}: a stream that is cut off is one, or it is an end`, async (t) => {
    const port = await playing(t, (socket) => {
      const secure = over(socket);
      secure.once('data', () => secure.write('cut', () => socket.end()));
    });
    const { server, address, reasons } = await front(t, {
      ...{ targets: `127.0.0.1:${port}`, tls: { ...tls, end } },
    });
    const client = await connect(address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(3)), 'cut');
    client.end();
    await client.closed;
    while (reasons.length < 2) await new Promise(setImmediate);
    t.is(reasons.includes('tls'), end === 'strict');
    t.is(server.stats().errors.TLS_TRUNCATED ?? 0, end === 'strict' ? 1 : 0);
  });
}

test('sessions go on with the next connection, as long as they may', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const tickets of [true, false]) {
      const port = await echoing(t, { ...pair, maxVersion });
      const { server, address } = await front(t, {
        ...{ targets: `127.0.0.1:${port}`, tls: { ...tls, tickets } },
      });
      for (let times = 0; times < 4; times += 1) {
        const client = await connect(address, { owner: t });
        await client.send('hello');
        await client.readExactly(5);
        client.end();
        await client.closed;
      }
      const { handshakes, resumed } = server.stats().tls!;
      t.is(handshakes, 4);
      // How many tickets a server gives is its own affair.
      t.is(resumed > 0, tickets, `${maxVersion} ${tickets}`);
    }
  }
});

test('a session is not resumed for another name, nor after a reload', async (t) => {
  const port = await echoing(t, { ...pair, maxVersion: 'TLSv1.2' } satisfies TlsOptions);
  const { server } = await front(
    t,
    { pattern: `*:${port}`, allowPrivate: true, tls: { ca } },
    { protocol: 'proxy', config: 'upstream=api:localhost' },
  );
  const visit = async (): Promise<void> => {
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('x');
    await client.readExactly(1);
    client.end();
    await client.closed;
  };
  await visit();
  await visit();
  t.is(server.stats().tls!.resumed, 1);
  await server.swap('proxy', { config: 'upstream=api:127.0.0.1' });
  await visit();
  t.is(server.stats().tls!.resumed, 1);
  await visit();
  t.is(server.stats().tls!.resumed, 2);
  server.reloadTls();
  await visit();
  t.is(server.stats().tls!.resumed, 2);
});

// In a process that has no other sessions meanwhile.
test.serial('when all is over no session is left', async (t) => {
  const owner: (() => void | Promise<void>)[] = [];
  const own: Owner = { teardown: (end) => void owner.push(end) };
  const before = native.tlsSessions();
  const stalled = await playing(own, () => undefined);
  const port = await echoing(own, pair);
  const { server, address } = await front(
    own,
    { targets: [`127.0.0.1:${port}`], tls },
    { upstreams: { api: { targets: `127.0.0.1:${stalled}`, tls } } },
  );
  const clients = await Promise.all([1, 2, 3].map(() => connect(address, { owner: t })));
  while (server.stats().upstreams.api!.connecting < 3) await new Promise(setImmediate);
  while (native.tlsSessions() < before + 3) await new Promise(setImmediate);
  for (const client of clients) client.reset();
  while (server.stats().upstreams.api!.open > 0) await new Promise(setImmediate);
  t.is(native.tlsSessions(), before);
  for (const end of owner.reverse()) await end();
});
