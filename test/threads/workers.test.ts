// Worker threads: balance, and what is lost when a guest hangs or its thread ends.

import { writeFileSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import test from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { type Client, connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { startCli, temporary } from '../helpers/process.ts';
import { forever, guest } from '../helpers/wasm.ts';

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

const quick = { drainQuietMs: 0, graceMs: 2000, lingerMs: 200, callbackTimeoutMs: 500 };

async function start(t: Owner, options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    ...options,
    policy: { ...quick, ...options.policy },
  });
  t.teardown(async () => {
    await server.close();
  });
  return server;
}

const clients = (t: Owner, server: Server, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => connect(server.addresses[0]!, { owner: t })));

async function answers(client: Client, text: string): Promise<boolean> {
  await client.send(text);
  return (await client.readExactly(text.length)).toString() === text;
}

const restarted = (server: Server): Promise<{ reason: string }> =>
  new Promise((resolve) => server.once('restart', resolve));

/** Resolves when the server says so much; counters are published after each turn. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('one worker serves by default, away from the thread that calls', async (t) => {
  const server = await start(t);
  t.deepEqual(server.stats().workers, { total: 1, ready: 1, restarts: 0 });
  const [client] = await clients(t, server, 1);
  t.true(await answers(client!, 'hello'));
});

test('1,000 connections over 4 workers: none has more than 1.1 times the mean', async (t) => {
  const server = await start(t, { workers: 4 });
  const counts = [0, 0, 0, 0];
  let open = 0;
  server.on('open', ({ id }) => {
    counts[Math.floor(id / 2 ** 32)]! += 1;
    open += 1;
  });
  await clients(t, server, 1000);
  await until(() => open === 1000);
  t.true(Math.max(...counts) <= 275, counts.join(' '));
  t.is(server.stats().connections.open, 1000);
});

test('under churn no worker has more than twice the mean', async (t) => {
  const server = await start(t, { workers: 4 });
  const open = new Map<number, number>();
  let closes = 0;
  server.on('open', ({ id }) => open.set(id, Math.floor(id / 2 ** 32)));
  server.on('close', ({ id }) => {
    open.delete(id);
    closes += 1;
  });
  let all = await clients(t, server, 200);
  for (let round = 1; round <= 8; round += 1) {
    const leaving = all.filter((_, index) => (index * 7 + round) % 3 === 0);
    all = all.filter((client) => !leaving.includes(client));
    const before = closes;
    for (const client of leaving) client.end();
    await until(() => closes === before + leaving.length);
    all.push(...(await clients(t, server, leaving.length)));
    await until(() => open.size === 200);
    const counts = [0, 0, 0, 0];
    for (const worker of open.values()) counts[worker]! += 1;
    t.true(Math.max(...counts) <= 100, counts.join(' '));
  }
});

test('many connections over two workers never see a foreign byte', async (t) => {
  const server = await start(t, { workers: 2 });
  const wrong = await Promise.all(
    (await clients(t, server, 100)).map(async (client, index) => {
      for (let round = 0; round < 30; round += 1) {
        if (!(await answers(client, `${index} in round ${round}, ${'x'.repeat(index * 30)}`))) {
          return index;
        }
      }
      client.end();
      return (await client.readAll()).length === 0 ? -1 : index;
    }),
  );
  t.deepEqual(
    wrong.filter((index) => index >= 0),
    [],
  );
});

test('a hung callback costs its connection, and every other goes on with its state', async (t) => {
  const server = await start(t, { protocol: hazard() });
  const all = await clients(t, server, 100);
  for (const client of all) t.true(await answers(client, 'one'));
  const lost = all[50]!;
  const restart = restarted(server);
  const closed = new Promise<{ reason: string }>((resolve) => server.once('close', resolve));
  await lost.send('H');
  t.regex((await restart).reason, /^a callback did not return within 500 ms$/);
  t.not(await lost.closed, 'end');
  t.is((await closed).reason, 'hung');
  for (const client of all) {
    if (client === lost) continue;
    await client.send('?');
    t.is((await client.readExactly(1)).toString(), '2');
  }
  t.like(server.stats(), {
    connections: { open: 99 },
    errors: { HUNG: 1 },
    workers: { total: 1, ready: 1, restarts: 1 },
  });
});

test('output that waits, and input that comes, survive a hang byte for byte', async (t) => {
  const server = await start(t, { protocol: hazard() });
  const bytes = Buffer.alloc(24 * 1024 * 1024, 'some bytes that tell their place 0123456789 ');
  const slow = await connect(server.addresses[0]!, { owner: t, paused: true });
  const sending = slow.send(bytes);
  await until(() => server.stats().backlogBytes > 0);
  const busy = await connect(server.addresses[0]!, { owner: t });
  const restart = restarted(server);
  const evil = await connect(server.addresses[0]!, { owner: t });
  await evil.send('H');
  const meanwhile = busy.send('meanwhile');
  await restart;
  await meanwhile;
  t.is((await busy.readExactly(9)).toString(), 'meanwhile');
  slow.resume();
  t.is(Buffer.compare(await slow.readExactly(bytes.length), bytes), 0);
  await sending;
});

test('a guest that hangs again and again costs one connection each time', async (t) => {
  const server = await start(t, { protocol: hazard(), workers: 2 });
  const witnesses = await clients(t, server, 20);
  for (let round = 0; round < 5; round += 1) {
    const restart = restarted(server);
    const evil = await connect(server.addresses[0]!, { owner: t });
    await evil.send('H');
    await restart;
    for (const witness of witnesses) t.true(await answers(witness, `round ${round}`));
  }
  await until(() => server.stats().connections.open === 20);
  t.is(server.stats().workers.restarts, 5);
});

// Alone, before the others: the process tells of every thread that starts.
test.serial(
  'a thread that ends by an error of its own loses no connection that was at rest',
  async (t) => {
    const threads: Worker[] = [];
    const note = (thread: Worker): void => {
      thread.on('message', (message: { kind?: unknown }) => {
        if (message.kind === 'ready') threads.push(thread);
      });
    };
    process.on('worker', note);
    const server = await start(t, { protocol: hazard(), policy: { callbackTimeoutMs: 1234 } });
    process.off('worker', note);
    const all = await clients(t, server, 50);
    for (const client of all) t.true(await answers(client, 'one'));
    const restart = restarted(server);
    // No message that the supervisor sends: reading it throws, and nobody there catches that.
    for (const thread of threads) thread.postMessage(null);
    t.regex((await restart).reason, /null/);
    for (const client of all) {
      await client.send('?');
      t.is((await client.readExactly(1)).toString(), '2');
    }
    t.like(server.stats(), { connections: { open: 50 }, errors: { WORKER: 1 } });
  },
);

test('a trap in a worker is mended there', async (t) => {
  const server = await start(t, { protocol: hazard() });
  const [a, b] = (await clients(t, server, 2)) as [Client, Client];
  t.true(await answers(b, 'before'));
  const restart = restarted(server);
  await a.send('T');
  t.regex((await restart).reason, /unreachable/);
  await b.send('?');
  t.is((await b.readExactly(1)).toString(), '2');
  t.is(server.stats().workers.restarts, 0);
  await until(() => server.stats().guestTraps === 1);
});

test('a guest whose start-up hangs is refused', async (t) => {
  const protocol = guest({ functions: { _initialize: [forever()] } });
  await t.throwsAsync(
    serve({ protocol, listen: '127.0.0.1:0', policy: { callbackTimeoutMs: 300 } }),
    { code: 'ERR_GUEST', message: /start-up did not return within 300 ms/ },
  );
});

test('SIGTERM is heard while a guest hangs', async (t) => {
  const path = `${temporary(t)}/hazard.wasm`;
  writeFileSync(path, hazard());
  const running = await startCli(t, [
    ...['--listen', '127.0.0.1:0', '--callback-timeout', '300ms', '--drain-quiet', '0', path],
  ]);
  const [evil, quiet] = [
    await connect(running.address, { owner: t }),
    await connect(running.address, { owner: t }),
  ];
  await answers(quiet, 'x');
  await evil.send('H');
  running.kill('SIGTERM');
  t.is((await quiet.readAll()).length, 0);
  quiet.end();
  t.deepEqual(await running.exited, { code: 0, signal: null });
});

/** Ten clients of ten that may be there are served and gone, again and again. @returns how many were refused */
async function comeAndGo(t: Owner, workers: number): Promise<number> {
  const server = await start(t, { workers, policy: { maxConnections: 10 } });
  let refused = 0;
  for (let round = 0; round < 10 && refused === 0; round += 1) {
    const all = await clients(t, server, 10);
    const served = await Promise.all(all.map((client) => answers(client, 'x').catch(() => false)));
    refused = served.filter((answer) => !answer).length;
    for (const client of all) client.destroy();
  }
  return refused;
}

