// Ends over real sockets: FIN and reset from either side, at any point, in any order; lingering; and
// that nothing of a connection is left, in the process or in the kernel.

import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { difference, pattern } from '../helpers/bytes.ts';
import type { Client } from '../helpers/client.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { descriptorCount, leastOfSeconds, TCP, tcpSockets, until } from '../helpers/proc.ts';
import { startCli, temporary } from '../helpers/process.ts';
import { python } from '../helpers/python.ts';
import { connect, secured, way, wayFlags } from '../helpers/way.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
// What is sent by other means than our clients, or to a server that stands still, shakes no hands.
const clear = secured ? test.skip : test;
const listen = wayFlags('127.0.0.1:0');
// A server that has nothing to do uses next to no time, one that spins what it can get of a second.
const SPIN_MS = 150;
// Compiled by the import of its helper.
const scriptedPath = fileURLToPath(new URL('../../guests/scripted.wasm', import.meta.url));

interface Serving {
  server: Server;
  address: string;
  /** Reasons of the connections that are over, in their order. */
  reasons: string[];
  /** What the guest has logged. */
  lines: string[];
}

async function serving(t: ExecutionContext, options: Partial<ServeOptions> = {}): Promise<Serving> {
  const lines: string[] = [];
  const write = (_: unknown, text?: string): void => void lines.push(text ?? '');
  const server = await serve({
    workers: 0,
    protocol: 'echo',
    listen: way('127.0.0.1:0'),
    logger: { debug: () => undefined, info: write, warn: write, error: write },
    ...options,
    policy: { drainQuietMs: 0, graceMs: 1000, logLinesPerSecond: 1_000_000, ...options.policy },
  });
  t.teardown(() => server.close());
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  return { server, address: server.addresses[0]!, reasons, lines };
}

async function echoes(client: Client, bytes: Uint8Array = Buffer.from('hello')): Promise<boolean> {
  await client.send(bytes);
  return difference(await client.readExactly(bytes.length), bytes) === '';
}

test('when both sides close at once both streams end, and none is reset', async (t) => {
  const { server, address, reasons } = await serving(t, { protocol: scriptedModule });
  const clients = await Promise.all(
    Array.from({ length: 50 }, () => connect(address, { owner: t })),
  );
  for (const client of clients) {
    // The guest's close and the client's FIN come in the same turn, and cross.
    void client.send('s.,last words;x.,0;');
    client.end();
  }
  const ends = await Promise.all(clients.map(async (client) => String(await client.readAll())));
  t.deepEqual(new Set(ends), new Set(['last words']));
  await until(() => server.stats().connections.open === 0);
  t.deepEqual(new Set(reasons), new Set(['guest']));
  t.deepEqual(server.stats().errors, {});
});

test('a client that closes with unread output is dropped, and counted once', async (t) => {
  const { server, address, reasons } = await serving(t);
  for (const size of [1, 64 * KiB, 4 * MiB]) {
    const client = await connect(address, { owner: t, paused: true });
    const sent = client.send(pattern(size, size)).catch(() => undefined);
    await until(() => server.stats().bytesOut > 0 && server.stats().bytesIn > 0);
    client.destroy();
    await sent;
    await until(() => server.stats().connections.open === 0);
  }
  t.is(reasons.length, 3);
  const { errors, backlogBytes, poolBytes } = server.stats();
  const counted = Object.values(errors).reduce((sum, count) => sum + count, 0);
  t.true(counted <= 3, JSON.stringify(errors));
  t.deepEqual({ backlogBytes, poolBytes }, { backlogBytes: 0, poolBytes: 0 });
});

test('data that came before a reset is consumed, whether or not output waits', async (t) => {
  const { server, address, lines } = await serving(t, {
    protocol: scriptedModule,
    policy: { highWaterBytes: 32 * MiB, maxBacklogBytes: 64 * MiB },
  });
  for (const output of [0, 16]) {
    const client = await connect(address, { owner: t, paused: true });
    await client.send(`q;s.,ready;b.,${MiB},${output},x;`);
    await until(
      () => server.stats().bytesOut > 0 && server.stats().backlogBytes > 0 === output > 0,
    );
    t.is(server.stats().backlogBytes > 0, output > 0);
    lines.length = 0;
    // Both are there before the server gets to read: its turn in this process comes later.
    void client.send('l1,the last line;');
    client.reset();
    await until(() => server.stats().connections.open === 0);
    t.deepEqual(lines, ['the last line'], `with ${output} MiB of output`);
  }
  t.is(server.stats().poolBytes, 0);
});

