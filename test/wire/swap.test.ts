// Swapping the module of a server under load: over sockets, in workers, and by SIGHUP.

import { copyFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import type { Client } from '../helpers/client.ts';
import { counter, Frames, OLD } from '../helpers/counters.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { startCli, temporary } from '../helpers/process.ts';
import {
  call,
  drop,
  equal,
  forever,
  get,
  guest,
  i32,
  load,
  unreachable,
  when,
} from '../helpers/wasm.ts';
import { connect, way, wayFlags } from '../helpers/way.ts';

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

const quick = { drainQuietMs: 0, graceMs: 2000, lingerMs: 200, callbackTimeoutMs: 500 };
const framed = [compiledGuest('framed-1'), compiledGuest('framed-2')] as const;

async function start(t: Owner, options: Partial<ServeOptions>): Promise<Server> {
  const server = await serve({
    protocol: counter({ letter: 'a' }),
    listen: way('127.0.0.1:0'),
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

/** The letter that comes back for one input. */
async function answer(client: Client): Promise<string> {
  await client.send('x');
  return (await client.readExactly(1)).toString();
}

/** Streams frames, cut anywhere, until told to stop. @returns how many answers were as expected */
async function stream(client: Client, seed: number, going: () => boolean): Promise<number> {
  const frames = new Frames(seed);
  let answers = 0;
  while (going()) {
    const batch = Array.from({ length: 1 + frames.below(4) }, () => frames.next(frames.below(600)));
    const bytes = Buffer.concat(batch.map(({ frame }) => frame));
    const expected = Buffer.concat(batch.map((one) => one.answer));
    const middle = frames.below(bytes.length);
    await client.send(bytes.subarray(0, middle));
    // The rest comes in another segment, and with luck after a swap.
    await new Promise((resolve) => setImmediate(resolve));
    const [received] = await Promise.all([
      client.readExactly(expected.length),
      client.send(bytes.subarray(middle)),
    ]);
    if (Buffer.compare(received, expected) !== 0) throw new Error(`stream ${seed} is torn`);
    answers += batch.length;
  }
  return answers;
}

for (const workers of [0, 1, 2]) {
  test(`200 streams over ${workers} workers go on byte for byte while the module is swapped 50 times`, async (t) => {
    const server = await start(t, { protocol: framed[0], workers });
    let going = true;
    const names: string[] = [];
    server.on('swap', ({ protocol }) => names.push(protocol));
    const all = await clients(t, server, 200);
    const streams = Promise.all(all.map((client, seed) => stream(client, seed, () => going)));
    const started = performance.now();
    for (let round = 1; round <= 50; round += 1) await server.swap(framed[round % 2]!);
    const took = performance.now() - started;
    going = false;
    const answers = await streams;
    const total = answers.reduce((sum, count) => sum + count, 0);
    t.true(answers.every((count) => count > 0));
    t.log(`${total} frames; ${(took / 50).toFixed(1)} ms a swap`);
    t.is(names.length, 50);
    const stats = server.stats();
    t.is(stats.connections.open, 200);
    t.is(stats.guestTraps, 0);
    t.is(stats.workers.restarts, 0);
    t.deepEqual(stats.errors, {});
  });
}

test('bad modules are refused under load, and the old one goes on', async (t) => {
  const server = await start(t, { protocol: framed[0], workers: 2 });
  let going = true;
  const all = await clients(t, server, 50);
  const streams = Promise.all(all.map((client, seed) => stream(client, seed, () => going)));
  const bad: [ServeOptions['protocol'], string, RegExp][] = [
    ['nothing-like-it', 'ERR_MODULE', /no bundled protocol of that name/],
    [Uint8Array.of(0, 1, 2, 3), 'ERR_MODULE', /not a module/],
    [guest({ functions: { on_data: null } }), 'ERR_MODULE', /missing export/],
    [guest({ functions: { _initialize: [unreachable] } }), 'ERR_GUEST', /start-up failed/],
    [guest({ functions: { _initialize: [forever()] } }), 'ERR_GUEST', /within 500 ms/],
    [guest(), 'ERR_GUEST', /cannot take over: .* has no migrate/],
  ];
  for (const [protocol, code, message] of bad) {
    await t.throwsAsync(server.swap(protocol), { code, message });
  }
  await server.swap(framed[1]);
  going = false;
  await streams;
  t.is(server.stats().workers.restarts, 0);
  t.is(server.stats().guestTraps, 0);
});

const twice = [get(OLD!), load(), i32(2), equal];

for (const workers of [0, 1, 2]) {
  test(`a trap in migrate loses that connection only, over ${workers} workers`, async (t) => {
    const server = await start(t, { workers });
    const all = await clients(t, server, 40);
    for (const client of all) t.is(await answer(client), 'b');
    t.is(await answer(all[7]!), 'c');
    const closed = new Promise<{ reason: string }>((resolve) => server.once('close', resolve));
    const migrate = [twice, when(unreachable)];
    await server.swap(counter({ letter: 'A', at: 16, version: 1, migrate }));
    t.is((await closed).reason, 'trap');
    t.not(await all[7]!.closed, 'end');
    for (const client of all) if (client !== all[7]) t.is(await answer(client), 'C');
    t.is(server.stats().guestTraps, 1);
    t.is(server.stats().connections.open, 39);
  });
}

test('a hang in migrate loses that connection only, and its worker goes on with the new module', async (t) => {
  const server = await start(t, { workers: 2 });
  const all = await clients(t, server, 40);
  for (const client of all) t.is(await answer(client), 'b');
  const lost = [all[3]!, all[4]!, all[20]!];
  for (const client of lost) t.is(await answer(client), 'c');
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  // A zero byte for each migration: none is repeated by the workers that take over.
  const migrate = [twice, when(forever()), get(0), i32(60), i32(1), call('send'), drop];
  await server.swap(counter({ letter: 'A', at: 16, version: 1, migrate }));
  for (const client of lost) t.not(await client.closed, 'end');
  for (const client of all) {
    if (lost.includes(client)) continue;
    t.is((await client.readExactly(1))[0], 0);
    t.is(await answer(client), 'C');
  }
  t.deepEqual(reasons, ['hung', 'hung', 'hung']);
  t.like(server.stats(), {
    connections: { open: 37 },
    errors: { HUNG: 3 },
    workers: { total: 2, ready: 2, restarts: 3 },
  });
  const [late] = await clients(t, server, 1);
  t.is(await answer(late!), 'B');
  await server.swap(counter({ letter: 'a', at: 0, from: 16, version: 2, migrate: [] }));
  t.is(await answer(late!), 'c');
});

test('a worker that is replaced later starts with the swapped module', async (t) => {
  const server = await start(t, {});
  const hangs = [[get(2), [0x2d, 0, 0]], i32('H'.charCodeAt(0)), equal, when(forever())];
  await server.swap(counter({ letter: 'A', at: 16, version: 1, migrate: [], onData: hangs }));
  const [witness, evil] = await clients(t, server, 2);
  t.is(await answer(witness!), 'B');
  const restart = new Promise((resolve) => server.once('restart', resolve));
  await evil!.send('H');
  await restart;
  t.is(await answer(witness!), 'C');
});

test('a worker that hangs in a callback while the module is swapped takes over with the new one', async (t) => {
  const hangs = [[get(2), [0x2d, 0, 0]], i32('H'.charCodeAt(0)), equal, when(forever())];
  const server = await start(t, { protocol: counter({ letter: 'a', onData: hangs }), workers: 2 });
  const all = await clients(t, server, 20);
  for (const client of all) t.is(await answer(client), 'b');
  await all[0]!.send('H');
  await server.swap(counter({ letter: 'A', at: 16, version: 1, migrate: [] }));
  t.not(await all[0]!.closed, 'end');
  for (const client of all.slice(1)) t.is(await answer(client), 'C');
  t.is(server.stats().workers.restarts, 1);
});

test('swaps are carried out in the order in which they were asked for', async (t) => {
  const server = await start(t, {});
  const letters = ['p', 'q', 'r', 's', 't'];
  await Promise.all(letters.map((letter) => server.swap(counter({ letter }))));
  const [client] = await clients(t, server, 1);
  t.is(await answer(client!), 'u');
});

test('a server that is closed or closing refuses to swap', async (t) => {
  const server = await start(t, {});
  await clients(t, server, 3);
  const swapping = server.swap(counter({ letter: 'A' }));
  const closing = server.close();
  await t.throwsAsync(swapping, { code: 'ERR_CLOSED' });
  await t.throwsAsync(server.swap('echo'), { code: 'ERR_CLOSED' });
  await closing;
  await t.throwsAsync(server.swap('echo'), { code: 'ERR_CLOSED' });
});

test('SIGHUP reads the same path again and swaps; a bad file is refused in one line', async (t) => {
  const path = `${temporary(t)}/guest.wasm`;
  writeFileSync(path, counter({ letter: 'a' }));
  const running = await startCli(t, [...wayFlags('127.0.0.1:0'), path]);
  const client = await connect(running.address, { owner: t });
  t.is(await answer(client), 'b');
  writeFileSync(path, counter({ letter: 'A', at: 16, version: 1, migrate: [] }));
  running.kill('SIGHUP');
  await running.written('stderr', /"protocol":"guest.wasm","msg":"module swapped"\}\n/);
  t.is(await answer(client), 'C');
  copyFileSync('/dev/null', path);
  running.kill('SIGHUP');
  await running.written('stderr', /"code":"ERR_MODULE","msg":"not swapped: guest.wasm: empty .*\n/);
  t.is(await answer(client), 'D');
  t.is(running.stderr.split('\n').length, 3);
  client.end();
  running.kill('SIGTERM');
  t.deepEqual(await running.exited, { code: 0, signal: null });
});

test('with drain a module that cannot take over serves what comes, and the old one what is there', async (t) => {
  const server = await start(t, { workers: 2, policy: { drainQuietMs: 60_000, graceMs: 60_000 } });
  const old = await clients(t, server, 10);
  for (const client of old) t.is(await answer(client), 'b');
  await t.throwsAsync(server.swap(counter({ letter: 'A', version: 1 })), { code: 'ERR_GUEST' });
  await server.swap(counter({ letter: 'A', version: 1 }), { drain: true });
  const young = await clients(t, server, 10);
  const letters = await Promise.all([...young, ...old].map(answer));
  t.is(letters.join(''), 'B'.repeat(10) + 'c'.repeat(10));
  for (const client of old) client.end();
  for (const client of old) t.is((await client.readAll()).length, 0);
  for (const client of young) t.is(await answer(client), 'C');
  while (server.stats().workers.total > 2) await new Promise((resolve) => setTimeout(resolve, 5));
  t.like(server.stats(), {
    connections: { open: 10, total: 20 },
    messages: 40,
    workers: { total: 2, ready: 2, restarts: 0 },
  });
  for (const client of young) client.destroy();
});

test('what does not drain in time is aborted, and a server can be closed meanwhile', async (t) => {
  const policy = { drainQuietMs: 60_000, graceMs: 200 };
  const server = await start(t, { policy });
  const [first] = await clients(t, server, 1);
  t.is(await answer(first!), 'b');
  await server.swap(counter({ letter: 'A', version: 1 }), { drain: true });
  t.not(await first!.closed, 'end');
  const [second] = await clients(t, server, 1);
  t.is(await answer(second!), 'B');
  await server.swap(counter({ letter: 'p', version: 2 }), { drain: true });
  const [third] = await clients(t, server, 1);
  t.is(await answer(third!), 'q');
  await server.close();
  t.not(await second!.closed, 'end');
  t.not(await third!.closed, 'end');
  t.is(server.stats().connections.open, 0);
});

test('drain needs workers', async (t) => {
  const server = await start(t, { workers: 0 });
  await t.throwsAsync(server.swap(counter({ letter: 'A' }), { drain: true }), {
    code: 'ERR_OPTION',
    message: /drain needs workers/,
  });
});

test('hangs around swaps, round after round, lose the connections that hang and no count of others', async (t) => {
  const hangs = [[get(2), [0x2d, 0, 0]], i32('H'.charCodeAt(0)), equal, when(forever())];
  // Both answer alike, so that a count that was migrated twice, or not at all, shows.
  const modules = [0, 16].map((at) =>
    counter({ letter: '0', at, from: 16 - at, version: at, migrate: [], onData: hangs }),
  );
  const policy = { callbackTimeoutMs: 400 };
  const server = await start(t, { protocol: modules[0]!, workers: 2, policy });
  const witnesses = await clients(t, server, 30);
  let going = true;
  const counting = Promise.all(
    witnesses.map(async (client) => {
      for (let count = 1; going; count += 1) {
        await client.send('x');
        const [byte] = await client.readExactly(1);
        if (byte !== ((0x30 + count) & 0xff)) return `${byte} after ${count}`;
      }
      return 'right';
    }),
  );
  for (let round = 1; round <= 12; round += 1) {
    const evil = await connect(server.addresses[0]!, { owner: t });
    t.is(await answer(evil), '1');
    const swapping = server.swap(modules[round % 2]!);
    if (round % 3 > 0) await new Promise((resolve) => setTimeout(resolve, round * 5));
    await evil.send('H');
    await swapping;
    t.not(await evil.closed, 'end');
  }
  going = false;
  t.deepEqual([...new Set(await counting)], ['right']);
  t.is(server.stats().errors.HUNG, 12);
  t.is(server.stats().connections.open, 30);
});
