// What a guest can ask of its surroundings, over real sockets and in real threads: what survives a swap, a
// guest that hangs, and the thread that is lost with it.

import test from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { type Client, connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { descriptorCount, until } from '../helpers/proc.ts';
import { temporary } from '../helpers/process.ts';

interface Owner {
  teardown(end: () => void | Promise<void>): void;
}

const protocol = compiledGuest('surroundings');
const quick = { drainQuietMs: 0, graceMs: 2000, lingerMs: 200, callbackTimeoutMs: 500 };

async function start(t: Owner, options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    protocol,
    listen: '127.0.0.1:0',
    ...options,
    policy: { ...quick, ...options.policy },
  });
  t.teardown(() => server.close());
  return server;
}

const client = (t: Owner, server: Server, listener = 0): Promise<Client> =>
  connect(server.addresses[listener]!, { owner: t });

/** The line that a command is answered with. */
async function ask(from: Client, command: string): Promise<string> {
  await from.send(command);
  let line = '';
  for (;;) {
    const byte = String(await from.readExactly(1));
    if (byte === '\n') return line;
    line += byte;
  }
}

const restarted = (server: Server): Promise<{ reason: string }> =>
  new Promise((resolve) => server.once('restart', resolve));

const value = (server: Server, name: string): number => {
  const metric = server.stats().guest[name];
  if (metric === undefined) return Number.NaN;
  return metric.kind === 'histogram' ? metric.count : metric.value;
};

for (const workers of [0, 1]) {
  test(`a connection knows its listener, its address and its transport, workers ${workers}`, async (t) => {
    const path = `unix:${temporary(t)}/s`;
    const listen = ['127.0.0.1:0', path, 'localhost:0'];
    const server = await start(t, { workers, listen });
    const [tcp, unix, named] = [
      await client(t, server),
      await client(t, server, 1),
      await client(t, server, 2),
    ];
    t.is(await ask(tcp, 'p listener'), '11 127.0.0.1:0');
    t.is(await ask(tcp, 'p local'), `${server.addresses[0]!.length} ${server.addresses[0]}`);
    t.is(await ask(tcp, 'p transport'), '3 tcp');
    t.is(await ask(unix, 'p listener'), `${path.length} ${path}`);
    t.is(await ask(unix, 'p local'), `${path.length} ${path}`);
    t.is(await ask(unix, 'p transport'), '4 unix');
    t.is(await ask(named, 'p listener'), '11 localhost:0');
  });

  test(`the wall clock is the machine's, and random bytes are, workers ${workers}`, async (t) => {
    const peer = await client(t, await start(t, { workers }));
    const before = Date.now();
    const [shown, again] = (await ask(peer, 'w')).split(' ').map(Number);
    t.true(shown! >= before && shown! <= Date.now());
    t.is(shown, again);
    const seen = new Set<string>();
    for (let count = 0; count < 4; count += 1) {
      await peer.send('r 16');
      seen.add((await peer.readExactly(16)).toString('hex'));
    }
    t.is(seen.size, 4);
  });

  test(`a configuration goes to each instance, and a swap brings another, workers ${workers}`, async (t) => {
    const server = await start(t, { workers, config: 'one' });
    const peer = await client(t, server);
    t.is(await ask(peer, 'c'), 'one');
    await server.swap(protocol);
    t.is(await ask(peer, 'c'), 'one');
    await server.swap(protocol, { config: Uint8Array.of(0x74, 0x77, 0x6f) });
    t.is(await ask(peer, 'c'), 'two');
    const trap = restarted(server);
    await (await client(t, server)).send('T');
    await trap;
    t.is(await ask(peer, 'c'), 'two');
  });

  test(`an on_start that traps at the start is a refusal, workers ${workers}`, async (t) => {
    await t.throwsAsync(start(t, { workers, config: 'start trap' }), {
      code: 'ERR_GUEST',
      message: /on_start failed: unreachable in /,
    });
  });

  test(`on_tick comes again and again, workers ${workers}`, async (t) => {
    const server = await start(t, { workers, policy: { tickMs: 5 } });
    await until(() => value(server, 'ticks') >= 3);
    t.pass();
  });
}

test.serial(
  'an on_start that traps at the start leaves no descriptor behind, workers 0',
  async (t) => {
    const refuse = () => t.throwsAsync(start(t, { workers: 0, config: 'start trap' }));
    await refuse();
    const before = descriptorCount(process.pid);
    for (let count = 0; count < 20; count += 1) await refuse();
    t.true(descriptorCount(process.pid) < before + 20);
  },
);

test('a configuration that is too large is refused before anything starts', async (t) => {
  const config = 'x'.repeat(1024 * 1024 + 1);
  await t.throwsAsync(start(t, { config }), { code: 'ERR_OPTION', message: /^config has 1048577/ });
  const server = await start(t);
  await t.throwsAsync(server.swap(protocol, { config }), { code: 'ERR_OPTION' });
});

