// The bundled protocol `resp` with clients who want to harm it: what they leave behind, and what they ask for.

import test from 'ava';
import {
  type Harness,
  type HarnessOptions,
  harness,
  TestStore,
} from '../../host/testing/harness.ts';
import { bundledModule, leftovers, nothing } from '../helpers/guests.ts';

const resp = (options: HarnessOptions = {}): Promise<Harness> =>
  harness(bundledModule('resp'), options);

const encoded = (...parts: string[]): string =>
  `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;

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
