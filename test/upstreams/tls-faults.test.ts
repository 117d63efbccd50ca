// Handshakes that fail or stall: whom that is held against, and who has to wait for it.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { UpstreamTlsOptions } from '../../host/tls/outward.ts';
import { type LimitedLog, openOperator, setUpstreams } from '../../host/upstreams/system.ts';
import { connect } from '../helpers/client.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { echoing, front, ground, playing } from '../helpers/tls-upstream.ts';

const { certificates, pair, ca } = ground(test);
const tls = { ca, serverName: 'localhost' };
const old = createSecureContext({ ...pair, maxVersion: 'TLSv1.2' });
const strange = createSecureContext({ ...pair, ciphers: 'AES128-SHA', maxVersion: 'TLSv1.2' });
/** A machine that stands still for a moment ends no attempt. */
const connectTimeout = 60_000;

/** Reads the PROXY header of the first version. @returns the client that it names */
const named = async (socket: Socket): Promise<string> => {
  await once(socket, 'readable');
  const all = socket.read() as Buffer;
  const end = all.indexOf('\r\n') + 2;
  socket.unshift(all.subarray(end));
  return all.subarray(0, end).toString().split(' ')[2]!;
};

/** Echoes by TLS behind the header. @param denies whom it hangs up on; it notes whom it served in `served` */
const choosy = (t: ExecutionContext, denies: (client: string) => boolean, served: string[]) =>
  playing(t, async (socket) => {
    const client = await named(socket);
    if (denies(client)) {
      socket.destroy();
      return;
    }
    served.push(client);
    const secureContext = createSecureContext(pair);
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    secure.on('error', () => undefined);
    secure.pipe(secure);
  });

/** A client at an address of its own says hello, and hears it again. */
async function visit(t: ExecutionContext, address: string, localAddress: string): Promise<void> {
  const [host, port] = address.split(':') as [string, string];
  const socket = connectSocket({ host, port: Number(port), localAddress });
  t.teardown(() => socket.destroy());
  socket.write('hello');
  const [data] = (await once(socket, 'data')) as [Buffer];
  t.is(String(data), 'hello');
}

const resting = ({ server }: Awaited<ReturnType<typeof front>>): boolean[] =>
  server.stats().upstreams.api!.targets.map((target) => target.resting);

test('a target that hangs up on one client, whom the PROXY header names, does not rest for the others', async (t) => {
  const [served, others]: [string[], string[]] = [[], []];
  const denying = await choosy(t, (client) => client === '127.0.0.2', served);
  const other = await choosy(t, () => false, others);
  const at = await front(t, {
    ...{
      targets: [`127.0.0.1:${denying}`, `127.0.0.1:${other}`],
      tls,
      proxy: 'v1',
      connectTimeout,
    },
  });
  const began = performance.now();
  for (let times = 0; times < 4; times += 1) await visit(t, at.address, '127.0.0.2');
  const took = performance.now() - began;
  t.deepEqual(resting(at), [false, false]);
  t.deepEqual([served.length, others.length], [0, 4]);
  await visit(t, at.address, '127.0.0.1');
  await visit(t, at.address, '127.0.0.1');
  t.deepEqual([served.length, others.length], [1, 5]);
  // For a while the others do not begin there.
  if (took < 10_000) t.is(at.lines.length, 1);
  const { message, fields } = at.lines[0]!;
  t.is(message, 'upstream: a TLS handshake has failed');
  t.like(fields, { upstream: 'api', target: `127.0.0.1:${denying}`, reason: 'tls' });
});

test('a target that hangs up on several clients, one after the other, rests', async (t) => {
  const others: string[] = [];
  const denying = await choosy(t, () => true, []);
  const other = await choosy(t, () => false, others);
  const at = await front(t, {
    ...{
      targets: [`127.0.0.1:${denying}`, `127.0.0.1:${other}`],
      tls,
      proxy: 'v1',
      connectTimeout,
    },
  });
  for (const last of [2, 2, 3, 3]) await visit(t, at.address, `127.0.0.${last}`);
  t.deepEqual(resting(at), [false, false]);
  await visit(t, at.address, '127.0.0.4');
  t.is(others.length, 5);
  t.is(at.lines.at(-1)!.message, 'upstream: the target has failed, and rests');
});

test('a certificate is wrong for all, whoever the PROXY header names', async (t) => {
  const secureContext = createSecureContext(certificates.make('localhost'));
  const bad = await playing(t, async (socket) => {
    await named(socket);
    new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => undefined);
  });
  const other = await choosy(t, () => false, []);
  const at = await front(t, {
    ...{ targets: [`127.0.0.1:${bad}`, `127.0.0.1:${other}`], tls, proxy: 'v1', connectTimeout },
  });
  await visit(t, at.address, '127.0.0.1');
  t.is(at.lines[0]!.message, 'upstream: the target has failed, and rests');
});

const refusals: [
  what: string,
  shown: TLSSocketOptions,
  ours: UpstreamTlsOptions,
  rests: boolean,
][] = [
  ['has no version in common', { secureContext: old }, { ...tls, min: '1.3' }, true],
  ['has no protocol in common', { ALPNProtocols: ['h2'] }, { ...tls, alpn: ['a'] }, true],
  // Its alert is handshake_failure, as of servers that do not like the client.
  ['has no cipher in common', { secureContext: strange }, tls, false],
];

