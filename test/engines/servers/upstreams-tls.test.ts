// Guests in front of Debian's own servers of TLS: redis-server, haproxy and `openssl s_server`. Whom they are connected to,
// and what is said of the others.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Certified } from '../../helpers/certificates.ts';
import { connect } from '../../helpers/client.ts';
import { EngineServer } from '../../helpers/engine-servers.ts';
import { startHaproxyWith } from '../../helpers/haproxy.ts';
import { has, startProgram } from '../../helpers/installed.ts';
import { temporary } from '../../helpers/process.ts';
import { front, ground, listen } from '../../helpers/tls-upstream.ts';

const { certificates, authority, pair, ca } = ground(test);
const ours = certificates.make('client', { by: authority });
const strange = certificates.make('client');
const expired = certificates.make('localhost', { days: -1 });

/** A server that is there, what a client says to it, and what it answers. */
interface Played {
  readonly targets: string;
  readonly says: string;
  readonly answer: string;
}

/** @param wants who has signed the certificates that clients must show; null if it asks for none */
type Play = (t: ExecutionContext, shown: Certified, wants: Certified | null) => Promise<Played>;

const redis: Play = async (t, shown, wants) => {
  const { port } = await EngineServer.redisTls(t, shown, wants);
  return { targets: `127.0.0.1:${port}`, says: 'PING\r\n', answer: '+PONG\r\n' };
};

const sServer: Play = async (t, shown, wants) => {
  const socket = path.join(temporary(t), 'a.sock');
  const clients =
    wants === null ? [] : ['-Verify', '1', '-verify_return_error', '-CAfile', wants.certFile];
  const keys = ['-cert', shown.certFile, '-key', shown.keyFile];
  const server = startProgram(t, 'openssl', [
    's_server',
    '-unix',
    socket,
    ...keys,
    ...clients,
    '-rev',
  ]);
  await server.written('stdout', /ACCEPT/);
  return { targets: `unix:${socket}`, says: 'abc\n', answer: 'cba\n' };
};

/** With its PROXY header from us in front, and one of its own to the server behind it, which says what it has read. */
async function haproxyTelling(t: ExecutionContext, shown: Certified, wants: Certified | null) {
  const heard: string[] = [];
  const behind = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('data', (data) => {
      const [header, rest] = String(data).split('\r\n') as [string, string];
      heard.push(header);
      socket.write(rest);
      socket.pipe(socket);
    });
  });
  const port = await listen(t, behind);
  const pem = path.join(temporary(t), 'server.pem');
  writeFileSync(pem, shown.cert + shown.key);
  const clients = wants === null ? '' : `verify required ca-file ${wants.certFile}`;
  const bind = `ssl crt ${pem} ${clients} accept-proxy`;
  const { address } = await startHaproxyWith(t, bind, `server one 127.0.0.1:${port} send-proxy`);
  return { played: { targets: address, says: 'abc', answer: 'abc' }, heard };
}

const haproxy: Play = async (t, ...how) => (await haproxyTelling(t, ...how)).played;

const servers: [program: string, play: Play, proxy: { proxy?: 'v1' | 'v2' }][] = [
  ['redis-server', redis, {}],
  ['openssl', sServer, {}],
  ['haproxy', haproxy, { proxy: 'v2' }],
];

/** What a client hears from behind the proxy, and what is known then. */
async function visit(
  t: ExecutionContext,
  { targets, says, answer }: Played,
  tls: object,
  more: object,
) {
  const { server, address, lines } = await front(t, { targets, tls, ...more });
  const client = await connect(address, { owner: t });
  await client.send(says);
  const heard = await client.readExactly(answer.length).then(String, () => '');
  client.destroy();
  // `openssl s_server` serves one after the other.
  while (server.stats().upstreams.api!.open > 0) await new Promise(setImmediate);
  const { failed } = server.stats().upstreams.api!;
  return { heard, failed, why: (lines[0]?.fields as { why?: string } | undefined)?.why ?? '' };
}

