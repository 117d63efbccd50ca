// Connections to upstreams over real sockets, in the server's own thread and in workers.

import { createServer, type Server, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { connect as connectClient } from '../helpers/client.ts';
import { bundledModule, compiledGuest } from '../helpers/guests.ts';
import { leadsTo, outward } from '../helpers/upstreams.ts';

/** An upstream of the test's, and what has connected to it. */
async function listening(
  t: ExecutionContext,
  serve: (socket: Socket) => void,
): Promise<{ address: string; server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { address: `127.0.0.1:${port}`, server, sockets };
}

const scripted = (): Uint8Array => compiledGuest('scripted');
const echo = (socket: Socket): void => void socket.pipe(socket);

for (const workers of [0, 1, 2]) {
  test(`a guest connects to an upstream, with workers: ${workers}`, async (t) => {
    const db = await listening(t, (socket) => socket.write('s 0,from the upstream;'));
    const server = await outward(
      t,
      scripted(),
      [{ name: 'db', resolve: () => leadsTo(db.address) }],
      { workers },
    );
    const client = await connectClient(server.address, { owner: t });
    await client.send('u .,0,db;');
    t.is((await client.readExactly(17)).toString(), 'from the upstream');
    await server.logged('connect 1 0');
    t.is(server.counts.open(0), 1);
    t.deepEqual(server.outcomes, ['connected']);
    client.end();
    t.deepEqual(server.restarts, []);
  });
}

test('what is sent to an upstream before it is there comes first, and in order', async (t) => {
  let received = '';
  const db = await listening(t, (socket) =>
    socket.on('data', (data) => {
      received += data;
    }),
  );
  const server = await outward(t, scripted(), [{ name: 'db', resolve: () => leadsTo(db.address) }]);
  const client = await connectClient(server.address, { owner: t });
  await client.send('U{s 1,third;}u .,0,db;s 1,first ;s 1,second ;');
  await server.until(() => received.length >= 18);
  t.is(received, 'first second third');
});

test('the bundled proxy passes bytes on both ways, and ends with its client', async (t) => {
  const db = await listening(t, echo);
  const server = await outward(
    t,
    bundledModule('proxy'),
    [{ name: 'db', resolve: () => leadsTo(db.address) }],
    { config: 'upstream=db' },
  );
  const client = await connectClient(server.address, { owner: t });
  await client.send('hello');
  t.is((await client.readExactly(5)).toString(), 'hello');
  await client.send('again');
  client.end();
  t.is((await client.readAll()).toString(), 'again');
  await server.until(() => server.counts.all === 0);
});

test('a connection that is refused is a close with CONNECT, and no trap', async (t) => {
  const db = await listening(t, echo);
  await new Promise((resolve) => db.server.close(resolve));
  const server = await outward(t, scripted(), [{ name: 'db', resolve: () => leadsTo(db.address) }]);
  const client = await connectClient(server.address, { owner: t });
  await client.send('u .,0,db;s 1,never;');
  await server.logged('close 1 13');
  t.deepEqual(server.outcomes, ['refused']);
  t.is(server.counts.all, 0);
  await client.send('s .,still here;');
  t.is((await client.readExactly(10)).toString(), 'still here');
});
