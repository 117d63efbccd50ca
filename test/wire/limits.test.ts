// Limits over real sockets: memory under a client that never reads, fairness under one that never
// stops, and the timeouts, which only real progress puts off.

import test from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { native } from '../../host/kernel/native.ts';
import { difference, pattern } from '../helpers/bytes.ts';
import type { Client } from '../helpers/client.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { residentBytes, TCP, TIMER, tcpSockets, until } from '../helpers/proc.ts';
import { type Owner, startCli } from '../helpers/process.ts';
import { python } from '../helpers/python.ts';
import { connect, secured, way, wayFlags } from '../helpers/way.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
// What is sent by other means than our clients, or refused before a handshake.
const clear = secured ? test.skip : test;
const listen = wayFlags('127.0.0.1:0');

async function serving(
  t: Owner,
  options: Partial<ServeOptions> = {},
): Promise<{ server: Server; address: string; reasons: string[] }> {
  const policy = { drainQuietMs: 0, graceMs: 100, ...options.policy };
  const server = await serve({
    protocol: 'echo',
    listen: way('127.0.0.1:0'),
    workers: 0,
    ...options,
    policy,
  });
  t.teardown(() => server.close());
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  return { server, address: server.addresses[0]!, reasons };
}

async function echoes(client: Client, bytes: Uint8Array = Buffer.from('hello')): Promise<boolean> {
  const sent = client.send(bytes);
  const answer = await client.readExactly(bytes.length);
  await sent;
  return difference(answer, bytes) === '';
}

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

test('256 MB for a client that never reads cost no memory, others are served, and it is dropped', async (t) => {
  const server = await startCli(t, [...listen, '--write-timeout', '3s']);
  const other = await connect(server.address, { owner: t });
  // What serving as such costs is not what this client costs.
  for (let seed = 0; seed < 16; seed += 1) t.true(await echoes(other, pattern(MiB, seed)));
  const before = residentBytes(server.pid);
  const glutton = await connect(server.address, { owner: t, paused: true });
  const block = pattern(MiB, 99);
  let taken = 0;
  for (let index = 0; index < 256; index += 1) {
    void glutton.send(block).then(
      () => {
        taken += 1;
      },
      () => undefined,
    );
  }
  let [over, served, most] = [false, 0, 0];
  void glutton.closed.then(() => {
    over = true;
  });
  while (!over) {
    if (!(await echoes(other, pattern(5000, served)))) t.fail(`echo ${served}`);
    served += 1;
    most = Math.max(most, residentBytes(server.pid));
  }
  t.true(served > 20, `${served}`);
  t.true(taken < 128, `${taken} MiB`);
  t.true(most - before < 16 * MiB, `${Math.round((most - before) / MiB)} MiB`);
  t.is(await glutton.closed, 'ECONNRESET');
  t.true(await echoes(other));
});

test('a firehose does not keep a ping waiting for more than a few turns', async (t) => {
  const { server, address } = await serving(t);
  const { bytesPerTurn } = { bytesPerTurn: 128 * KiB };
  const hoses = 3;
  const block = pattern(MiB, 1);
  let flowing = true;
  const flows = Array.from({ length: hoses }, async () => {
    const hose = await connect(address, { owner: t });
    const draining = (async () => {
      while (flowing) await hose.readExactly(64 * KiB);
    })();
    while (flowing) await hose.send(block);
    hose.reset();
    await draining.catch(() => undefined);
  });
  const client = await connect(address, { owner: t });
  await echoes(client);
  await until(() => server.stats().bytesIn > 4 * MiB);
  const waits: number[] = [];
  for (let ping = 0; ping < 200; ping += 1) {
    const { bytesIn } = server.stats();
    await client.send('ping');
    t.is(String(await client.readExactly(4)), 'ping');
    waits.push(server.stats().bytesIn - bytesIn);
  }
  flowing = false;
  await Promise.all(flows);
  waits.sort((a, b) => a - b);
  // Each hose has its budget in each turn; a ping may just miss one turn and wait for two more.
  const turns = waits.map((bytes) => bytes / (hoses * bytesPerTurn));
  t.true(turns[100]! <= 4, `median ${turns[100]}`);
  t.true(turns[199]! <= 20, `worst ${turns[199]}`);
  t.true(waits[199]! > 0, 'the hoses ran meanwhile');
});