for (const [program, play, more] of servers) {
  const named = { ca, serverName: 'localhost' };

  test.serial(
    `${program}: one with the right name is served, and one with another name is not`,
    async (t) => {
      if (!has(t, program)) return;
      const played = await play(t, pair, null);
      t.deepEqual(await visit(t, played, named, more), {
        heard: played.answer,
        failed: {},
        why: '',
      });
      const other = await visit(t, played, { ca, serverName: 'other.example' }, more);
      t.deepEqual([other.heard, other.failed], ['', { tls: 1 }]);
      t.regex(other.why, /hostname mismatch/i);
    },
  );

  test.serial(
    `${program}: one that has expired, or whose authority is not known, is not connected to`,
    async (t) => {
      if (!has(t, program)) return;
      const old = await visit(
        t,
        await play(t, expired, null),
        { ...named, ca: expired.cert },
        more,
      );
      t.deepEqual([old.heard, old.failed], ['', { tls: 1 }]);
      t.regex(old.why, /expired/);
      const unknown = await visit(t, await play(t, pair, null), { serverName: 'localhost' }, more);
      t.deepEqual([unknown.heard, unknown.failed], ['', { tls: 1 }]);
      t.regex(unknown.why, /unable to/);
    },
  );

  test.serial(
    `${program}: one that wants to see a certificate is shown ours, and serves nobody else`,
    async (t) => {
      if (!has(t, program)) return;
      const played = await play(t, pair, authority);
      const { certFile: cert, keyFile: key } = ours;
      for (const [tls, heard] of [
        [{ ...named, cert, key }, played.answer],
        [{ ...named, cert: strange.certFile, key: strange.keyFile }, ''],
        [named, ''],
      ] as const) {
        t.is((await visit(t, played, tls, more)).heard, heard);
      }
    },
  );
}

test.serial(
  'haproxy is told of each client before TLS, and tells the server behind it',
  async (t) => {
    if (!has(t, 'haproxy')) return;
    const { played, heard } = await haproxyTelling(t, pair, null);
    for (const proxy of ['v1', 'v2'] as const) {
      const tls = { ca, serverName: 'localhost' };
      const { address } = await front(t, { targets: played.targets, tls, proxy });
      const [host, port] = address.split(':') as [string, string];
      const socket = connectSocket({ host, port: Number(port), localAddress: '127.0.0.7' });
      t.teardown(() => socket.destroy());
      await once(socket, 'connect');
      const mine = socket.localPort;
      socket.write('hello');
      t.is(String(((await once(socket, 'data')) as [Buffer])[0]), 'hello');
      t.is(heard.at(-1), `PROXY TCP4 127.0.0.7 127.0.0.1 ${mine} ${port}`);
    }
  },
);

test.serial(
  'resp-cache has its clients share connections by TLS to a Redis that wants a certificate',
  async (t) => {
    if (!has(t, 'redis-server')) return;
    const { port } = await EngineServer.redisTls(t, pair, authority);
    const tls = { ca, serverName: 'localhost', cert: ours.certFile, key: ours.keyFile };
    const { server, address } = await front(
      t,
      { targets: `127.0.0.1:${port}`, tls },
      { protocol: 'resp-cache', workers: 2 },
    );
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => connect(address, { owner: t })),
    );
    for (const [at, client] of clients.entries()) {
      await client.send(`SET k${at} v${at}\r\n`);
      t.is(String(await client.readExactly(5)), '+OK\r\n');
      await client.send(`GET k${at}\r\n`);
      const value = `v${at}`;
      const answer = `$${value.length}\r\n${value}\r\n`;
      t.is(String(await client.readExactly(answer.length)), answer);
    }
    const { connected, failed } = server.stats().upstreams.api!;
    t.deepEqual(failed, {});
    t.true(connected < 20, `${connected}`);
  },
);

test.serial('sessions with redis-server and openssl are resumed', async (t) => {
  for (const [program, play] of servers.slice(0, 2)) {
    if (!has(t, program)) return;
    const played = await play(t, pair, null);
    const tls = { ca, serverName: 'localhost' };
    const { server, address } = await front(t, { targets: played.targets, tls });
    for (let times = 0; times < 3; times += 1) {
      const client = await connect(address, { owner: t });
      await client.send(played.says);
      t.is(String(await client.readExactly(played.answer.length)), played.answer);
      client.end();
    }
    t.true(server.stats().tls!.resumed > 0, program);
  }
});