for (const [what, shown, ours, rests] of refusals) {
  const manner = rests ? 'rests at once' : 'does not rest at once';
  test(`a target that ${what} with us ${manner}, whoever the PROXY header names`, async (t) => {
    const bad = await playing(t, async (socket) => {
      await named(socket);
      const options = { isServer: true, secureContext: createSecureContext(pair), ...shown };
      new TLSSocket(socket, options).on('error', () => undefined);
    });
    const other = await playing(t, async (socket) => {
      await named(socket);
      const options = { isServer: true, secureContext: createSecureContext(pair) };
      const secure = new TLSSocket(socket, { ...options, ALPNProtocols: ['a'] });
      secure.pipe(secure.on('error', () => undefined));
    });
    const targets = [`127.0.0.1:${bad}`, `127.0.0.1:${other}`];
    const at = await front(t, { targets, tls: ours, proxy: 'v1', connectTimeout });
    await visit(t, at.address, '127.0.0.1');
    const told = rests ? 'the target has failed, and rests' : 'a TLS handshake has failed';
    t.is(at.lines[0]!.message, `upstream: ${told}`);
  });
}

test('a host that a guest has named and that cannot be trusted is told of in the log', async (t) => {
  const port = await echoing(t, certificates.make('localhost'));
  const { server, address, lines } = await front(
    t,
    { pattern: `*:${port}`, allowPrivate: true, tls: { ca } },
    { config: 'upstream=api:LOCALHOST' },
  );
  const client = await connect(address, { owner: t });
  t.is(await client.closed, 'end');
  const [line] = lines;
  t.is(line!.message, 'upstream: a TLS handshake has failed');
  t.like(line!.fields, { upstream: 'api', target: `localhost:${port}`, reason: 'tls' });
  t.regex((line!.fields as { why: string }).why, /certificate/);
  t.deepEqual(server.stats().upstreams.api!.failed, { tls: 1 });
});

test('such lines are limited, since clients can bring them about', async (t) => {
  const told: object[] = [];
  let left = 2;
  const log: LimitedLog = {
    info: () => undefined,
    warn: (fields) => void told.push(fields),
    admit: () => left-- > 0,
  };
  const none = {
    dial: () => t.fail() as never,
    drop: () => undefined,
    setUpstreams: () => undefined,
  };
  const operator = openOperator(none, log);
  setUpstreams(operator, { any: { pattern: '*:*', tls: true } }, 'upstreams', none, log);
  const request = {
    handle: 1,
    upstream: 0,
    parent: 0,
    added: '[2606:2800::1]:8443',
    peer: '',
    local: '',
  };
  for (let times = 0; times < 5; times += 1) {
    const endpoint = { target: 0, address: '2606:2800::1', port: 8443 };
    operator.tried(0, endpoint, 'tls', { why: 'expired', failsAll: true, request });
  }
  operator.tried(0, { target: 0, address: '2606:2800::1', port: 8443 }, 'refused');
  await new Promise(setImmediate);
  const fields = { upstream: 'any', target: '[2606:2800::1]:8443', reason: 'tls', why: 'expired' };
  t.deepEqual(told, [fields, fields]);
});

test('targets whose handshakes stall give way to the next, and rest', async (t) => {
  const heard = [0, 0];
  const stalled = (at: number) =>
    playing(t, () => {
      heard[at]! += 1;
    });
  const ports = [await stalled(0), await stalled(1), await echoing(t, pair)];
  const targets = ports.map((port) => `127.0.0.1:${port}`);
  const at = await front(t, { targets, tls, connectTimeout });
  await visit(t, at.address, '127.0.0.1');
  t.deepEqual(at.server.stats().upstreams.api!.failed, {});
  t.deepEqual(heard, [1, 1]);
  // For a second or more: others do not begin with them.
  t.deepEqual(
    at.lines.map(({ fields }) => fields),
    [0, 1].map((which) => ({
      ...{ upstream: 'api', target: `127.0.0.1:${ports[which]}` },
      ...{ reason: 'timeout', why: 'in its TLS handshake' },
    })),
  );
});

for (const workers of [0, 1]) {
  test(`${workers} workers: beside many handshakes that stall others are made at once`, async (t) => {
    const sockets = new Set<Socket>();
    const stalled = await playing(t, (socket) => void sockets.add(socket));
    const port = await echoing(t, pair, (socket) => void socket.write('s 0,here;'));
    const { server, address } = await front(
      t,
      { targets: `127.0.0.1:${port}`, tls },
      {
        ...{ protocol: scriptedModule, workers },
        upstreams: {
          api: { targets: `127.0.0.1:${port}`, tls },
          slow: { targets: `127.0.0.1:${stalled}`, tls, connectTimeout },
        },
      },
    );
    const client = await connect(address, { owner: t });
    for (let times = 0; times < 100; times += 1) await client.send('u .,0,slow;');
    while (sockets.size < 100) await new Promise(setImmediate);
    await client.send('u .,0,api;');
    t.is(String(await client.readExactly(4)), 'here');
    const { api, slow } = server.stats().upstreams;
    t.deepEqual([api!.connected, slow!.connecting], [1, 100]);
    for (const socket of sockets) socket.destroy();
  });
}
