// Which servers an upstream by TLS is connected to, and what is said of the others.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { TlsOptions } from 'node:tls';
import test from 'ava';
import type { UpstreamTlsOptions } from '../../host/tls/outward.ts';
import { openssl } from '../helpers/certificates.ts';
import { connect } from '../helpers/client.ts';
import { echoing, front, ground, playing } from '../helpers/tls-upstream.ts';

const { certificates, authority, pair, ca } = ground(test);
const named = { ca, serverName: 'localhost' };
const intermediate = certificates.make('intermediate', { by: authority });
const below = certificates.make('localhost', { by: intermediate });
const wild = certificates.make('*.example.org', { by: authority });
const partial = certificates.make('f*.example.org', { by: authority });
const expired = certificates.make('localhost', { days: -1 });
const ecdsa = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

const right: [what: string, shown: TlsOptions, tls: UpstreamTlsOptions | true][] = [
  ['a certificate for the name', pair, named],
  ['one for the address that is connected to', pair, { ca }],
  ['one with a star', wild, { ca, serverName: 'any.example.org' }],
  ['its chain, sent by the server', { ...below, cert: below.cert + intermediate.cert }, named],
  ['itself, which the operator knows', certificates.make('localhost'), {}],
  ['TLS 1.2', { ...pair, maxVersion: 'TLSv1.2' }, named],
  ['TLS 1.3 alone', { ...pair, minVersion: 'TLSv1.3' }, { ...named, min: '1.3' }],
  ['a protocol of ours', { ...pair, ALPNProtocols: ['b', 'a'] }, { ...named, alpn: ['a', 'b'] }],
  ['no protocols at all', pair, { ...named, alpn: ['a'] }],
  ['anything, where nothing is verified', expired, { verify: false }],
];

for (const [what, shown, tls] of right) {
  test(`it is connected to a server with ${what}`, async (t) => {
    const port = await echoing(t, shown);
    const known = what.startsWith('itself') ? { ca: shown.cert as string } : tls;
    const { server, address } = await front(t, { targets: `127.0.0.1:${port}`, tls: known });
    const client = await connect(address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(5)), 'hello');
    t.deepEqual(server.stats().upstreams.api!.failed, {});
    t.is(server.stats().tls!.handshakes, 1);
  });
}

/** Names in the subject were names once. */
function subjectAlone(): { cert: string; key: string } {
  const { certFile, keyFile } = certificates.make('unused');
  openssl([
    ...['req', '-x509', ...ecdsa, '-subj', '/CN=localhost', '-days', '30'],
    ...['-keyout', keyFile, '-out', certFile],
  ]);
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

const old = subjectAlone();
const wrong: [what: string, shown: TlsOptions, tls: UpstreamTlsOptions, why: RegExp][] = [
  ['of another name', pair, { ca, serverName: 'other.example' }, /hostname mismatch/i],
  ['of another address', pair, { ca, serverName: '127.0.0.2' }, /IP address mismatch/],
  ['that has expired', expired, { ...named, ca: expired.cert }, /expired/],
  ['that it has signed itself', certificates.make('localhost'), named, /self.signed certificate/],
  ['of nobody that Node trusts', pair, { serverName: 'localhost' }, /unable to/],
  ['whose chain is not whole', below, named, /unable to/],
  ['with a star for a part', partial, { ca, serverName: 'foo.example.org' }, /hostname mismatch/i],
  ['with a star for two', wild, { ca, serverName: 'a.b.example.org' }, /hostname mismatch/i],
  ['with its name in the subject alone', old, { ...named, ca: old.cert }, /mismatch/i],
];

for (const [what, shown, tls, why] of wrong) {
  test(`it is not connected to a server with a certificate ${what}`, async (t) => {
    const port = await echoing(t, shown);
    const api = `127.0.0.1:${port}`;
    const { server, address, lines } = await front(t, { targets: api, tls });
    const client = await connect(address, { owner: t });
    await client.send('secret');
    t.is(await client.closed, 'end');
    t.deepEqual(server.stats().upstreams.api!.failed, { tls: 1 });
    t.is(server.stats().tls!.failed.serverCertificate, 1);
    const [line] = lines;
    t.like(line!.fields, { upstream: 'api', target: api, reason: 'tls' });
    t.regex((line!.fields as { why: string }).why, why);
  });
}

const behaviours: [what: string, play: (socket: Socket) => void, why: RegExp][] = [
  ['ends the connection', (socket) => void socket.once('data', () => socket.end()), /has ended/],
  [
    'resets the connection',
    (socket) => void socket.once('data', () => socket.resetAndDestroy()),
    /has reset/,
  ],
  ['speaks in clear', (socket) => void socket.write('220 mail.example ready\r\n'), /version/],
  [
    'sends what is no handshake',
    (socket) => void socket.write(Buffer.from('16030300050badbadbad', 'hex')),
    /./,
  ],
];

for (const [what, play, why] of behaviours) {
  test(`it is not connected to a server that ${what} in the handshake`, async (t) => {
    const port = await playing(t, play);
    const { server, address, lines } = await front(t, {
      ...{ targets: `127.0.0.1:${port}`, tls: named },
    });
    const client = await connect(address, { owner: t });
    t.is(await client.closed, 'end');
    t.deepEqual(server.stats().upstreams.api!.failed, { tls: 1 });
    t.regex((lines[0]!.fields as { why: string }).why, why);
  });
}

test('a server that says nothing in the handshake has connectTimeout for that as well', async (t) => {
  const port = await playing(t, () => undefined);
  const { server, address, lines } = await front(t, {
    ...{ targets: `127.0.0.1:${port}`, tls: named, connectTimeout: 200 },
  });
  const client = await connect(address, { owner: t });
  t.is(await client.closed, 'end');
  t.deepEqual(server.stats().upstreams.api!.failed, { timeout: 1 });
  // On a busy machine the time may be over before the handshake has begun.
  const { reason, why } = lines[0]!.fields as { reason: string; why?: string };
  t.is(reason, 'timeout');
  t.true([undefined, 'in its TLS handshake'].includes(why));
});

test('a server of old versions, or of other protocols, is not connected to', async (t) => {
  const ancient = { ...pair, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } as const;
  const ciphers = 'DEFAULT:@SECLEVEL=0';
  for (const [shown, tls] of [
    [{ ...ancient, ciphers }, named],
    [{ ...pair, maxVersion: 'TLSv1.2' } as const, { ...named, min: '1.3' as const }],
    [
      { ...pair, ALPNProtocols: ['h2'] },
      { ...named, alpn: ['http/1.1'] },
    ],
    [{ ...pair, ciphers: 'AES128-SHA', maxVersion: 'TLSv1.2' } as const, named],
  ] as const) {
    const port = await echoing(t, shown);
    const { server, address } = await front(t, { targets: `127.0.0.1:${port}`, tls });
    const client = await connect(address, { owner: t });
    t.is(await client.closed, 'end');
    t.deepEqual(server.stats().upstreams.api!.failed, { tls: 1 }, JSON.stringify(tls));
  }
});

test('a server that cannot be trusted rests, and another takes its place', async (t) => {
  const bad = await echoing(t, certificates.make('localhost'));
  const good = await echoing(t, pair);
  const { server, address, lines } = await front(t, {
    targets: [`127.0.0.1:${bad}`, `127.0.0.1:${good}`],
    tls: named,
  });
  for (let times = 0; times < 3; times += 1) {
    const client = await connect(address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(5)), 'hello');
  }
  const { failed, connected } = server.stats().upstreams.api!;
  t.deepEqual([failed, connected], [{}, 3]);
  t.is(lines.length, 1);
  t.is(lines[0]!.message, 'upstream: the target has failed, and rests');
  t.like(lines[0]!.fields, { target: `127.0.0.1:${bad}` });
});

