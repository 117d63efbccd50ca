// Upstreams of a harness: what a test may have them do, and what the guest finds.

import test from 'ava';
import { REASON_CONNECT, REASON_ERROR, REASON_PEER } from '../../assembly/abi.ts';
import { type Harness, type HarnessOptions, harness } from '../../host/testing/harness.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';

const scripted = (upstreams: HarnessOptions['upstreams'] = { db: {} }): Promise<Harness> =>
  harness(compiledGuest('scripted'), { upstreams: upstreams! });

const proxied = (): Promise<Harness> =>
  harness(bundledModule('proxy'), { config: 'upstream=db', upstreams: { db: {} } });

const lastLog = ({ logs }: Harness): string => logs.at(-1)!.text;

test('an upstream accepts, and each end has what the other sends', async (t) => {
  const h = await scripted();
  const client = h.connect();
  client.send('u .,0,db;s 1,hello;');
  const db = h.upstream('db');
  t.is(db.asked, 1);
  t.is(db.peers[0]!.text(), 'hello');
  db.peers[0]!.send('s 0,from the upstream;');
  t.is(client.text(), 'from the upstream');
  db.peers[0]!.end();
  t.is(db.peers[0]!.closeReason, REASON_PEER);
  t.is(client.state, 'open');
});

test('an upstream that is played answers whatever comes, at once', async (t) => {
  const h = await proxied();
  h.upstream('db').accept((peer) => {
    const question = peer.text();
    if (question !== '') peer.send(`<${question}>`);
    if (peer.state === 'ended') peer.close();
  });
  const client = h.connect();
  client.send('one');
  t.is(client.text(), '<one>');
  client.send('two');
  t.is(client.text(), '<two>');
  client.end();
  t.is(client.state, 'ended');
  t.is(h.upstream('db').peers.length, 1);
});

test('who plays an upstream is called for a connection that brings nothing', async (t) => {
  const h = await proxied();
  let calls = 0;
  h.upstream('db').accept((peer) => {
    calls += 1;
    peer.send('220 hello\r\n');
  });
  const client = h.connect();
  t.is(client.text(), '220 hello\r\n');
  h.settle();
  t.deepEqual([calls, client.text()], [1, '']);
});

test('an upstream that refuses is a close with CONNECT', async (t) => {
  const h = await scripted();
  h.upstream('db').refuse();
  const client = h.connect();
  client.send('u .,0,db;s 1,never;');
  t.is(lastLog(h), `close 1 ${REASON_CONNECT} 0`);
  t.is(h.upstream('db').peers.length, 0);
  t.is(client.state, 'open');
});

test('an upstream that is silent is given up after its time', async (t) => {
  const h = await scripted({ db: { connectTimeoutMs: 3000 } });
  h.upstream('db').silence();
  h.connect().send('u .,0,db;');
  h.advance(2999);
  t.is(h.upstream('db').waiting, 1);
  h.advance(1);
  t.is(h.upstream('db').waiting, 0);
  t.is(lastLog(h), `close 1 ${REASON_CONNECT} 0`);
});

test('what waits is answered when the upstream accepts after all', async (t) => {
  const h = await proxied();
  const db = h.upstream('db');
  db.silence();
  const client = h.connect();
  client.send('early');
  h.advance(1000);
  db.accept();
  t.is(db.peers[0]!.text(), 'early');
});

test('an upstream that is slow accepts when its time has come, or not at all', async (t) => {
  const h = await scripted({ db: { connectTimeoutMs: 3000 } });
  const db = h.upstream('db');
  db.delay(1000);
  h.connect().send('u .,0,db;');
  h.advance(999);
  t.is(db.peers.length, 0);
  h.advance(1);
  t.is(db.peers.length, 1);
  db.delay(3000);
  h.connect().send('u .,0,db;');
  h.advance(10_000);
  t.is(db.peers.length, 1);
  t.is(lastLog(h), `close 3 ${REASON_CONNECT} 0`);
});

test('an upstream may reset at once, or later', async (t) => {
  const h = await scripted();
  const db = h.upstream('db');
  db.reset();
  h.connect().send('u .,0,db;');
  t.is(db.peers[0]!.closeReason, REASON_ERROR);
  db.accept();
  h.connect().send('u .,0,db;');
  t.is(db.peers[1]!.closeReason, undefined);
  db.peers[1]!.reset();
  t.is(db.peers[1]!.closeReason, REASON_ERROR);
});

test('a request that the guest gives up waits no longer', async (t) => {
  const h = await scripted();
  h.upstream('db').silence();
  const client = h.connect();
  client.send('u .,1,db;');
  t.is(h.upstream('db').waiting, 1);
  client.reset();
  t.is(h.upstream('db').waiting, 0);
});

test('a client is read only as fast as the upstream reads', async (t) => {
  const h = await harness(bundledModule('proxy'), {
    config: 'upstream=db',
    upstreams: { db: { bufferBytes: 4096 } },
  });
  const client = h.connect({ bufferBytes: 4096 });
  const sent = new Uint8Array(4 * 1024 * 1024).map((_, at) => (at * 31) % 251);
  let at = client.send(sent);
  t.true(at < sent.length);
  const [peer] = h.upstream('db').peers;
  let came = 0;
  // Each round moves a buffer's worth at least.
  for (let round = 0; came < sent.length && round < 4096; round += 1) {
    const part = peer!.received();
    t.deepEqual(part, sent.slice(came, came + part.length));
    came += part.length;
    at += client.send(sent.subarray(at));
  }
  t.is(came, sent.length);
});

test('a guest names a host, and a host that it may not name is denied', async (t) => {
  const h = await scripted({ any: { pattern: '*.example.com:443' } });
  h.connect().send('u .,0,any:www.example.com;');
  h.connect().send('u .,0,any:www.example.org;u .,0,any;u .,0,none;');
  t.deepEqual(
    h.upstream('any').peers.map(({ added }) => added),
    ['www.example.com'],
  );
  t.regex(lastLog(h), /=-9 -9 -9/);
});

test('an upstream has no more connections than it may', async (t) => {
  const h = await scripted({ db: { max: 1 } });
  h.connect().send('u .,0,db;u .,0,db;');
  t.is(h.upstream('db').asked, 1);
  t.true(h.logs.some(({ text }) => text.includes('=1 -3')));
});

test('a request waits on when the guest fails, and when it is swapped', async (t) => {
  const h = await proxied();
  const db = h.upstream('db');
  db.silence();
  const client = h.connect();
  client.send('early');
  h.trap();
  h.renew();
  t.deepEqual([db.asked, db.waiting], [1, 1]);
  db.accept();
  t.is(db.peers[0]!.text(), 'early');
});

test('an upstream that a harness does not have is told by name', async (t) => {
  const h = await scripted({ db: {}, cache: {} });
  const error = t.throws(() => h.upstream('bd'), { code: 'ERR_OPTION' });
  t.is(error.message, "upstream 'bd': the harness has none; there are db, cache");
  const none = await harness(bundledModule('echo'));
  t.regex(t.throws(() => none.upstream('db')).message, /it was made without upstreams$/);
  await t.throwsAsync(scripted({ any: { pattern: 'x' } }), {
    code: 'ERR_OPTION',
    message: /^upstreams\.any\.pattern: 'x': must be \*\.DOMAIN:PORT/,
  });
});
