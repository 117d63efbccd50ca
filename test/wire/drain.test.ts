// The drain over real sockets: who comes too late, who is still served, and who is let go.

import test from 'ava';
import { difference, pattern } from '../helpers/bytes.ts';
import type { Client } from '../helpers/client.ts';
import { tcpSockets, until } from '../helpers/proc.ts';
import { type Running, startCli, temporary } from '../helpers/process.ts';
import { connect, secured, wayFlags } from '../helpers/way.ts';

const MiB = 1024 * 1024;
const listen = wayFlags('127.0.0.1:0');
// By TLS nobody is connected who was not accepted, and a file has no listener with it.
const clear = secured ? test.skip : test;

async function refused(server: Running, address: string): Promise<string> {
  for (;;) {
    try {
      // Until the signal has come through.
      (await connect(address)).destroy();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNRESET') return String(code);
    }
    if (server.stderr !== '') throw new Error(server.stderr);
  }
}

/** Waits until the kernel's buffers are full, both ways, and nothing moves. */
async function stuck(server: Running, client: Client): Promise<void> {
  const queues = (): string => {
    const { transmitQueue, receiveQueue } = tcpSockets(server.port).find(({ remotePort }) =>
      client.localAddress.endsWith(`:${remotePort}`),
    )!;
    return transmitQueue > 0 && receiveQueue > 0 ? `${transmitQueue} ${receiveQueue}` : '';
  };
  for (let [before, now] = ['', queues()]; now === '' || now !== before; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    [before, now] = [now, queues()];
  }
}

test('an echo of 8 MiB completes though its reader starts when all others are gone', async (t) => {
  const server = await startCli(t, [...listen, '--drain-quiet', '1s', '--grace', '1m']);
  const quiet = await Promise.all(
    Array.from({ length: 5 }, () => connect(server.address, { owner: t })),
  );
  for (const client of quiet) {
    await client.send('x');
    await client.readExactly(1);
  }
  const late = await connect(server.address, { owner: t, paused: true });
  const bytes = pattern(8 * MiB, 1);
  const sent = late.send(bytes);
  await stuck(server, late);
  server.kill('SIGTERM');
  t.is(await refused(server, server.address), 'ECONNREFUSED');
  for (const client of quiet) {
    t.is((await client.readAll()).length, 0);
    client.end();
  }
  late.resume();
  const answer = await late.readAll();
  await sent;
  t.is(difference(answer, bytes), '');
  late.end();
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.is(server.stderr, '');
});

clear('those who wait in the queue when the signal comes are served', async (t) => {
  const slow = ['--accepts-per-turn', '1', '--drain-quiet', '1s', '--grace', '1m'];
  const server = await startCli(t, [...listen, ...slow]);
  server.kill('SIGSTOP');
  const clients = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const client = await connect(server.address, { owner: t });
      await client.send(`number ${index}`);
      return client;
    }),
  );
  server.kill('SIGTERM');
  server.kill('SIGCONT');
  const answers = await Promise.all(
    clients.map(async (client) => {
      const answer = String(await client.readAll());
      client.end();
      return answer;
    }),
  );
  t.deepEqual(
    answers,
    answers.map((_, index) => `number ${index}`),
  );
  t.deepEqual(await server.exited, { code: 0, signal: null });
});

test('a conversation goes on until it falls quiet', async (t) => {
  const server = await startCli(t, [...listen, '--drain-quiet', '1s', '--grace', '1m']);
  const client = await connect(server.address, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  server.kill('SIGTERM');
  t.is(await refused(server, server.address), 'ECONNREFUSED');
  for (let seed = 0; seed < 50; seed += 1) {
    const bytes = pattern(20_000, seed);
    await client.send(bytes);
    t.is(difference(await client.readExactly(bytes.length), bytes), '');
  }
  t.is((await client.readAll()).length, 0);
  client.end();
  t.deepEqual(await server.exited, { code: 0, signal: null });
});

(secured ? test.skip : test)(
  'a Unix socket is gone at once, and its connections are drained like others',
  async (t) => {
    const address = `unix:${temporary(t)}/echo.sock`;
    const server = await startCli(t, ['--listen', address, '--drain-quiet', '1s', '--grace', '1m']);
    const client = await connect(address, { owner: t, paused: true });
    const bytes = pattern(4 * MiB, 3);
    const sent = client.send(bytes);
    server.kill('SIGINT');
    t.is(await refused(server, address), 'ENOENT');
    client.resume();
    t.is(difference(await client.readExactly(bytes.length), bytes), '');
    await sent;
    t.is((await client.readAll()).length, 0);
    client.end();
    t.deepEqual(await server.exited, { code: 0, signal: null });
  },
);

test('a second signal ends it at once, in the middle of a drain under load', async (t) => {
  const server = await startCli(t, [...listen, '--drain-quiet', '24h', '--grace', '24h']);
  const client = await connect(server.address, { owner: t });
  let echoed = 0;
  const load = (async () => {
    const block = pattern(MiB, 1);
    for (;;) {
      void client.send(block).catch(() => undefined);
      await client.readExactly(block.length);
      echoed += 1;
    }
  })().catch(() => undefined);
  await until(() => echoed > 0);
  server.kill('SIGTERM');
  t.is(await refused(server, server.address), 'ECONNREFUSED');
  const before = echoed;
  await until(() => echoed > before);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 143, signal: null });
  await load;
});
