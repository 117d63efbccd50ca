// Everything at once: hangs, traps, swaps, resets, unfinished frames and clients that do not read, beside 200
// streams of which every byte is compared.

import test from 'ava';
import type { Server } from '../../host/index.ts';
import { type Client, connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { storm } from '../helpers/kills-under-load.ts';

const ROUNDS = 12;
const EACH = 5;
const UNREAD = Buffer.alloc(1 << 20, 'u');

const several = (address: string): Promise<Client[]> =>
  Promise.all(Array.from({ length: EACH }, () => connect(address)));

/** One kind of fault a round, in turn; what it leaves open is closed some rounds later. */
function attacks(): (server: Server, round: number) => Promise<void> {
  const held: Client[] = [];
  const kinds: readonly ((server: Server, address: string) => Promise<unknown>)[] = [
    (server) => server.swap(hazard()),
    async (_, address) => {
      const clients = await several(address);
      await Promise.all(clients.map((client) => client.send('T')));
      await Promise.all(clients.map((client) => client.closed));
    },
    async (_, address) => {
      const clients = await several(address);
      await Promise.all(clients.map((client) => client.send('x')));
      for (const client of clients) client.reset();
    },
    async (_, address) => {
      const clients = await several(address);
      held.push(...clients);
      // Nobody reads the answers: what is sent meets back-pressure, and is not waited for.
      for (const client of clients) {
        client.pause();
        client.send(UNREAD).catch(() => undefined);
      }
    },
  ];
  return async (server, round) => {
    await kinds[round % kinds.length]!(server, server.addresses[0]!);
    for (const client of held.splice(0, Math.max(0, held.length - 3 * EACH))) client.destroy();
  };
}

test('everything at once costs the connections concerned, and no byte of 200 others', async (t) => {
  const report = await storm({
    kind: 'hang',
    rounds: ROUNDS,
    clients: 200,
    seed: 7,
    workers: 2,
    callbackTimeoutMs: 500,
    beside: attacks(),
  });
  t.deepEqual(report.faults, []);
  t.is(report.rounds, ROUNDS);
  t.is(report.lost, 0);
  t.log(`${report.bytes} bytes compared, ${JSON.stringify(report.stats.errors ?? {})}`);
});
