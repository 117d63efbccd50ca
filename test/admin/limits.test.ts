// What clients of the admin socket can cost, and that it answers while workers hang, trap, drain or have much to do.

import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { openAdmin, type ServeOptions, type Server, serve } from '../../host/index.ts';
import { ask } from '../helpers/admin.ts';
import { connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { temporary } from '../helpers/process.ts';

const quick = { drainQuietMs: 0, graceMs: 1000, lingerMs: 100 };

async function opened(t: ExecutionContext, options: Partial<ServeOptions> = {}) {
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    policy: quick,
    histograms: true,
    ...options,
  });
  t.teardown(() => server.close());
  const unix = `unix:${path.join(temporary(t), 'a.sock')}`;
  const admin = await openAdmin({ one: server }, { listen: unix });
  t.teardown(() => admin.close());
  return { server, unix };
}

const unixTarget = (address: string) => ({ path: address.slice('unix:'.length) });

/** A connection to the admin socket that sends nothing; it resolves when it is open. */
async function idle(t: ExecutionContext, address: string): Promise<Socket> {
  const socket = connectSocket(unixTarget(address));
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function echoes(t: ExecutionContext, server: Server): Promise<void> {
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
  client.destroy();
}

test('those who hold connections open keep nobody out', async (t) => {
  const { server, unix } = await opened(t);
  const sockets = Array.from({ length: 200 }, () => {
    const socket = connectSocket(unixTarget(unix));
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    return socket;
  });
  const closed = new Set<Socket>();
  for (const socket of sockets) {
    socket.on('close', () => closed.add(socket));
    socket.resume();
    // Half of a request, which never goes on.
    socket.write('GET /status HTTP/1.1\r\nHost: local');
  }
  t.is((await ask(unix, '/healthz')).status, 200);
  await echoes(t, server);
  while (closed.size < sockets.length - 16) await turn();
  t.is((await ask(unix, '/readyz')).status, 200);
});

test('a thousand requests at once are answered or turned away, and connections are served meanwhile', async (t) => {
  const { server, unix } = await opened(t);
  const client = await connect(server.addresses[0]!, { owner: t });
  const asked = Array.from({ length: 1000 }, () => ask(unix, '/metrics').catch(() => null));
  for (let messages = 0; messages < 20; messages += 1) {
    await client.send('ping');
    t.is(String(await client.readExactly(4)), 'ping');
  }
  const answers = (await Promise.all(asked)).filter((answer) => answer !== null);
  t.true(answers.length >= 1);
  t.true(answers.every(({ status }) => status === 200));
  t.is((await ask(unix, '/healthz')).status, 200);
});

test('who asks again before the answer has one answer, and is told why there is no other', async (t) => {
  const { unix } = await opened(t);
  const socket = await idle(t, unix);
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5000));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  const text = Buffer.concat(chunks).toString();
  t.deepEqual(text.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400']);
  t.regex(text, /\{"error":"the request before is not answered: one at a time"\}\n$/);
  t.is((await ask(unix, '/healthz')).status, 200);
});

test('a connection is asked many times, one after the other', async (t) => {
  const { unix } = await opened(t);
  const socket = await idle(t, unix);
  for (let request = 0; request < 50; request += 1) {
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let text = '';
    while (!text.endsWith('ok\n')) text += String((await once(socket, 'data'))[0]);
    t.regex(text, /^HTTP\/1.1 200 /);
  }
});

test('what is no request is refused, and ends nothing', async (t) => {
  const { unix } = await opened(t);
  const nonsense = [
    'nonsense\r\n\r\n',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    'GET //%00?%ff=%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    'POST /swap HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n',
    'CONNECT x HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
  ];
  for (const text of nonsense) {
    const socket = await idle(t, unix);
    socket.resume();
    socket.end(text);
    await once(socket, 'close');
  }
  t.is((await ask(unix, '/healthz')).status, 200);
});

test('all is answered while a worker hangs, and when it was replaced', async (t) => {
  const { server, unix } = await opened(t, { protocol: hazard(), workers: 1 });
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('?');
  await client.readExactly(1);
  let restarted = false;
  server.on('restart', () => {
    restarted = true;
  });
  await client.send('H');
  while (!restarted) {
    for (const to of ['/healthz', '/status', '/metrics', '/connections']) {
      t.is((await ask(unix, to)).status, 200, to);
    }
  }
  t.is(await client.closed, 'ECONNRESET');
  // A status is given to all who ask within a moment.
  const hung = async (): Promise<number> =>
    JSON.parse((await ask(unix, '/status')).text).services[0].stats.errors.HUNG ?? 0;
  while ((await hung()) === 0);
  t.is(await hung(), 1);
  t.is((await ask(unix, '/healthz')).status, 200);
  await connect(server.addresses[0]!, { owner: t });
  while ((await ask(unix, '/readyz')).status !== 200);
  t.pass();
});

test('a trap is counted, and the histogram has the callback that failed', async (t) => {
  const { server, unix } = await opened(t, { protocol: hazard(), workers: 1 });
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('T');
  await client.closed;
  let text = '';
  while (!/^wasmpoll_traps_total\{.*\} 1$/m.test(text)) ({ text } = await ask(unix, '/metrics'));
  t.regex(text, /^wasmpoll_callback_duration_seconds_count\{.*\} [1-9]/m);
});

test('a server in the main thread is asked between its turns', async (t) => {
  const { server, unix } = await opened(t, { workers: 0 });
  await echoes(t, server);
  const service = JSON.parse((await ask(unix, '/status')).text).services[0];
  t.is(service.workers.length, 1);
  t.is(service.workers[0].bytesIn, 5);
  t.true(service.stats.histograms.callbackMs.count > 0);
  t.is((await ask(unix, '/healthz')).status, 200);
});