clear('only real progress puts the idle timeout off', async (t) => {
  const { server, address, reasons } = await serving(t, {
    policy: { idleTimeoutMs: 3000, writeTimeoutMs: 0, lingerMs: 0 },
  });
  // Urgent data is not data.
  const urgent = python(
    t,
    `
import select, socket
s = socket.create_connection(('127.0.0.1', ${Number(address.split(':')[1])}))
while not select.select([s], [], [], 0.02)[0]: s.send(b'!', socket.MSG_OOB)
print(len(s.recv(1)), flush=True)
`,
  );
  const bytes = pattern(32 * MiB, 1);
  // Its output waits, epoll is asked about it, and the kernel probes its window; no byte moves.
  const stuck = await connect(address, { owner: t, paused: true });
  const stuckEnd = stuck.closed;
  void stuck.send(bytes).catch(() => undefined);
  const busy = await connect(address, { owner: t });
  let done = false;
  const others = Promise.all([stuckEnd, urgent?.line()]).then((ends) => {
    done = true;
    return ends;
  });
  others.catch(() => undefined);
  while (!done) {
    t.true(await echoes(busy, Buffer.from('x')));
    await wait(20);
  }
  t.deepEqual(await others, ['ECONNRESET', urgent === null ? undefined : '0']);
  t.deepEqual(new Set(reasons), new Set(['idle']));
  t.is(reasons.length, urgent === null ? 1 : 2);
  t.true(await echoes(busy));
  t.is(server.stats().connections.open, 1);
});

// The kernel asks for more output only when a third of its send buffer, which grows to 4 MiB, is
// free; a reader that is slow but steady must not be taken for one that takes nothing meanwhile.
clear(
  'a client that takes its output bit by bit is not dropped by the write timeout',
  async (t) => {
    const { server, address, reasons } = await serving(t, { policy: { writeTimeoutMs: 1500 } });
    // A socket of its own: libuv would read as much as it can at a time.
    const to = address.split(':');
    const socket = native.connectTcp(to[0]!, Number(to[1]));
    t.teardown(() => native.close(socket));
    const [block, taken] = [new Uint8Array(64 * KiB), new Uint8Array(64 * KiB)];
    let [sent, received] = [0, 0];
    const send = (): void => {
      for (;;) {
        const result = native.send(socket, block, 0, block.length);
        if (result <= 0) return;
        sent += result;
      }
    };
    while (server.stats().backlogBytes === 0) {
      send();
      await wait(1);
    }
    for (let rounds = 0; rounds < 25; rounds += 1) {
      received += Math.max(0, native.recv(socket, taken, 0, taken.length));
      send();
      await wait(150);
    }
    t.true(sent > received && received > 256 * KiB, `${received} of ${sent}`);
    t.deepEqual(reasons, []);
    t.is(server.stats().connections.open, 1);
  },
);

test('data that came while the server stood still is progress too', async (t) => {
  const server = await startCli(t, [...listen, '--idle-timeout', '2s']);
  const client = await connect(server.address, { owner: t });
  t.true(await echoes(client));
  server.kill('SIGSTOP');
  await client.send('in time');
  // Not to wait for anything: the timeout is over when it goes on.
  await wait(2500);
  server.kill('SIGCONT');
  t.is(String(await client.readExactly(7)), 'in time');
});

test('a client that takes nothing is dropped by the write timeout, whatever it sends', async (t) => {
  const { server, address, reasons } = await serving(t, {
    protocol: scriptedModule,
    policy: { writeTimeoutMs: 300, highWaterBytes: 32 * MiB, maxBacklogBytes: 64 * MiB },
  });
  const client = await connect(address, { owner: t, paused: true });
  await client.send(`q;b.,${MiB},16,x;`);
  await until(() => server.stats().backlogBytes > 0);
  let over = false;
  const closed = client.closed.finally(() => {
    over = true;
  });
  while (!over) {
    await client.send('+1;').catch(() => undefined);
    await wait(10);
  }
  t.regex(await closed, /^(ECONNRESET|EPIPE)$/);
  t.deepEqual(reasons, ['write timeout']);
  t.is(server.stats().poolBytes, 0);
});

test('accepted sockets have keepalive on, unless it is switched off', async (t) => {
  for (const [keepaliveMs, timer] of [
    [60_000, TIMER.KEEPALIVE],
    [0, TIMER.NONE],
  ] as const) {
    const { address } = await serving(t, { policy: { keepaliveMs } });
    const client = await connect(address, { owner: t });
    t.true(await echoes(client));
    const port = Number(address.split(':')[1]);
    const own = (): number | undefined =>
      tcpSockets(port).find(({ state }) => state === TCP.ESTABLISHED)?.timer;
    // The answer to the echo may still be to be acknowledged; that timer comes first.
    await until(() => own() !== TIMER.RETRANSMIT);
    t.is(own(), timer);
  }
});

clear('a burst over the connection limit leaves those within it untouched', async (t) => {
  const { server, address } = await serving(t, { policy: { maxConnections: 20 } });
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => connect(address, { owner: t })),
  );
  const served = await Promise.all(
    clients.map((client, index) => echoes(client, pattern(1000, index)).catch(() => null)),
  );
  t.is(served.filter((answer) => answer === true).length, 20);
  t.is(served.filter((answer) => answer === false).length, 0);
  t.is(server.stats().connections.refused, 80);
  const first = clients.filter((_, index) => served[index]);
  for (const client of first) t.true(await echoes(client));
});
