// The bundled protocol `resp` with clients who want to harm it: what they leave behind, and what they ask for.

import test from 'ava';
import {
  type Harness,
  type HarnessOptions,
  harness,
  TestStore,
} from '../../host/testing/harness.ts';
import { bundledModule, leftovers, nothing } from '../helpers/guests.ts';
import { encoded as encodedCommand } from '../helpers/resp.ts';

const resp = (options: HarnessOptions = {}): Promise<Harness> =>
  harness(bundledModule('resp'), options);

const encoded = (...parts: string[]): string => encodedCommand(parts);

test('what a command has read is forgotten when its client goes away before it is written', async (t) => {
  const store = new TestStore();
  const network = await resp({ store, policy: { guestMemoryBytes: 4 << 20 } });
  const first = network.connect();
  first.send(encoded('SET', 'big', 'x'.repeat(60_000)));
  t.is(first.text(), '+OK\r\n');
  for (let number = 0; number < 200; number += 1) {
    const peer = network.connect();
    store.hold();
    peer.send(encoded('APPEND', 'big', 'y'));
    store.release(1);
    t.deepEqual(store.held, [{ op: 'put', key: 'big' }]);
    peer.close();
    store.lose();
  }
  t.deepEqual(network.traps, []);
  first.send(encoded('STRLEN', 'big'));
  t.is(first.text(), ':60000\r\n');
  first.close();
  t.deepEqual(leftovers(network), nothing);
});

test('a string that no server would keep is refused before it is made', async (t) => {
  const network = await resp();
  const peer = network.connect();
  const tooLong = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n';
  for (const offset of ['8388600', '100000000', '536870911', '9223372036854775807']) {
    peer.send(encoded('SETRANGE', 'key', offset, 'x'));
    t.is(peer.text(), tooLong, offset);
  }
  peer.send(encoded('SETRANGE', 'key', '11', 'x') + encoded('GET', 'key'));
  t.is(peer.text(), `:12\r\n$12\r\n${'\0'.repeat(11)}x\r\n`);
  t.deepEqual(network.traps, []);
});

test('what a client has written stays on one line of an error', async (t) => {
  const peer = (await resp()).connect();
  peer.send(encoded('HELLO', '3', 'a\r\n+OK'));
  t.is(peer.text(), "-ERR Syntax error in HELLO option 'a  +OK'\r\n");
  peer.send(encoded('EXPIRE', 'key', '1', 'a\r\n+OK'));
  t.is(peer.text(), '-ERR Unsupported option a  +OK\r\n');
});

test('what ends at once is set for a moment, also if it must be new', async (t) => {
  const peer = (await resp()).connect();
  peer.send(encoded('SET', 'key', 'v', 'PXAT', '1000', 'NX') + encoded('EXISTS', 'key'));
  t.is(peer.text(), '+OK\r\n:0\r\n');
  peer.send(encoded('SET', 'key', 'v') + encoded('SET', 'key', 'w', 'PXAT', '1000', 'NX'));
  t.is(peer.text(), '+OK\r\n$-1\r\n');
  peer.send(encoded('GET', 'key'));
  t.is(peer.text(), '$1\r\nv\r\n');
});

test('what ends at once is set for a moment, also if the value before it is asked for', async (t) => {
  const peer = (await resp()).connect();
  peer.send(encoded('SET', 'key', 'v', 'PXAT', '1000', 'GET') + encoded('EXISTS', 'key'));
  t.is(peer.text(), '$-1\r\n:0\r\n');
});

