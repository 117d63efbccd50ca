// TLS with upstreams in the harness, where ciphertext is plaintext: what a guest finds of it, and how it begins it itself.

import test from 'ava';
import {
  REASON_CONNECT,
  REASON_PEER,
  REASON_TLS,
  STATUS_DENIED,
  STATUS_STATE,
} from '../../assembly/abi.ts';
import { LoopbackSeat } from '../../host/kernel/loopback/loopback-tls.ts';
import { type Harness, type HarnessOptions, harness } from '../../host/testing/harness.ts';
import { pattern } from '../helpers/bytes.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';

const scripted = (
  upstreams: NonNullable<HarnessOptions['upstreams']>,
  policy: HarnessOptions['policy'] = {},
): Promise<Harness> => harness(compiledGuest('scripted'), { upstreams, policy });

const proxied = (db: object): Promise<Harness> =>
  harness(bundledModule('proxy'), { config: 'upstream=db', upstreams: { db } });

const lines = ({ logs }: Harness): string[] => logs.map(({ text }) => text);

test('what is sent before the handshake is done goes out behind it, in order', async (t) => {
  const h = await proxied({ tls: true });
  h.upstream('db').silence();
  const sent = pattern(70_000, 1);
  const client = h.connect();
  client.send(sent.subarray(0, 100));
  client.send(sent.subarray(100));
  h.upstream('db').accept();
  const [peer] = h.upstream('db').peers;
  t.true(Buffer.from(sent).equals(peer!.received()));
  client.send('more');
  t.is(peer!.text(), 'more');
  peer!.send('an answer');
  t.is(client.text(), 'an answer');
});

test('an end is announced both ways, and one that is not is a truncation', async (t) => {
  const h = await proxied({ tls: true });
  const [one, other] = [h.connect(), h.connect()];
  const [kind, cut] = h.upstream('db').peers;
  one.send('hello');
  one.end();
  t.true(kind!.announced);
  kind!.end();
  t.is(kind!.closeReason, REASON_PEER);
  cut!.truncate();
  t.is(cut!.closeReason, REASON_TLS);
  t.is(h.stats().errors.TLS_TRUNCATED, 1);
  t.is(other.state, 'ended');
});

test('start_tls is denied where the operator has not allowed it, and waits for the connection', async (t) => {
  const h = await scripted({ db: {}, secured: { tls: true }, mail: { starttls: true } });
  const client = h.connect();
  client.send('u .,0,db;S 1;');
  client.send('S 1;');
  client.send('u .,0,mail;S 2;');
  client.send('u .,0,secured;');
  client.send('S 3;');
  t.deepEqual(
    lines(h).filter((line) => line.startsWith('=')),
    [`=1 ${STATUS_DENIED}`, `=${STATUS_DENIED}`, `=2 ${STATUS_STATE}`, '=3', `=${STATUS_STATE}`],
  );
});

test('start_tls: what was sent before is in clear, sends wait for on_connect, and then all is protected', async (t) => {
  const h = await scripted({ mail: { starttls: true } });
  const client = h.connect();
  client.send('u .,0,mail;');
  const [peer] = h.upstream('mail').peers;
  client.send('s 1,EHLO;S 1;s 1,too early;');
  t.is(peer!.text(), 'EHLO');
  client.send('s 1,too early;');
  t.is(lines(h).at(-1), `=${STATUS_STATE}`);
  t.is(lines(h).filter((line) => line.startsWith('connect')).length, 1);
  peer!.shake();
  t.deepEqual(
    lines(h).filter((line) => line.startsWith('connect')),
    ['connect 1 0', 'connect 1 0'],
  );
  client.send('s 1,MAIL;');
  t.is(peer!.text(), 'MAIL');
  peer!.send('s 0,250;');
  t.is(client.text(), '250');
  peer!.end();
  t.is(peer!.closeReason, REASON_PEER);
  t.true(peer!.announced);
});

test('start_tls: input of before is not taken for what TLS protects, and silence has an end', async (t) => {
  const h = await scripted({ mail: { starttls: true } }, { handshakeTimeoutMs: 100 });
  const client = h.connect();
  client.send('u .,0,mail;u .,0,mail;');
  const [smuggling, silent] = h.upstream('mail').peers;
  // The guest takes nothing of it.
  smuggling!.send('k 0;');
  client.send('S 1;S 2;');
  t.is(smuggling!.closeReason, REASON_TLS);
  h.advance(100);
  t.is(silent!.closeReason, REASON_TLS);
  t.is(h.stats().errors.TLS_TIMEOUT, 1);
});

test.serial('without its session nothing of a connection goes out in clear', async (t) => {
  const { adopt } = LoopbackSeat.prototype;
  t.teardown(() => {
    LoopbackSeat.prototype.adopt = adopt;
  });
  LoopbackSeat.prototype.adopt = () => 0;
  const h = await scripted({ db: { tls: true } });
  const client = h.connect();
  client.send('u .,0,db;s 1,secret;');
  const [peer] = h.upstream('db').peers;
  t.is(peer!.state, 'reset');
  t.is(peer!.text(), '');
  t.is(peer!.closeReason, REASON_CONNECT);
  t.false(lines(h).some((line) => line.startsWith('connect')));
});
