// What guests learn of sessions of TLS by `property`: from the harness, where a test says it, and over real
// sockets, where the handshake does.

import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { serve } from '../../host/index.ts';
import { harness } from '../../host/testing/harness.ts';
import { Certificates } from '../helpers/certificates.ts';
import { type Client, connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';

const module = compiledGuest('surroundings');
const ABSENT = '-5';
/** The answer without the length that stands before it. */
const said = (text: string): string => text.trimEnd().replace(/^\d+ /, '');
const KEYS = ['version', 'cipher', 'name', 'alpn', 'subject', 'sha256'];

test('in the harness a guest finds what the test says of its peer, and nothing else', async (t) => {
  const server = await harness(module);
  const somebody = server.connect({ tls: { 'tls.subject': 'CN=somebody', 'tls.alpn': 'echo' } });
  const unnamed = server.connect({ tls: true });
  const clear = server.connect();
  const ask = (peer: typeof clear, key: string): string => {
    peer.send(`p tls.${key}`);
    return said(peer.text());
  };
  t.is(ask(somebody, 'subject'), 'CN=somebody');
  t.is(ask(somebody, 'alpn'), 'echo');
  t.is(ask(somebody, 'sha256'), ABSENT);
  for (const peer of [unnamed, clear]) t.is(ask(peer, 'subject'), ABSENT);
  await server.swap(module);
  t.is(ask(somebody, 'subject'), 'CN=somebody');
});

test('in the harness each has its own properties, whoever is behind a PROXY header meanwhile', async (t) => {
  const server = await harness(module);
  const first = server.connect({ proxy: true, tls: { 'tls.subject': 'CN=first' } });
  const second = server.connect({ proxy: true, tls: { 'tls.subject': 'CN=second' } });
  const third = server.connect({ tls: { 'tls.subject': 'CN=third' } });
  for (const peer of [second, first]) {
    peer.send('PROXY TCP4 192.0.2.1 192.0.2.2 4242 443\r\n');
    peer.shake();
  }
  const told = [first, second, third].map((peer) => {
    peer.send('p tls.subject');
    return said(peer.text());
  });
  t.deepEqual(told, ['CN=first', 'CN=second', 'CN=third']);
});

async function ask(client: Client, key: string): Promise<string> {
  await client.send(`p tls.${key}`);
  let text = '';
  while (!text.endsWith('\n')) text += String(await client.readExactly(1));
  return said(text);
}

const askAll = async (client: Client): Promise<Record<string, string>> => {
  const told: Record<string, string> = {};
  for (const key of KEYS) told[key] = await ask(client, key);
  return told;
};

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`over ${version} a guest finds what was agreed, by whom, and again in a session that goes on`, async (t) => {
    const certificates = new Certificates(t);
    const authority = certificates.authority('authority');
    const own = certificates.make('client', { by: authority });
    const { certFile: cert, keyFile: key } = certificates.make('localhost');
    const tls = { cert, key, ca: authority.certFile, clients: 'request', alpn: ['echo'] } as const;
    const server = await serve({
      protocol: module,
      workers: 2,
      listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls }],
      policy: { drainQuietMs: 0, lingerMs: 100 },
    });
    t.teardown(() => server.close());
    const [clear, secured] = server.addresses;
    const common = { minVersion: version, maxVersion: version };
    const named = { servername: 'localhost', ALPNProtocols: ['other', 'echo'] };
    const shown = { ...common, ...named, cert: own.cert, key: own.key };
    const first = await connect(secured!, { owner: t, secure: shown });
    let session: Buffer | undefined;
    first.tls.on('session', (given: Buffer) => {
      session = given;
    });
    const sha256 = createHash('sha256').update(new X509Certificate(own.cert).raw).digest('hex');
    const expected = {
      version,
      cipher: (first.socket as TLSSocket).getCipher().standardName,
      name: 'localhost',
      alpn: 'echo',
      subject: 'CN=client,O=wasmpoll',
      sha256,
    };
    const openssl = expected.cipher.replace(/^TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256$/, () => {
      return 'ECDHE-ECDSA-AES128-GCM-SHA256';
    });
    t.deepEqual(await askAll(first), { ...expected, cipher: openssl });
    // An answer was read: whatever ticket there is has come before it.
    session ??= first.tls.getSession();
    const again = await connect(secured!, { owner: t, secure: { ...shown, session: session! } });
    t.true(again.tls.isSessionReused());
    t.deepEqual(await askAll(again), { ...expected, cipher: openssl });
    const anonymous = await connect(secured!, { owner: t, secure: common });
    const none = { name: ABSENT, alpn: ABSENT, subject: ABSENT, sha256: ABSENT };
    t.like(await askAll(anonymous), { version, ...none });
    const plain = await connect(clear!, { owner: t });
    t.is(await ask(plain, 'version'), ABSENT);
  });
}