test('sums with fractions have the digits that Redis gives on x86', async (t) => {
  const peer = (await resp()).connect();
  const sums = [
    ['100.1', '100.1'],
    ['0.1', '100.2'],
    ['1e17', '100000000000000100.203125'],
    ['-1E17', '100.203125'],
    ['-100.203125', '0'],
    ['6e-18', '0.00000000000000001'],
  ] as const;
  for (const [by, sum] of sums) {
    peer.send(encoded('INCRBYFLOAT', 'key', by));
    t.is(peer.text(), `$${sum.length}\r\n${sum}\r\n`);
  }
  const refused = ['x', '', ' 1', '1e', 'nan', '1e5000', '1e-5000', '.', '0x10'];
  for (const by of refused) {
    peer.send(encoded('INCRBYFLOAT', 'key', by));
    t.is(peer.text(), '-ERR value is not a valid float\r\n', by);
  }
  peer.send(encoded('INCRBYFLOAT', 'key', 'inf'));
  t.is(peer.text(), '-ERR increment would produce NaN or Infinity\r\n');
});

test('a sum whose old value is lost with the instance is not made up', async (t) => {
  const store = new TestStore();
  const network = await resp({ store });
  const peer = network.connect();
  store.hold();
  peer.send(encoded('INCRBYFLOAT', 'key', '1.5'));
  store.release(1);
  t.deepEqual(store.held, [{ op: 'put', key: 'key' }]);
  network.renew();
  store.release();
  t.is(peer.text(), '-ERR the answer is lost; it has happened\r\n');
  peer.send(encoded('GET', 'key'));
  t.is(peer.text(), '$3\r\n1.5\r\n');
});

test('commands with thousands of arguments are answered in order, in whatever pieces they come', async (t) => {
  const network = await resp();
  const peer = network.connect();
  const keys = Array.from({ length: 3000 }, (_, number) => `k${number % 7}`);
  peer.send(encoded('SET', 'k3', 'v'));
  const all = encoded('MGET', ...keys) + encoded('EXISTS', ...keys) + encoded('DEL', ...keys);
  for (let at = 0; at < all.length; at += 1000) peer.send(all.slice(at, at + 1000));
  peer.send(encoded('PING'));
  const values = keys.map((key) => (key === 'k3' ? '$1\r\nv\r\n' : '$-1\r\n')).join('');
  const there = keys.filter((key) => key === 'k3').length;
  t.is(peer.text(), `+OK\r\n*3000\r\n${values}:${there}\r\n:1\r\n+PONG\r\n`);
  network.connect().send(`MGET ${keys.slice(0, 1000).join(' ')}\r\n`);
  t.deepEqual(network.traps, []);
});

test('a command with thousands of arguments goes on by a fresh instance where it was', async (t) => {
  const store = new TestStore();
  const network = await resp({ store });
  const peer = network.connect();
  const keys = Array.from({ length: 200 }, (_, number) => `k${number}`);
  const all = encoded('MGET', ...keys);
  peer.send(all.slice(0, 1000));
  network.renew();
  store.hold();
  peer.send(all.slice(1000));
  for (let waiting = store.held.length; waiting > 0; waiting = store.held.length) {
    store.release(waiting);
    network.renew();
    store.hold();
  }
  t.is(peer.text(), `*200\r\n${'$-1\r\n'.repeat(200)}`);
});

test('what clients do is counted', async (t) => {
  const network = await resp();
  const [peer, other] = [network.connect(), network.connect()];
  peer.send(encoded('SET', 'a', '1') + encoded('MGET', 'a', 'b', 'c') + encoded('GET', 'a'));
  peer.send(encoded('NOPE') + encoded('SUBSCRIBE', 'one') + encoded('PSUBSCRIBE', 'o*'));
  other.send(encoded('PUBLISH', 'one', 'hello') + encoded('PUBLISH', 'two', 'hello'));
  const counts = Object.entries(network.stats().guest).map(([name, metric]) => [
    name,
    metric.kind === 'histogram' ? null : metric.value,
  ]);
  t.deepEqual(Object.fromEntries(counts), {
    commands: 8,
    hits: 2,
    misses: 2,
    errors: 1,
    published: 2,
    delivered: 2,
    dropped: 0,
  });
});
