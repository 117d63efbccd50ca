// A page out of very many connections: the event loop has its turns meanwhile, and nobody is left out.

import test from 'ava';
import { ConnectionRows } from '../../host/memory/connection-rows.ts';
import { Connections } from '../../host/memory/connections.ts';
import { BYTES_IN, TIMES } from '../../host/memory/layout.ts';
import { Segment } from '../../host/memory/segment.ts';
import { pageOf } from '../../host/server/status/connections.ts';

const COUNT = 60_000;

function filled(index: number) {
  const sizes = { connections: COUNT, stateBytes: 0, poolBytes: 1 << 20 };
  const segment = new Segment(sizes, SharedArrayBuffer);
  const connections = new Connections(segment);
  for (let made = 0; made < COUNT; made += 1) {
    const slot = connections.take(made);
    // No two are the same, and their order is not that of the slots.
    segment.times[slot * TIMES + BYTES_IN] = (made * 7919) % COUNT;
  }
  const rows = new ConnectionRows(segment.bytes.buffer, COUNT);
  return {
    index,
    rows,
    peer: (slot: number) => `peer ${slot}`,
    listener: () => 'one',
    upstream: () => null,
  };
}

test('a page of 60,000 connections is found in slices', async (t) => {
  const table = filled(3);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  const page = await pageOf([table], { sort: 'in', limit: 3 });
  t.deepEqual(
    page.connections.map(({ bytesIn }) => bytesIn),
    [COUNT - 1, COUNT - 2, COUNT - 3],
  );
  t.true(turned);
  const after = page.next!;
  const second = await pageOf([table], { sort: 'in', limit: 1000, after });
  t.is(second.connections[0]!.bytesIn, COUNT - 4);
  t.is(second.connections.length, 1000);
  t.is(second.connections.at(-1)!.bytesIn, COUNT - 1003);
  t.like(second.connections[0], { worker: 3, listener: 'one' });
});
