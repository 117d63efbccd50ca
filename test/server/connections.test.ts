// Connections as an operator lists and ends them, while workers serve them.

import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  type ConnectionInfo,
  type ConnectionsQuery,
  type Server,
  serve,
} from '../../host/index.ts';
import { type Client, connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';

const quick = { drainQuietMs: 0, graceMs: 1000, lingerMs: 100 };

async function started(
  t: ExecutionContext,
  workers: number,
  protocol: string | Uint8Array = 'echo',
) {
  const server = await serve({ protocol, listen: '127.0.0.1:0', policy: quick, workers });
  t.teardown(() => server.close());
  return server;
}

/** Clients whose connections are served: each has had an answer of so many bytes. */
async function clients(t: ExecutionContext, server: Server, sizes: readonly number[]) {
  const all: Client[] = [];
  for (const size of sizes) {
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send(Buffer.alloc(size));
    await client.readExactly(size);
    all.push(client);
  }
  return all;
}

/** Every page, one after the other. */
async function pages(server: Server, query: ConnectionsQuery): Promise<ConnectionInfo[][]> {
  const found: ConnectionInfo[][] = [];
  let after: string | null = '';
  while (after !== null) {
    const page: Awaited<ReturnType<Server['connections']>> = await server.connections(
      after === '' ? query : { ...query, after },
    );
    found.push([...page.connections]);
    after = page.next;
  }
  return found;
}

for (const workers of [0, 2]) {
  test(`each connection is listed once, with what it has sent and received: ${workers} workers`, async (t) => {
    const server = await started(t, workers);
    const sizes = [10, 20, 30, 40, 50];
    const all = await clients(t, server, sizes);
    const found = await pages(server, { limit: 2 });
    t.deepEqual(
      found.map((page) => page.length),
      [2, 2, 1],
    );
    const rows = found.flat();
    t.is(new Set(rows.map(({ id }) => id)).size, 5);
    t.deepEqual(
      rows.map(({ bytesIn }) => bytesIn).sort((a, b) => a - b),
      sizes,
    );
    for (const row of rows) {
      t.is(row.bytesIn, row.bytesOut);
      t.like(row, { listener: '127.0.0.1:0', state: 'open', waiting: null, heldBytes: 0 });
      t.regex(row.peer, /^127\.0\.0\.1:\d+$/);
      t.true(row.ageMs >= 0 && row.ageMs < 60_000);
      t.true(row.worker >= 0 && row.worker < Math.max(1, workers));
    }
    for (const client of all) client.destroy();
  });
}

test('pages can be sorted by what was received, and go on where the one before ended', async (t) => {
  const server = await started(t, 2);
  await clients(t, server, [10, 30, 20, 30, 5]);
  const found = await pages(server, { limit: 2, sort: 'in' });
  t.deepEqual(
    found.map((page) => page.map(({ bytesIn }) => bytesIn)),
    [[30, 30], [20, 10], [5]],
  );
});

test('the oldest connections come first by age', async (t) => {
  const server = await started(t, 1);
  await clients(t, server, [3, 1, 2]);
  const { connections, next } = await server.connections({ sort: 'age', limit: 3 });
  t.deepEqual(
    connections.map(({ bytesIn }) => bytesIn),
    [3, 1, 2],
  );
  t.is(next, null);
});

test('a client that does not read has a backlog, and is first by it', async (t) => {
  const server = await started(t, 1);
  await clients(t, server, [10]);
  const greedy = await connect(server.addresses[0]!, { paused: true, owner: t });
  const sent = greedy.send(Buffer.alloc(32 * 1024 * 1024)).catch(() => undefined);
  let first: ConnectionInfo | undefined;
  do {
    await turn();
    [first] = (await server.connections({ sort: 'backlog', limit: 1 })).connections;
  } while (first?.waiting !== 'backlog');
  t.true(first.backlogBytes > 0);
  greedy.destroy();
  await sent;
});

test('a connection is ended gracefully, or by a reset', async (t) => {
  for (const workers of [0, 1]) {
    const server = await started(t, workers);
    const reasons: string[] = [];
    server.on('close', ({ reason }) => reasons.push(reason));
    const [one, two] = (await clients(t, server, [1, 2])) as [Client, Client];
    const { connections } = await server.connections({ sort: 'in' });
    const [second, first] = connections as [ConnectionInfo, ConnectionInfo];
    t.true(server.disconnect(first.id));
    t.is(await one.closed, 'end');
    t.true(server.disconnect(second.id, { abort: true }));
    t.is(await two.closed, 'ECONNRESET');
    one.end();
    while ((await server.connections()).connections.length > 0) await turn();
    t.false(server.disconnect(first.id));
    t.false(server.disconnect(12_345));
    t.false(server.disconnect(-1));
    while (reasons.length < 2) await turn();
    t.deepEqual(reasons, ['shutdown', 'shutdown']);
  }
});

test('what is asked for wrongly is refused by code', async (t) => {
  const server = await started(t, 0);
  const wrong = [
    { limit: 0 },
    { limit: 1001 },
    { limit: 1.5 },
    { sort: 'toString' },
    { after: 'x' },
  ];
  for (const query of wrong) {
    await t.throwsAsync(server.connections(query as ConnectionsQuery), { code: 'ERR_OPTION' });
  }
});

test('connections are listed while their worker hangs', async (t) => {
  const server = await started(t, 1, hazard());
  const [client] = await clients(t, server, [3]);
  let restarted = false;
  server.on('restart', () => {
    restarted = true;
  });
  await client!.send('H');
  while (!restarted) {
    const { connections } = await server.connections();
    if (!restarted) t.is(connections.length, 1);
    await turn();
  }
  t.is(await client!.closed, 'ECONNRESET');
  while ((await server.connections()).connections.length > 0) await turn();
});
