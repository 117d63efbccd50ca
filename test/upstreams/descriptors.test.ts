// Upstreams and descriptors: a machine that has none left, and that none is left over. A process of its own, since the
// others' would be counted, too.

import { readdirSync } from 'node:fs';
import test from 'ava';
import { native } from '../../host/kernel/native.ts';
import { connect as connectClient } from '../helpers/client.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';
import { upstreamPeer } from '../helpers/upstream-peer.ts';
import { leadsTo, outward } from '../helpers/upstreams.ts';

const scripted = (): Uint8Array => compiledGuest('scripted');

test.serial('without descriptors a connection cannot be made, and with them it can', async (t) => {
  const db = await upstreamPeer(t);
  const server = await outward(t, scripted(), [{ name: 'db', resolve: () => leadsTo(db.address) }]);
  const client = await connectClient(server.address, { owner: t });
  await client.send('q;');
  const taken: number[] = [];
  for (let fd = native.eventfd(0); fd >= 0; fd = native.eventfd(0)) taken.push(fd);
  await client.send('u .,0,db;');
  await server.until(() => server.outcomes.length === 1);
  for (const fd of taken) native.close(fd);
  t.deepEqual(server.outcomes, ['resources']);
  await server.until(() => server.counts.all === 0);
  await client.send('u .,0,db;');
  await db.came(1);
});

test.serial('no descriptor is left when all is over', async (t) => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const db = await upstreamPeer(t, (socket) => void socket.pipe(socket));
  const before = count();
  const upstream = { name: 'upstream', resolve: () => leadsTo(db.address) };
  const server = await outward(t, bundledModule('proxy'), [upstream], { workers: 1 });
  for (let round = 0; round < 5; round += 1) {
    const client = await connectClient(server.address, { owner: t });
    await client.send('x');
    await client.readExactly(1);
    client.end();
    await client.readAll();
  }
  await server.close();
  await server.until(() => count() <= before);
  t.is(server.counts.all, 0);
});
