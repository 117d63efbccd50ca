// Preface: connections that begin with a PROXY header, on the kernel in memory and by a virtual clock.

import test from 'ava';
import fc from 'fast-check';
import { REASON_PEER } from '../../assembly/abi.ts';
import type { Harness, Peer } from '../../host/testing/harness.ts';
import { harness } from '../../host/testing/harness.ts';
import { compiledGuest, echo, leftovers, logged, nothing, scripted } from '../helpers/guests.ts';
import {
  CLIENT,
  field,
  joined,
  LOCAL,
  SERVER,
  summed,
  TCP4,
  TCP6,
  V4,
  v1,
  v2,
  v2As,
} from '../helpers/proxy.ts';

const surroundings = compiledGuest('surroundings');

const proxied = (server: Harness): Peer =>
  server.connect({ proxy: true, address: '10.0.0.1:5000' });

/** The client's address, as its guest has logged it by `a .,64;`. */
const addressOf = (server: Harness): string =>
  logged(server)
    .find((line) => /^[\d[].*\.$/.test(line))!
    .replace(/\.+$/, '');

test('the guest sees the connection when its header has come, with what follows it', async (t) => {
  for (const header of [v1(), v2(), v2(field(0x02, 'example.org')), summed(0)]) {
    const server = await scripted();
    const peer = proxied(server);
    for (const byte of header.subarray(0, -1)) peer.send(Uint8Array.of(byte));
    t.deepEqual(logged(server), []);
    t.is(server.stats().connections.total, 0);
    peer.send(joined(header.subarray(-1), 'm 1,100;'));
    t.deepEqual(logged(server), ['open 0', 'data 0 m 1,100;']);
    peer.send('hello');
    t.is(peer.text(), 'hello');
    peer.end();
    t.is(peer.closeReason, REASON_PEER);
    t.deepEqual(leftovers(server), nothing);
  }
});

test('any split of header and data gives the same stream', async (t) => {
  const server = await echo({ policy: { maxConnections: 8 } });
  const cuts = fc.array(fc.nat(200), { maxLength: 6 });
  const headers = fc.constantFrom(
    v1(),
    v2(),
    v2(field(0xea, 'x'.repeat(99))),
    v1('UNKNOWN'),
    v2As(LOCAL, 0),
  );
  fc.assert(
    fc.property(headers, fc.string({ maxLength: 80 }), cuts, (header, data, at) => {
      const peer = proxied(server);
      const all = joined(header, data);
      const ends = [...at, all.length]
        .map((cut) => Math.min(cut, all.length))
        .sort((a, b) => a - b);
      let start = 0;
      for (const end of ends) {
        if (end > start) peer.send(all.subarray(start, end));
        start = end;
      }
      const same = Buffer.compare(Buffer.from(peer.received()), Buffer.from(data)) === 0;
      peer.end();
      return same && leftovers(server).open === 0;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('a payload that is longer than the place of a header comes whole', async (t) => {
  const server = await echo();
  const peer = proxied(server);
  const data = 'z'.repeat(100_000);
  peer.send(joined(v2(), data));
  t.is(peer.text(), data);
});

test('a second header is data like any other', async (t) => {
  const server = await echo();
  const peer = proxied(server);
  peer.send(joined(v1(), v1('TCP4 203.0.113.66 198.51.100.7 1 1')));
  t.is(peer.text(), 'PROXY TCP4 203.0.113.66 198.51.100.7 1 1\r\n');
});

test('no byte of a header lies in the memory of the guest', async (t) => {
  const server = await scripted();
  const peer = proxied(server);
  const secret = 'a-secret-of-the-balancer';
  const header = v2(field(0xe0, secret));
  peer.send(header.subarray(0, 30));
  peer.send(joined(header.subarray(30), 'q;'));
  const bytes = server.stats().guestMemoryBytes;
  peer.send(`p .,0,${bytes};`);
  const memory = Buffer.from(peer.received());
  t.is(memory.length, bytes);
  t.is(memory.indexOf('p .,0,') > 0, true);
  t.is(memory.indexOf(secret), -1);
  t.is(memory.indexOf(Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81)), -1);
});

test('the header says who the client is, where it connected to, and more', async (t) => {
  const server = await harness(surroundings);
  const ask = (peer: Peer, key: string): string => {
    peer.send(`p ${key}`);
    return peer.text().trimEnd();
  };
  const peer = proxied(server);
  const ssl = [0x07, 0, 0, 0, 0, ...field(0x21, 'TLSv1.3')];
  const fields = [
    field(0x01, 'h2'),
    field(0x02, 'example.org'),
    field(0x05, 'id-1'),
    field(0x20, ssl),
    field(0xea, 'aws'),
  ];
  peer.send(v2(...fields));
  const of = (text: string): string => `${text.length} ${text}`;
  const wanted: Record<string, string> = {
    'proxy.source': CLIENT,
    'proxy.destination': SERVER,
    'proxy.peer': '10.0.0.1:5000',
    'proxy.alpn': 'h2',
    'proxy.authority': 'example.org',
    'proxy.unique_id': 'id-1',
    'proxy.ssl': '1',
    'proxy.ssl.verified': '1',
    'proxy.ssl.version': 'TLSv1.3',
    'proxy.tlv.ea': 'aws',
    'proxy.tlv.01': 'h2',
  };
  for (const [key, value] of Object.entries(wanted)) t.is(ask(peer, key), of(value), key);
  for (const key of ['proxy.netns', 'proxy.tlv.eb', 'proxy', 'proxy.'])
    t.is(ask(peer, key), '-5', key);
  const plain = server.connect();
  for (const key of Object.keys(wanted)) t.is(ask(plain, key), '-5', key);
});

test('a balancer that speaks for itself has its own address', async (t) => {
  for (const header of [
    v1('UNKNOWN'),
    v1('UNKNOWN ::1 ::1 1 2'),
    v2As(LOCAL, TCP4, V4),
    v2As(1, 0),
  ]) {
    const server = await scripted();
    proxied(server).send(joined(header, 'q;a .,64;'));
    t.is(addressOf(server), '10.0.0.1:5000');
  }
});

test('a client of IPv6 is shown as one', async (t) => {
  const server = await scripted();
  const address = [0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1];
  const header = v2As(1, TCP6, address, address, [0, 80, 1, 0]);
  proxied(server).send(joined(header, 'q;a .,64;'));
  t.is(addressOf(server), '[2001:db8::1]:80');
});

test('a wrong header costs its connection, and the guest hears nothing of it', async (t) => {
  const wrong = [
    joined('GET / HTTP/1.1\r\n\r\n'),
    joined('PROXY TCP4 1.2.3.4\r\n'),
    summed(1),
    v2(field(0xe0, 'x'.repeat(2000))),
    v2([0x02, 0xff, 0xff, 1]),
    v2As(1, 0x51, V4),
    joined(`PROXY TCP4 ${'1'.repeat(200)}`),
  ];
  const server = await scripted();
  const bystander = server.connect();
  logged(server);
  for (const [index, bytes] of wrong.entries()) {
    const peer = proxied(server);
    peer.send(bytes);
    t.true(peer.send('x') < 0, String(index));
    t.is(server.stats().errors.PROXY, index + 1);
  }
  t.is(server.stats().connections.refused, wrong.length);
  t.deepEqual(logged(server), []);
  bystander.send('m 1,10;');
  bystander.send('alive');
  t.is(bystander.text(), 'alive');
});

test('a header has five seconds, whatever comes of it meanwhile', async (t) => {
  const server = await scripted();
  const [silent, slow] = [proxied(server), proxied(server)];
  const header = v2(field(0xe0, 'x'.repeat(200)));
  for (let second = 0; second < 4; second += 1) {
    slow.send(header.subarray(second, second + 1));
    server.advance(1000);
  }
  server.advance(999);
  t.is(server.stats().connections.open, 2);
  server.advance(1);
  t.is(server.stats().connections.open, 0);
  t.is(server.stats().errors.PROXY, 2);
  t.true(silent.send('x') < 0 && slow.send('x') < 0);
  t.deepEqual(logged(server), []);
});

test('a thousand slow senders keep nobody from being served', async (t) => {
  const server = await echo({ policy: { maxConnections: 1024 } });
  const header = v2(field(0xe0, 'x'.repeat(60)));
  const slow = Array.from({ length: 1000 }, () => proxied(server));
  for (let at = 0; at < 2; at += 1) {
    for (const peer of slow) peer.send(header.subarray(at, at + 1));
  }
  const peer = proxied(server);
  peer.send(joined(v1(), 'hello'));
  t.is(peer.text(), 'hello');
  t.is(server.stats().poolBytes, 0);
  server.advance(5000);
  t.is(server.stats().errors.PROXY, 1000);
  t.is(server.stats().connections.open, 1);
  peer.send('still');
  t.is(peer.text(), 'still');
});

test('whoever only looks whether somebody listens has done nothing wrong', async (t) => {
  const server = await scripted();
  proxied(server).end();
  t.deepEqual(server.stats().errors, {});
  const half = proxied(server);
  half.send('PROXY TC');
  half.end();
  t.is(server.stats().errors.PROXY, 1);
  proxied(server).reset();
  t.deepEqual(leftovers(server), nothing);
  t.deepEqual(logged(server), []);
});

test('a drain does not wait for headers', async (t) => {
  const server = await scripted({ policy: { drainQuietMs: 250 } });
  const peer = proxied(server);
  peer.send('PROXY');
  server.drain();
  server.advance(250);
  t.true(peer.send('x') < 0);
  t.deepEqual(leftovers(server), nothing);
  t.deepEqual(server.stats().errors, {});
});

test('a restart and a swap in the meantime change nothing for those who wait', async (t) => {
  const server = await scripted();
  const peer = proxied(server);
  peer.send(v1().subarray(0, 20));
  server.connect().send('T;');
  await server.swap(compiledGuest('scripted'));
  peer.send(joined(v1().subarray(20), 'm 1,10;'));
  peer.send('hello');
  t.is(peer.text(), 'hello');
  t.is(server.traps.length, 1);
});

test('whoever is ready while the guest is down is refused, and nobody waits for ever', async (t) => {
  const server = await scripted();
  const [trapping, waiting, later] = [server.connect(), proxied(server), proxied(server)];
  const { Instance } = WebAssembly;
  const broken = class {
    constructor() {
      throw new Error('no memory for it');
    }
  };
  Object.assign(WebAssembly, { Instance: broken });
  try {
    trapping.send('T;');
    waiting.send(v1());
    t.true(waiting.send('x') < 0);
    t.is(server.stats().connections.refused, 1);
  } finally {
    Object.assign(WebAssembly, { Instance });
  }
  server.advance(1000);
  later.send(joined(v1(), 'm 1,10;'));
  later.send('hello');
  t.is(later.text(), 'hello');
});

test('a guest that traps when it is told of a connection loses that one', async (t) => {
  const server = await scripted();
  const peer = server.connect({ proxy: true, address: '!T;' });
  const other = proxied(server);
  other.send(v1().subarray(0, 20));
  peer.send(v1('UNKNOWN'));
  t.true(peer.send('x') < 0);
  other.send(joined(v1().subarray(20), 'm 1,10;'));
  other.send('hello');
  t.is(other.text(), 'hello');
});