test('where the guest names the host, the certificate must be for that one', async (t) => {
  const port = await echoing(t, pair);
  const strange = await echoing(t, wild);
  for (const [host, at, failed] of [
    ['localhost', port, {}],
    ['127.0.0.1', port, {}],
    ['localhost', strange, { tls: 1 }],
  ] as const) {
    const { server, address } = await front(
      t,
      { pattern: `*:${at}`, allowPrivate: true, tls: { ca } },
      { config: `upstream=api:${host}` },
    );
    const client = await connect(address, { owner: t });
    await client.send('hello');
    if (at === strange) t.is(await client.closed, 'end');
    else t.is(String(await client.readExactly(5)), 'hello');
    t.deepEqual(server.stats().upstreams.api!.failed, failed);
  }
});

test('a client certificate is shown to servers that ask for one', async (t) => {
  const own = certificates.make('us', { by: authority });
  const asking = { ...pair, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const port = await echoing(t, { ...asking, minVersion: version, maxVersion: version });
    const targets = `127.0.0.1:${port}`;
    const { certFile: cert, keyFile: key } = own;
    const known = await front(t, { targets, tls: { ...named, cert, key } });
    const client = await connect(known.address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(5)), 'hello');
    const unknown = await front(t, { targets, tls: named });
    const other = await connect(unknown.address, { owner: t });
    t.is(await other.closed, 'end');
    // With TLS 1.3 the client is done first, and hears of it later.
    const { failed } = unknown.server.stats().upstreams.api!;
    t.deepEqual(failed, version === 'TLSv1.2' ? { tls: 1 } : {});
    t.is(unknown.server.stats().tls!.failed.alert, 1);
  }
});

test('a reload reads the files again, or changes nothing', async (t) => {
  const file = path.join(certificates.folder, 'reloaded.crt');
  copyFileSync(authority.certFile, file);
  const other = certificates.make('localhost', { by: intermediate });
  const port = await echoing(t, other);
  const api = { targets: `127.0.0.1:${port}`, tls: { ca: file, serverName: 'localhost' } };
  const { server, address } = await front(t, api);
  const refused = await connect(address, { owner: t });
  t.is(await refused.closed, 'end');
  copyFileSync(intermediate.keyFile, file);
  t.throws(() => server.reloadTls(), {
    code: 'ERR_TLS',
    message: /upstream 'api': .*no certificate/,
  });
  writeFileSync(file, authority.cert + intermediate.cert);
  server.reloadTls();
  const client = await connect(address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
});

test('what is not verified is warned of, and wrong files are refused at the start', async (t) => {
  const { lines } = await front(t, { targets: '127.0.0.1:1', tls: { verify: false } });
  t.regex(lines[0]!.message, /upstream 'api': tls: with verify = false anybody can pretend/);
  const { certFile: cert } = pair;
  for (const [tls, message] of [
    [{ ca: '/not/there' }, /upstream 'api': tls: ca \/not\/there cannot be read/],
    [{ ca: pair.keyFile }, /has no certificate/],
    [{ ca, cert, key: authority.keyFile }, /is not the key of the certificate/],
  ] as const) {
    const started = front(t, { targets: '127.0.0.1:1', tls });
    await t.throwsAsync(started, { code: 'ERR_TLS', message });
  }
});