for (const workers of [0, 1, 3]) {
  test(`clients that come right after as many have gone find their room, workers ${workers}`, async (t) => {
    // A worker has 50 ms to tell who has gone. A busy machine may keep it from that, but not each time.
    for (let tries = 0; tries < 10; tries += 1) {
      if ((await comeAndGo(t, workers)) === 0) return t.pass();
    }
    t.fail();
  });
}

test('connections are limited over all workers together', async (t) => {
  const server = await start(t, { workers: 3, policy: { maxConnections: 4 } });
  const all = await clients(t, server, 4);
  for (const client of all) t.true(await answers(client, 'served'));
  const [refused] = await clients(t, server, 1);
  t.is((await refused!.readAll()).length, 0);
  t.is(server.stats().connections.refused, 1);
  all[0]!.end();
  await all[0]!.readAll();
  await until(() => server.stats().connections.open === 3);
  const [next] = await clients(t, server, 1);
  t.true(await answers(next!, 'room again'));
});

test('a server says whether all of its workers turn', async (t) => {
  // It hangs for as long as is asked, and who does not has the time to answer.
  const policy = { callbackTimeoutMs: 4000, graceMs: 1 };
  const server = await start(t, { protocol: hazard(), workers: 2, policy });
  t.deepEqual(await server.stuck(), []);
  const [client] = await clients(t, server, 1);
  await client!.send('H');
  t.is((await server.stuck(1500)).length, 1);
  const twice = await Promise.all([server.stuck(1000), server.stuck(1000)]);
  t.deepEqual(
    twice.map((numbers) => numbers.length),
    [1, 1],
  );
});

test('a worker that hangs turns again once another thread has replaced it', async (t) => {
  const server = await start(t, { protocol: hazard() });
  const [client] = await clients(t, server, 1);
  await client!.send('H');
  await restarted(server);
  t.deepEqual(await server.stuck(), []);
});

test('a server whose guest runs in the thread that asks turns, and a closed one has nothing left to turn', async (t) => {
  const server = await start(t, { workers: 0 });
  t.deepEqual(await server.stuck(0), []);
  await server.close();
  t.deepEqual(await server.stuck(0), []);
});
