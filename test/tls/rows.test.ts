// Rows of TLS against node:tls: handshakes and data at any split, and how each end is told.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import * as kernel from '../../host/kernel/rows.ts';
import * as numbers from '../../host/kernel/tls/tls-rows.ts';
import { Certificates } from '../helpers/certificates.ts';
import {
  ClientEnd,
  established,
  exchange,
  ROOM,
  ServerEnd,
  textsOf,
  tlsOf,
} from '../helpers/tls-end.ts';

const { KIND_TLS_RECV, KIND_TLS_SEND } = kernel;
const { TLS_FAILED, TLS_MORE, TLS_OVER, TLS_READY, TLS_RESUMED, TLS_TRUNCATED } = numbers;
const { EAGAIN } = native.constants;

let certificates: Certificates;
let pair: ReturnType<Certificates['make']>;
const atEnd: (() => void)[] = [];

test.before(() => {
  certificates = new Certificates({ teardown: (end) => atEnd.push(end as () => void) });
  pair = certificates.make('localhost');
});
test.after.always(() => {
  for (const end of atEnd) end();
});

const versions = ['TLSv1.2', 'TLSv1.3'] as const;

for (const version of versions) {
  test(`${version}: what one side says is what the other hears`, async (t) => {
    const tls = tlsOf(t, textsOf(pair));
    const { end, client } = await established(t, tls, { maxVersion: version });
    t.is(client.socket.getProtocol(), version);
    t.is(end.seat.fact(end.slot, 'tls.version'), version);
    client.socket.write('hello');
    await exchange(end, client);
    t.is(end.received.toString(), 'hello');
    end.memory.write('good day');
    t.deepEqual(end.send(4, 4).results, [4, 4]);
    await exchange(end, client);
    t.is(Buffer.concat(client.received).toString(), 'good day');
    t.is(end.receive(), -EAGAIN);
  });

  test(`${version}: the handshake and the data behind it come in one byte at a time`, async (t) => {
    const tls = tlsOf(t, textsOf(pair));
    const end = new ServerEnd(t, tls);
    const client = new ClientEnd(t, end, { maxVersion: version });
    client.socket.write('hello');
    await exchange(end, client, function* (bytes) {
      for (const byte of bytes) yield Buffer.of(byte);
    });
    t.true(end.ready);
    t.is(end.received.toString(), 'hello');
  });

  test(`${version}: an end that is announced is an end`, async (t) => {
    const tls = tlsOf(t, textsOf(pair));
    const { end, client } = await established(t, tls, { maxVersion: version });
    client.socket.end();
    t.is(await exchange(end, client), 0);
    end.memory.write('still here');
    t.deepEqual(end.send(10).results, [10]);
    t.is(end.end().results[0], 0);
    await exchange(end, client);
    t.true(client.ended);
    t.is(Buffer.concat(client.received).toString(), 'still here');
    t.is(client.error, null);
  });
}

test('data and the end in one receive: the data first, and the end without another byte', async (t) => {
  const { end, client } = await established(t, tlsOf(t, textsOf(pair)));
  client.socket.end('last words');
  const bytes = await client.take();
  client.put(bytes);
  t.is(end.receive(), 10);
  t.true((end.events & TLS_OVER) !== 0);
  t.is(end.receive(), 0);
  t.is(end.receive(), 0);
});

test('the end of the stream without an announcement is a truncation', async (t) => {
  const { end } = await established(t, tlsOf(t, textsOf(pair)));
  native.shutdown(end.peer, native.constants.SHUT_WR);
  t.is(end.receive(), TLS_TRUNCATED);
});

test('an end amid a record, and one amid a handshake, are truncations', async (t) => {
  const tls = tlsOf(t, textsOf(pair));
  const { end, client } = await established(t, tls);
  client.socket.write('hello');
  client.put((await client.take()).subarray(0, -3));
  t.is(end.receive(), TLS_MORE);
  native.shutdown(end.peer, native.constants.SHUT_WR);
  t.is(end.receive(), TLS_TRUNCATED);
  const early = new ServerEnd(t, tls);
  const other = new ClientEnd(t, early);
  early.receive();
  other.put((await other.take()).subarray(0, 50));
  t.is(early.receive(), TLS_MORE);
  native.shutdown(early.peer, native.constants.SHUT_WR);
  t.is(early.receive(), TLS_TRUNCATED);
});

test('data with the last of the handshake comes out of the same receive', async (t) => {
  const end = new ServerEnd(t, tlsOf(t, textsOf(pair)));
  const client = new ClientEnd(t, end, { minVersion: 'TLSv1.3' });
  client.socket.on('secureConnect', () => client.socket.write('at once'));
  client.put(await client.take());
  t.is(end.receive(), TLS_MORE);
  client.pull();
  client.put(await client.take());
  t.is(end.receive(), 7);
  t.is(end.events, TLS_READY);
});

