// What is known of upstreams while connections to them are open: bytes, and who is connected to whom.

import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type Server, serve } from '../../host/index.ts';
import { LiveUpstreams } from '../../host/server/status/live-upstreams.ts';
import type { ConnectionTable } from '../../host/threads/engine.ts';
import { connect } from '../helpers/client.ts';

/** Says again what comes. */
async function listening(t: ExecutionContext): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
    t.teardown(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function fronting(t: ExecutionContext, workers: number, db: string): Promise<Server> {
  const options = { protocol: 'proxy', listen: '127.0.0.1:0', config: 'upstream=db' };
  const server = await serve({ ...options, workers, upstreams: { db } });
  t.teardown(() => server.drain());
  return server;
}

for (const workers of [0, 1, 2]) {
  test(`bytes of open connections are counted, and not once more at their end; workers: ${workers}`, async (t) => {
    const server = await fronting(t, workers, await listening(t));
    const bytes = (): number[] => {
      const { bytesIn, bytesOut } = server.stats().upstreams.db!;
      return [bytesIn, bytesOut];
    };
    t.deepEqual(bytes(), [0, 0]);
    const clients = await Promise.all(
      [0, 1, 2].map(() => connect(server.addresses[0]!, { owner: t })),
    );
    for (const client of clients) {
      await client.send('x'.repeat(1000));
      await client.readExactly(1000);
    }
    while (bytes()[0]! < 3000) await new Promise(setImmediate);
    t.deepEqual(bytes(), [3000, 3000]);
    for (const client of clients) {
      client.end();
      await client.readAll();
    }
    while (server.stats().upstreams.db!.open > 0) await new Promise(setImmediate);
    t.deepEqual(bytes(), [3000, 3000]);
  });

  test(`a connection to an upstream is listed with its client; workers: ${workers}`, async (t) => {
    const db = await listening(t);
    const server = await fronting(t, workers, db);
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('x');
    await client.readExactly(1);
    const { connections } = await server.connections();
    const [own] = connections.filter(({ upstream }) => upstream === null);
    const [other] = connections.filter(({ upstream }) => upstream !== null);
    t.is(connections.length, 2);
    t.is(own!.parent, null);
    t.like(other, { upstream: 'db', listener: 'upstream db', parent: own!.id, peer: db });
  });
}

test('figures that count never go back, whatever is seen of connections that end meanwhile', (t) => {
  const live = new LiveUpstreams();
  const one = { open: 1, connecting: 0, connected: 1, cancelled: 0, failed: {}, targets: [] };
  const holding = (bytes: number): ConnectionTable[] => [
    {
      ...{ index: 0, peer: () => '', listener: () => '', upstream: () => 'db' },
      rows: {
        ...{ size: 1, used: () => true, has: () => true, isOutbound: () => true, key: () => bytes },
      } as unknown as ConnectionTable['rows'],
    },
  ];
  const told = (over: number, open: number): number =>
    live.add({ db: { ...one, bytesIn: over, bytesOut: over } }, () => holding(open)).db!.bytesIn;
  t.deepEqual([told(100, 50), told(100, 0), told(150, 10)], [150, 150, 160]);
});

test('without connections no table is looked at', (t) => {
  const none = { connecting: 0, connected: 0, cancelled: 0, failed: {}, targets: [] };
  const counted = { db: { ...none, open: 0, bytesIn: 7, bytesOut: 8 } };
  t.deepEqual(
    new LiveUpstreams().add(counted, () => t.fail() as never),
    counted,
  );
});