test('metrics of several workers are added up, and a swap goes on with them', async (t) => {
  const server = await start(t, { workers: 2, config: 'metric 0 hits\nmetric 1 level' });
  const peers = [await client(t, server), await client(t, server)];
  for (const [index, peer] of peers.entries()) {
    t.is(await ask(peer, `m 3 ${index + 1}`), '0');
    t.is(await ask(peer, `m 4 ${10 * (index + 1)}`), '0');
    t.is(await ask(peer, 'm 2 7'), '0');
  }
  await until(() => value(server, 'hits') === 3 && value(server, 'level') === 30);
  await until(() => value(server, 'sizes') === 2);
  t.is(value(server, 'starts'), 2);
  await server.swap(protocol, { config: 'metric 1 fresh\nmetric 0 hits' });
  t.is(value(server, 'hits'), 3);
  t.is(value(server, 'level'), Number.NaN);
  for (const peer of peers) t.is(await ask(peer, 'm 4 1'), '0');
  await until(() => value(server, 'hits') === 5);
  t.is(value(server, 'starts'), 4);
});

test('workers that a drain has replaced leave their counts, and not their gauges', async (t) => {
  const server = await start(t, { workers: 2, config: 'metric 0 hits\nmetric 1 level' });
  const peer = await client(t, server);
  t.is(await ask(peer, 'm 3 5'), '0');
  t.is(await ask(peer, 'm 4 9'), '0');
  // Another state size, and no migrate: it cannot take over.
  const next = compiledGuest('counting');
  await server.swap(next, { drain: true });
  t.is(value(server, 'hits'), 5, 'they drain, and still count');
  peer.end();
  await peer.readAll();
  await until(() => server.stats().workers.total === 2);
  t.is(value(server, 'hits'), 5);
  t.is(value(server, 'level'), 0);
  t.is(value(server, 'sizes'), Number.NaN, 'no guest declares it any more');
});

test('a thread that is lost takes no committed measure along, and keeps each listener', async (t) => {
  const listen = ['127.0.0.1:0', 'localhost:0'];
  const server = await start(t, { listen, config: 'metric 0 hits' });
  const peer = await client(t, server, 1);
  for (let round = 0; round < 3; round += 1) {
    t.is(await ask(peer, 'm 3 1'), '0');
    const restart = restarted(server);
    await (await client(t, server)).send('H');
    t.regex((await restart).reason, /a callback did not return within 500 ms/);
    t.is(await ask(peer, 'p listener'), '11 localhost:0');
    t.is(value(server, 'hits'), round + 1);
  }
  t.is(server.stats().workers.restarts, 3);
  t.is(value(server, 'starts'), 4);
});

test('an on_start that hangs at the start is a refusal', async (t) => {
  await t.throwsAsync(start(t, { config: 'start hang' }), {
    code: 'ERR_GUEST',
    message: /did not return within 500 ms/,
  });
});

test('an on_start that hangs after a swap is left out, and costs no connection', async (t) => {
  const server = await start(t);
  const peer = await client(t, server);
  t.is(await ask(peer, 'c'), '');
  const restart = restarted(server);
  await server.swap(protocol, { config: 'start hang' });
  t.regex((await restart).reason, /did not return within 500 ms/);
  t.is(await ask(peer, 'c'), 'start hang');
  t.is(server.stats().workers.restarts, 1);
  t.is(server.stats().connections.open, 1);
});

test('an on_tick that hangs costs no connection', async (t) => {
  const server = await start(t, { policy: { tickMs: 20 } });
  const peer = await client(t, server);
  const restart = restarted(server);
  t.is(await ask(peer, 't 2'), 'ok');
  t.regex((await restart).reason, /a callback did not return within 500 ms/);
  t.is(await ask(peer, 'c'), '');
  const ticks = value(server, 'ticks');
  await until(() => value(server, 'ticks') > ticks);
  t.is(server.stats().connections.open, 1);
});

test('an on_tick that hangs each time is called less often, and the next one that returns ends that', async (t) => {
  const server = await start(t, {
    policy: { tickMs: 5, callbackTimeoutMs: 300 },
    config: 'tick hang 1e300',
  });
  const peer = await client(t, server);
  const errors: string[] = [];
  server.on('error', ({ message }) => errors.push(message));
  await until(() => server.stats().workers.restarts === 3);
  t.deepEqual(errors, ['on_tick fails each time: it is called less often']);
  t.is(await ask(peer, 'c'), 'tick hang 1e300');
  await server.swap(protocol, { config: '' });
  await until(() => value(server, 'ticks') > 10);
  // The fourth comes two seconds after the third has failed: on a slow machine before the swap.
  t.true(server.stats().workers.restarts <= 4);
  t.is(server.stats().connections.open, 1);
  t.is(errors.length, 1);
});

test('a tick without an on_tick is told once, when the module comes', async (t) => {
  const told: string[] = [];
  const ignore = (): void => undefined;
  const logger = {
    ...{ debug: ignore, info: ignore, error: ignore, isLevelEnabled: () => false },
    warn: (_: object, text: string) => told.push(text),
  };
  const policy = { tickMs: 1000 };
  await start(t, { policy, logger });
  t.deepEqual(told, []);
  await start(t, { policy, logger, protocol: 'echo' });
  t.deepEqual(told, ['tickMs is set, and the protocol has no on_tick']);
});