test('a record with a wrong bit at any place fails, and what stood before it is delivered', async (t) => {
  const tls = tlsOf(t, textsOf(pair));
  const length = 5 + 8 + 16 + 5;
  for (let at = 0; at < length; at += 1) {
    const { end, client } = await established(t, tls, { maxVersion: 'TLSv1.2' });
    client.socket.write('first');
    const good = await client.take();
    client.socket.write('other');
    const bad = await client.take();
    t.is(bad.length, length);
    bad[at]! ^= 1;
    client.put(Buffer.concat([good, bad]));
    const first = end.receive();
    t.is(first, 5, `at ${at}`);
    // A length that is larger makes it wait for more: the rest of the record that there is no more of.
    const next = end.receive();
    if ((end.events & TLS_OVER) !== 0) t.is(next, TLS_FAILED, `at ${at}`);
    else t.is(next, -EAGAIN, `at ${at}`);
    const waits = at === 3 || at === 4;
    t.true(waits || (end.events & TLS_OVER) !== 0, `at ${at}`);
  }
});

test('after a failure an alert goes out, and nothing else can', async (t) => {
  const { end, client } = await established(t, tlsOf(t, textsOf(pair)));
  client.put(Buffer.from('\x17\x03\x03\x00\x20garbage, and a lot of it, at last', 'latin1'));
  t.is(end.receive(), TLS_FAILED);
  t.deepEqual(end.send(5).results, [TLS_FAILED]);
  await exchange(end, client);
  // OpenSSL 3.5 has another name for it than 3.0.
  t.regex((client.error as NodeJS.ErrnoException | null)?.code ?? '', /ALERT_BAD_RECORD_MAC$/);
});

const strangers: Readonly<Record<string, [Buffer, number]>> = {
  'an HTTP request': [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 1],
  'a line of text': [Buffer.from('hello, anybody there?\r\n'), 1],
  zeros: [Buffer.alloc(64), 1],
  'a hello that claims 16 MiB': [Buffer.from('160301400001ffffff0303', 'hex'), 0],
  'a record that claims 64 KiB': [Buffer.from('160301ffff0100', 'hex'), 7],
};

for (const [name, [bytes, cause]] of Object.entries(strangers)) {
  test(`${name} in place of a hello fails, whatever follows`, (t) => {
    const end = new ServerEnd(t, tlsOf(t, textsOf(pair)));
    const put = Buffer.concat([bytes, Buffer.alloc(16_384)]);
    native.send(end.peer, put, 0, put.length);
    t.is(end.receive(), TLS_FAILED);
    t.is(end.events >> numbers.TLS_CAUSE_SHIFT, cause);
    t.is(end.receive(), TLS_FAILED);
  });
}

test('TLS 1.1 is refused, and with min 1.3 so is 1.2', async (t) => {
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const;
  const first = new ServerEnd(t, tlsOf(t, textsOf(pair)));
  t.is(await exchange(first, new ClientEnd(t, first, old)), TLS_FAILED);
  t.is(first.events >> numbers.TLS_CAUSE_SHIFT, 2);
  const second = new ServerEnd(t, tlsOf(t, textsOf(pair, { oldest: 0x304 })));
  const client = new ClientEnd(t, second, { maxVersion: 'TLSv1.2' });
  t.is(await exchange(second, client), TLS_FAILED);
});

test('ciphers without forward secrecy or authenticated encryption are refused', async (t) => {
  const tls = tlsOf(t, textsOf(pair));
  for (const ciphers of [
    'AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES128-SHA',
    'DHE-RSA-AES128-GCM-SHA256',
  ]) {
    const end = new ServerEnd(t, tls);
    const client = new ClientEnd(t, end, { maxVersion: 'TLSv1.2', ciphers });
    t.is(await exchange(end, client), TLS_FAILED, ciphers);
    t.is(end.events >> numbers.TLS_CAUSE_SHIFT, 3, ciphers);
  }
});

test('a receive needs room beyond the slack, and leaves nothing inside', async (t) => {
  const { end, client } = await established(t, tlsOf(t, textsOf(pair)));
  t.throws(() => end.receive(numbers.TLS_SLACK_BYTES), { code: 'ERR_OUT_OF_RANGE' });
  const data = Buffer.alloc(100_000, 'abcdefghij');
  client.socket.write(data);
  client.put(await client.take());
  // One byte of ciphertext at a time, up to where records are complete.
  for (let tries = 0; end.received.length < 16_384; tries += 1) {
    const result = end.receive(numbers.TLS_SLACK_BYTES + 1);
    t.true(result === TLS_MORE || result > 0);
    t.true(tries < 20_000);
  }
  t.is(end.received.length, 16_384);
  while (end.receive() > 0 || end.received.length < data.length);
  t.true(end.received.equals(data));
});

test('sends are gathered into records, and go out in one piece', async (t) => {
  const { end, client } = await established(t, tlsOf(t, textsOf(pair)), { maxVersion: 'TLSv1.2' });
  end.memory.fill('0123456789');
  end.send(...Array(16).fill(64));
  const one = Buffer.alloc(2_000);
  const count = native.recv(end.peer, one, 0, one.length);
  t.is(count, 16 * 64 + 5 + 8 + 16);
  t.is(client.error, null);
  end.send(40_000, 60_000, 0, 30_000);
  let received = 0;
  let records = 0;
  const pieces = Buffer.alloc(200_000);
  while (received < pieces.length) {
    const more = native.recv(end.peer, pieces, received, pieces.length - received);
    if (more <= 0) break;
    received += more;
  }
  for (let at = 0; at < received; at += 5 + pieces.readUInt16BE(at + 3)) records += 1;
  t.is(received - records * (5 + 8 + 16), 130_000);
  t.is(records, 8);
});