clear('clients that reset while they wait to be accepted leave no trace', async (t) => {
  const server = await startCli(t, listen);
  const witness = await connect(server.address, { owner: t });
  t.true(await echoes(witness));
  const [descriptors, before] = [descriptorCount(server.pid), server.processorMs];
  server.kill('SIGSTOP');
  const clients = [];
  for (let index = 0; index < 50; index += 1) {
    const client = await connect(server.address, { owner: t });
    if (index % 2 === 0) await client.send(pattern(100 * index, index));
    clients.push(client);
  }
  for (const client of clients) client.reset();
  const waiting = witness.send('after');
  server.kill('SIGCONT');
  await waiting;
  t.is(String(await witness.readExactly(5)), 'after');
  await until(() => descriptorCount(server.pid) === descriptors);
  t.true(server.processorMs - before < 2000);
  t.is(server.stderr, '');
});

test('a peer that is gone from a paused connection costs no processor time', async (t) => {
  const server = await startCli(t, [...listen, scriptedPath, '--log-level', 'silent']);
  const witness = await connect(server.address, { owner: t });
  await witness.send('s.,served;');
  await witness.readExactly(6);
  const descriptors = descriptorCount(server.pid);
  // Paused, with both directions over: epoll reports EPOLLHUP whatever it is asked for.
  const client = await connect(server.address, { owner: t });
  await client.send('q;P.;x.,2;e t{R.;}t.,3500;');
  t.is((await client.readAll()).length, 0);
  client.end();
  const used = await leastOfSeconds(server, SPIN_MS);
  t.true(used < SPIN_MS, `${used} ms`);
  // When it is resumed it learns of the end.
  await until(() => descriptorCount(server.pid) <= descriptors);
  // A reset needs no reader to be noticed.
  const other = await connect(server.address, { owner: t });
  await other.send('q;s.,paused;P.;');
  await other.readExactly(6);
  other.reset();
  await until(() => descriptorCount(server.pid) <= descriptors);
  await witness.send('s.,still here;');
  t.is(String(await witness.readExactly(10)), 'still here');
});

test('after a quit the reply and the FIN arrive, however much the client goes on sending', async (t) => {
  const { server, address, reasons } = await serving(t, {
    protocol: 'chat',
    policy: { lingerMs: 60_000 },
  });
  const client = await connect(address, { owner: t });
  // All of it is on its way before the server has read any.
  const flood = Promise.all([
    client.send('ann\n/quit\n'),
    ...Array.from({ length: 16 }, () => client.send(pattern(MiB, 1))),
  ]);
  t.is(String(await client.readAll()), 'name? * bye\n');
  t.is(await client.closed, 'end');
  // It is read and discarded to the end, so nothing of it is answered with a reset.
  await flood;
  t.deepEqual(reasons, ['guest']);
  t.is(server.stats().connections.open, 1);
  client.end();
  await until(() => server.stats().connections.open === 0);
  t.deepEqual(server.stats().errors, {});
});

test('the tail of a large answer survives a close while the client is sending', async (t) => {
  const { server, address } = await serving(t, {
    protocol: scriptedModule,
    policy: { lingerMs: 60_000, highWaterBytes: 8 * MiB, maxBacklogBytes: 16 * MiB },
  });
  const client = await connect(address, { owner: t, paused: true });
  await client.send(`b.,${MiB},6,y;s.,the tail;x.,0;`);
  await until(() => server.stats().backlogBytes > 0);
  const flood = [];
  for (let index = 0; index < 8; index += 1) flood.push(client.send(pattern(MiB, index)));
  client.resume();
  const answer = await client.readAll();
  t.is(answer.length, 6 * MiB + 'the tail'.length);
  t.is(String(answer.subarray(-8)), 'the tail');
  await Promise.all(flood);
});

