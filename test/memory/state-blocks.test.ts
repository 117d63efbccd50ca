// Long state blocks, which lie in memory in two parts: that guests notice nothing of it, and what it saves.

import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { KIND_UPDATE } from '../../host/kernel/rows.ts';
import { harness } from '../../host/testing/harness.ts';
import { counter } from '../helpers/counters.ts';
import { rowsOf } from '../helpers/native.ts';

const PLACES = [0, 248, 256, 600, 4000];

for (const at of PLACES) {
  test(`a count at ${at} of a state block of 4 KiB is each connection's own, and survives a swap`, async (t) => {
    const size = 4096;
    const server = await harness(counter({ letter: 'a', at, size }));
    const peers = Array.from({ length: 10 }, () => server.connect());
    for (const [index, peer] of peers.entries()) for (let n = 0; n < index; n += 1) peer.send('x');
    for (const peer of peers) peer.received();
    const counts = peers.map((peer) => server.inspect(peer.connection)!.state[at]);
    t.deepEqual(counts, [...peers.keys()]);
    await server.swap(counter({ letter: 'A', at, size }));
    for (const peer of peers) peer.send('x');
    t.is(peers.map((peer) => peer.text()).join(''), 'BCDEFGHIJK');
    await server.swap(counter({ letter: 'a', at: 8, from: at, version: 1, migrate: [] }));
    for (const peer of peers) peer.send('x');
    t.is(peers.map((peer) => peer.text()).join(''), 'cdefghijkl');
    await server.swap(counter({ letter: 'A', at, from: 8, size, version: 2, migrate: [] }));
    for (const peer of peers) peer.send('x');
    t.is(peers.map((peer) => peer.text()).join(''), 'DEFGHIJKLM');
    t.deepEqual(server.traps, []);
  });
}

test('the whole of a long state block is zeroed for who has the slot next', async (t) => {
  for (const at of PLACES) {
    const options = { policy: { maxConnections: 1 } };
    const server = await harness(counter({ letter: 'a', at, size: 4096 }), options);
    for (let index = 0; index < 3; index += 1) {
      const peer = server.connect();
      peer.send('x');
      t.is(peer.text(), 'b');
      peer.close();
    }
  }
});

test('an update writes what is different, and does not touch memory that is the same', (t) => {
  const each = 65_536;
  const memory = new Uint8Array(1024 * each);
  const source = new Uint8Array(each);
  const rows = new Int32Array(
    Array.from({ length: 1024 }, (_, index) => [
      ...rowsOf([{ kind: KIND_UPDATE, length: each, target: 1, targetOffset: index * each }]),
    ]).flat(),
  );
  const io = native.io(rows);
  io.bind(0, source);
  io.bind(1, memory);
  const before = process.memoryUsage.rss();
  t.is(io.run(0, 1024), 1024);
  t.true(process.memoryUsage.rss() - before < memory.length / 2, 'zeros on zeros');
  source[each - 1] = 7;
  t.is(io.run(0, 1024), 1024);
  t.is(memory[each - 1], 7);
  t.is(memory[memory.length - 1], 7);
  t.true(process.memoryUsage.rss() - before > memory.length / 2);
});