test('what a send could not get rid of is left at the start of the wire buffer', async (t) => {
  const { end, client } = await established(t, tlsOf(t, textsOf(pair)));
  const data = end.memory;
  for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(at, at);
  const { SOL_SOCKET, SO_SNDBUF } = native.constants;
  native.setOption(end.fd, SOL_SOCKET, SO_SNDBUF, 4_608);
  const performed = end.run([
    { kind: KIND_TLS_SEND, length: 100_000 },
    { kind: KIND_TLS_SEND, offset: 100_000, length: 100_000 },
    { kind: KIND_TLS_RECV, offset: 200_000, length: ROOM },
  ]);
  t.is(performed.stopped, 0);
  const sealed = performed.results[0]!;
  t.true(sealed > 0 && sealed < 100_000 && performed.wire > 0);
  const waiting = [Buffer.from(end.wire.subarray(0, performed.wire))];
  // The rest joins it sealed, and unsent.
  for (let at = sealed; at < 200_000; ) {
    const part = end.seal(200_000 - at, at);
    t.is(part.stopped, 0);
    waiting.push(Buffer.from(end.wire.subarray(0, part.wire)));
    at += part.results[0]!;
  }
  // So does the announcement of the end.
  const ended = end.end(1);
  waiting.push(Buffer.from(end.wire.subarray(0, ended.wire)));
  const all = Buffer.concat(waiting);
  for (let done = 0; done < all.length; ) {
    const sent = native.send(end.fd, all, done, all.length - done);
    if (sent > 0) done += sent;
    await exchange(end, client);
  }
  await exchange(end, client);
  t.true(Buffer.concat(client.received).equals(data.subarray(0, 200_000)));
  t.true(client.ended);
});

test('a client comes back with its ticket, to another context of the same listener as well', async (t) => {
  const tls = tlsOf(t, textsOf(pair));
  const { end, client } = await established(t, tls);
  const sessions: Buffer[] = [];
  client.socket.on('session', (session) => sessions.push(session));
  end.send(1);
  await exchange(end, client);
  const session = client.socket.getSession() ?? sessions.at(-1)!;
  const back = await established(t, tls, { session });
  t.true((back.end.events & TLS_RESUMED) !== 0);
  t.is(tls.prepare(0, textsOf(certificates.make('localhost'))), undefined);
  tls.commit();
  const again = await established(t, tls, { session });
  t.true(again.client.socket.isSessionReused());
  // With other authorities for clients it is not.
  t.is(tls.prepare(0, textsOf(pair, { ca: pair.cert, clients: 1 })), undefined);
  tls.commit();
  const fresh = await established(t, tls, { session });
  t.false(fresh.client.socket.isSessionReused());
});

test('without tickets nobody comes back', async (t) => {
  const tls = tlsOf(t, textsOf(pair), 0);
  for (const maxVersion of versions) {
    const { end, client } = await established(t, tls, { maxVersion });
    end.send(1);
    await exchange(end, client);
    const session = client.socket.getSession();
    if (session === undefined) continue;
    const back = await established(t, tls, { maxVersion, session });
    t.false(back.client.socket.isSessionReused());
  }
});

test('sessions end with their slots, and a slot has one at a time', async (t) => {
  const before = native.tlsSessions();
  const tls = tlsOf(t, textsOf(pair));
  const seat = native.tlsSeat({ id: tls.id, seat: 4_000 });
  t.false(seat.open(0, 1, 7));
  t.true(seat.open(0, 1, 0));
  t.true(seat.open(5, 2, 0));
  t.true(seat.open(5, 3, 0));
  t.is(native.tlsSessions(), before + 2);
  t.true(seat.has(5, 3));
  t.false(seat.has(5, 2));
  t.false(seat.has(1, 1));
  // Another thread's seat object finds them as well.
  t.true(native.tlsSeat({ id: tls.id, seat: 4_000 }).has(0, 1));
  t.is(seat.fact(0, 'tls.version'), undefined);
  seat.close(0);
  seat.close(5);
  seat.close(5);
  t.is(native.tlsSessions(), before);
});

test('a row without a session fails, and a Tls that is gone is not found', (t) => {
  const tls = tlsOf(t, textsOf(pair));
  const end = new ServerEnd(t, tls);
  end.seat.close(end.slot);
  t.is(end.receive(), TLS_FAILED);
  t.deepEqual(end.send(3).results, [TLS_FAILED]);
  t.deepEqual(end.seal(3).results, [TLS_FAILED]);
  t.is(end.end().results[0], 0);
  tls.release();
  t.throws(() => native.tlsSeat(end.place), { code: 'ERR_OUT_OF_RANGE' });
});
