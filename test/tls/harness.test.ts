// TLS in the harness, where ciphertext is plaintext: what a guest and its peers see of handshakes and ends.

import test from 'ava';
import { REASON_PEER, REASON_TLS } from '../../assembly/abi.ts';
import { pattern } from '../helpers/bytes.ts';
import { scripted } from '../helpers/guests.ts';

const logged = (harness: { logs: readonly { text: string }[] }): string[] =>
  harness.logs.map(({ text }) => text);

test('a guest hears of a connection when its handshake is done, and of its data then', async (t) => {
  const harness = await scripted();
  const peer = harness.connect({ tls: true, shakes: false });
  t.deepEqual(logged(harness), []);
  t.is(harness.stats().connections.open, 1);
  peer.shake();
  t.deepEqual(logged(harness), ['open 0']);
  peer.send('s .,hello;');
  t.is(peer.text(), 'hello');
});

test('what is sent before the handshake is done waits for it, and too much of that is a failure', async (t) => {
  const harness = await scripted();
  const [peer, talker] = [1, 2].map(() => harness.connect({ tls: true, shakes: false }));
  peer!.send('s .,hel');
  peer!.send('lo;');
  t.is(peer!.text(), '');
  peer!.shake();
  t.is(peer!.text(), 'hello');
  talker!.send(pattern(100_000, 1));
  t.is(talker!.state, 'ended');
  t.like(harness.stats(), { errors: { TLS: 1 }, connections: { refused: 1 } });
});

test('an announced end is an end, and one that is not is a truncation', async (t) => {
  const harness = await scripted();
  const [one, other] = [harness.connect({ tls: true }), harness.connect({ tls: true })];
  one.end();
  other.truncate();
  t.is(one.closeReason, REASON_PEER);
  t.is(other.closeReason, REASON_TLS);
  t.true(one.announced && other.announced);
  t.deepEqual(
    logged(harness).filter((text) => text.startsWith('end')),
    ['end 0 '],
  );
});

test('a connection whose handshake is not done in time is reset, and its guest never knew it', async (t) => {
  const harness = await scripted({ policy: { handshakeTimeoutMs: 100, idleTimeoutMs: 10 } });
  const peer = harness.connect({ tls: true, shakes: false });
  harness.advance(99);
  t.is(peer.state, 'open');
  harness.advance(1);
  t.is(peer.state, 'reset');
  t.deepEqual(logged(harness), []);
  t.is(harness.stats().errors.TLS_TIMEOUT, 1);
});

test('what a slow reader does not take waits, and the announcement behind it', async (t) => {
  const harness = await scripted();
  const peer = harness.connect({ tls: true, bufferBytes: 1000 });
  const sent = pattern(200_000, 3);
  peer.send('q;m 1,1000000;');
  for (let at = 0; at < sent.length; ) at += peer.send(sent.subarray(at, at + 900));
  peer.end();
  t.false(peer.announced);
  const parts: Uint8Array[] = [];
  while (peer.state === 'open' || parts.at(-1)?.length !== 0) parts.push(peer.received());
  t.true(Buffer.concat(parts).equals(sent));
  t.true(peer.announced);
  t.is(harness.stats().bytesOut, sent.length);
});

test('a drain waits for a handshake that goes on, and closes the connection behind it', async (t) => {
  const harness = await scripted({ policy: { drainQuietMs: 10 } });
  const peer = harness.connect({ tls: true, shakes: false });
  harness.advance(1000);
  // Whoever came just before the drain has as long to say something as everybody else.
  const late = harness.connect({ tls: true, shakes: false });
  harness.drain();
  harness.advance(9);
  t.is(late.state, 'open');
  late.shake();
  harness.advance(9);
  t.is(late.state, 'open');
  harness.advance(1);
  t.is(late.state, 'ended');
  t.true(late.announced);
  t.is(peer.state, 'reset');
});

test('a drain does not wait for a peer that says nothing in its handshake', async (t) => {
  const harness = await scripted({ policy: { drainQuietMs: 10, handshakeTimeoutMs: 10_000 } });
  const peer = harness.connect({ tls: true, shakes: false });
  harness.advance(5);
  harness.drain();
  harness.advance(10);
  t.is(peer.state, 'reset');
  const { connections, errors } = harness.stats();
  t.like(connections, { open: 0, refused: 1 });
  t.deepEqual(errors, {});
});

test('a PROXY header comes first, and what stands behind it is the handshake', async (t) => {
  for (const split of [0, 10, 41, 60]) {
    const harness = await scripted();
    const peer = harness.connect({ tls: true, proxy: true });
    const bytes = Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 4242 443\r\nq;s .,hello;a .,20;');
    peer.send(bytes.subarray(0, split));
    // Nobody says anything by TLS before the handshake is done.
    if (split >= 41) peer.shake();
    peer.send(bytes.subarray(split));
    if (split < 41) peer.shake();
    t.is(peer.text(), 'hello', `split at ${split}`);
    t.true(peer.connection > 0);
    t.true(logged(harness).some((text) => text.includes('192.0.2.1:4242')));
  }
});