test('lingering is bounded: a client that never finishes is closed', async (t) => {
  const { server, address } = await serving(t, { protocol: 'chat', policy: { lingerMs: 50 } });
  const client = await connect(address, { owner: t });
  await client.send('ann\n/quit\n');
  t.is(String(await client.readAll()), 'name? * bye\n');
  await until(() => server.stats().connections.open === 0);
  // Nobody is there any more.
  const error = await t.throwsAsync<NodeJS.ErrnoException>(async () => {
    for (;;) await client.send('still here\n');
  });
  t.regex(error.code!, /^(ECONNRESET|EPIPE)$/);
});

test('all kinds of ends leave no socket behind in the kernel, and no descriptor', async (t) => {
  const folder = temporary(t);
  const server = await startCli(t, [
    ...listen,
    ...wayFlags(`unix:${folder}/echo`),
    ...['--linger', '1s'],
  ]);
  const [tcp, local] = server.addresses as [string, string];
  const witness = await connect(tcp, { owner: t });
  t.true(await echoes(witness));
  const descriptors = descriptorCount(server.pid);
  const ends: ((client: Client) => Promise<unknown>)[] = [
    async (client) => client.end(),
    async (client) => client.reset(),
    async (client) => client.destroy(),
    async (client) => {
      await echoes(client);
      client.end();
      await client.readAll();
    },
    async (client) => {
      await client.send('unread');
      client.destroy();
    },
    async (client) => {
      void client.send(pattern(MiB, 1)).catch(() => undefined);
      await client.readExactly(1);
      client.reset();
    },
    async (client) => {
      const sent = client.send(pattern(MiB, 2));
      client.end();
      await client.readAll();
      await sent;
    },
    async (client) => {
      client.pause();
      void client.send(pattern(4 * MiB, 3)).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      client.destroy();
    },
  ];
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(
      ends.flatMap((end) =>
        [tcp, local].map(async (address) => end(await connect(address, { owner: t }))),
      ),
    );
  }
  t.true(await echoes(witness));
  await until(() => descriptorCount(server.pid) === descriptors);
  const { ESTABLISHED, CLOSE_WAIT, TIME_WAIT } = TCP;
  const left = (): number[] =>
    tcpSockets(server.port)
      .map(({ state }) => state)
      .filter((state) => state !== TIME_WAIT && state !== TCP.LISTEN);
  await until(() => left().length === 1);
  t.false(left().includes(CLOSE_WAIT));
  t.deepEqual(left(), [ESTABLISHED]);
  t.is(server.stderr, '');
});

clear('urgent data neither spins nor corrupts; the urgent byte itself is left out', async (t) => {
  const server = await startCli(t, listen);
  const witness = await connect(server.address, { owner: t });
  t.true(await echoes(witness));
  const child = python(
    t,
    `
import socket, sys
s = socket.create_connection(('127.0.0.1', ${server.port}))
def back(length):
    got = b''
    while len(got) < length: got += s.recv(length - len(got))
    return got.decode()
s.sendall(b'before ')
words = back(7)
for _ in range(3):
    s.send(b'!', socket.MSG_OOB)
    s.sendall(b'between ')
    words += back(8)
s.send(b'?', socket.MSG_OOB)
print(words, flush=True)
sys.stdin.readline()
s.sendall(b'after ')
words = back(6)
for number in range(500):
    s.send(b'!', socket.MSG_OOB)
    s.sendall(b'%d ' % number)
s.shutdown(socket.SHUT_WR)
while True:
    part = s.recv(65536)
    if not part: break
    words += part.decode()
print(words, flush=True)
`,
  );
  if (child === null) return t.pass();
  t.is(await child.line(), 'before between between between ');
  const used = await leastOfSeconds(server, SPIN_MS);
  t.true(used < SPIN_MS, `${used} ms`);
  t.true(await echoes(witness));
  child.goOn();
  // There is one urgent byte at a time (tcp(7)): one that another overtakes becomes data.
  const numbers = Array.from({ length: 500 }, (_, number) => `${number} `).join('');
  t.is((await child.line()).replaceAll('!', ''), `after ${numbers}`);
  t.is(await child.exited, 0);
  t.is(server.stderr, '');
});
