// Embedding: serve() as a host application uses it.

import { getEventListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { serve, WasmpollError } from '../../host/index.ts';
import { connect } from '../helpers/client.ts';
import { hasV6, runScript } from '../helpers/process.ts';

const quick = { drainQuietMs: 0, graceMs: 1000, lingerMs: 100 };
const module = new URL('../../protocols/echo.wasm', import.meta.url);
const entry = new URL('../../host/index.js', import.meta.url);

async function echoes(address: string, text: string): Promise<boolean> {
  const client = await connect(address);
  await client.send(text);
  client.end();
  return Buffer.from(await client.readAll()).toString() === text;
}

test('two servers in one process serve apart', async (t) => {
  await using one = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    policy: quick,
    workers: 0,
  });
  await using two = await serve({
    protocol: 'echo',
    listen: ['127.0.0.1:0'],
    policy: quick,
    workers: 0,
  });
  t.true(await echoes(one.addresses[0]!, 'one'));
  t.true(await echoes(two.addresses[0]!, 'two!'));
  t.is(one.stats().bytesIn, 3);
  t.is(two.stats().bytesIn, 4);
});

test('a protocol is a name, a path, a URL, bytes or a module', async (t) => {
  const bytes = await readFile(module);
  const sources = ['echo', fileURLToPath(module), module, bytes, new WebAssembly.Module(bytes)];
  for (const protocol of sources) {
    await using server = await serve({ protocol, listen: '127.0.0.1:0', policy: quick });
    t.true(await echoes(server.addresses[0]!, 'hello'));
  }
});

test('stats count connections, bytes and messages', async (t) => {
  await using server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    policy: quick,
    workers: 0,
  });
  await echoes(server.addresses[0]!, 'hello');
  t.like(server.stats(), {
    connections: { open: 0, total: 1, refused: 0 },
    bytesIn: 5,
    bytesOut: 5,
    messages: 1,
    backlogBytes: 0,
    poolBytes: 0,
    errors: {},
    guestTraps: 0,
  });
});

test('events tell of connections with their address and of why they ended', async (t) => {
  await using server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick });
  const events: unknown[] = [];
  server.on('open', (event) => events.push(event));
  const closed = new Promise<void>((resolve) => {
    server.on('close', (event) => {
      events.push(event);
      resolve();
    });
  });
  const client = await connect(server.addresses[0]!, { owner: t });
  const { localAddress } = client;
  client.end();
  await client.readAll();
  await closed;
  const [open, close] = events as [{ id: number; address: string }, { id: number; reason: string }];
  t.is(open.address, localAddress);
  t.is(close.id, open.id);
  t.is(close.reason, 'peer');
});

test('an event listener may close the server', async (t) => {
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick });
  server.on('open', () => void server.close());
  const client = await connect(server.addresses[0]!, { owner: t });
  client.end();
  await client.readAll();
  await server.closed;
  t.is(server.stats().connections.open, 0);
});

test('a logger may close the server in the middle of a turn', async (t) => {
  const ignore = (): void => undefined;
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    workers: 0,
    policy: quick,
    logData: true,
    logger: {
      debug: ignore,
      info: (_, message) => {
        if (message === 'received') void server.close();
      },
      warn: ignore,
      error: ignore,
    },
  });
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
  client.end();
  await server.closed;
  t.like(server.stats(), { bytesOut: 5, guestTraps: 0, errors: {} });
});

test('listeners that come after all were removed are told', async (t) => {
  await using server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick });
  server.removeAllListeners();
  const opened = new Promise<{ address: string }>((resolve) => server.on('open', resolve));
  const client = await connect(server.addresses[0]!, { owner: t });
  t.is((await opened).address, client.localAddress);
  client.end();
  await client.readAll();
});

test('an AbortSignal drains the server', async (t) => {
  const abort = new AbortController();
  const { signal } = abort;
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick, signal });
  t.true(await echoes(server.addresses[0]!, 'before'));
  abort.abort();
  await server.closed;
  await t.throwsAsync(connect(server.addresses[0]!), { code: 'ECONNREFUSED' });
});

test('a signal has a listener only while its server runs', async (t) => {
  const { signal } = new AbortController();
  const listeners = (): number => getEventListeners(signal, 'abort').length;
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick, signal });
  t.is(listeners(), 1);
  const { addresses } = server;
  await t.throwsAsync(serve({ protocol: 'echo', listen: addresses[0]!, signal }), {
    code: 'EADDRINUSE',
  });
  t.is(listeners(), 1);
  await server.close();
  t.is(listeners(), 0);
});

test('a signal that is already aborted serves nothing', async (t) => {
  const signal = AbortSignal.abort(new Error('not wanted'));
  await t.throwsAsync(serve({ protocol: 'echo', listen: '127.0.0.1:0', signal }), {
    message: 'not wanted',
  });
});

test('closing twice is closing once', async (t) => {
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick });
  t.is(server.close(), server.close());
  await server.closed;
});

test('a drain lets data in flight out, and refuses new connections', async (t) => {
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    // Whichever thread of this process waits for its turn, the connection is not quiet.
    policy: { drainQuietMs: 60_000, graceMs: 120_000 },
  });
  const client = await connect(server.addresses[0]!, { paused: true, owner: t });
  const bytes = new Uint8Array(8 * 1024 * 1024).fill(7);
  const sending = client.send(bytes);
  while (server.stats().backlogBytes === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = server.close();
  await t.throwsAsync(connect(server.addresses[0]!), { code: 'ECONNREFUSED' });
  client.resume();
  t.is(Buffer.compare(await client.readExactly(bytes.length), bytes), 0);
  await sending;
  client.end();
  await closed;
});

const STEPS = 12;
for (const workers of [0, 1]) {
  test(`whenever an AbortSignal comes during the start, it is heard; workers: ${workers}`, async (t) => {
    const options = { protocol: 'echo', listen: '127.0.0.1:0', workers, policy: quick };
    const start = performance.now();
    await (await serve(options)).close();
    const usualMs = performance.now() - start;
    for (let step = 0; step < STEPS; step += 1) {
      const abort = new AbortController();
      const outcome = serve({ ...options, signal: abort.signal }).then(
        (server) => server.closed,
        (error: unknown) => error,
      );
      await setTimeout((usualMs * step) / STEPS);
      abort.abort(new Error(`step ${step}`));
      const result = await outcome;
      t.true(result === undefined || result === abort.signal.reason, String(result));
    }
  });
}

test('what is not quiet after the grace is aborted', async (t) => {
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    policy: { drainQuietMs: 100, graceMs: 50 },
  });
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  const client = await connect(server.addresses[0]!, { paused: true, owner: t });
  void client.send(new Uint8Array(32 * 1024 * 1024)).catch(() => undefined);
  while (server.stats().backlogBytes === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  t.is(server.stats().connections.open, 0);
  t.deepEqual(reasons, ['shutdown']);
  client.resume();
  await client.closed;
  t.true(client.waiting < 32 * 1024 * 1024);
});

test("the host application's timers and promises run while the server is under full load", async (t) => {
  await using server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy: quick });
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => connect(server.addresses[0]!)),
  );
  let loaded = true;
  const load = clients.map(async (client) => {
    const block = new Uint8Array(64 * 1024);
    while (loaded) {
      await client.send(block);
      await client.readExactly(block.length);
    }
    client.end();
    await client.readAll();
  });
  for (let ticks = 0; ticks < 50; ticks += 1) {
    await setTimeout(1);
    await Promise.resolve();
  }
  const { bytesIn } = server.stats();
  loaded = false;
  await Promise.all(load);
  t.true(bytesIn > 0);
});

test('a script that serves and closes exits by itself, and leaves no descriptor open', async (t) => {
  const listen = hasV6(t) ? ['127.0.0.1:0', '[::1]:0'] : ['127.0.0.1:0'];
  const { code, stdout, stderr } = await runScript(`
    import { readdirSync } from 'node:fs';
    import { serve } from '${entry}';
    const count = () => readdirSync('/proc/self/fd').length;
    const cycle = async () => {
      const server = await serve({ protocol: 'echo', listen: ${JSON.stringify(listen)} });
      await server.close();
    };
    await cycle();
    const before = count();
    for (let index = 0; index < 20; index += 1) await cycle();
    await new Promise((resolve) => setImmediate(resolve));
    console.log(count() - before);
  `);
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '0\n', stderr: '' });
});

test('a failed start leaves no descriptor open', async (t) => {
  const { code, stdout } = await runScript(`
    import { readdirSync } from 'node:fs';
    import { serve } from '${entry}';
    const taken = await serve({ protocol: 'echo', listen: '127.0.0.1:0' });
    const listen = ['127.0.0.1:0', taken.addresses[0]];
    const fail = () => serve({ protocol: 'echo', listen }).catch((error) => error.code);
    await fail();
    const before = readdirSync('/proc/self/fd').length;
    const codes = new Set();
    for (let index = 0; index < 10; index += 1) codes.add(await fail());
    console.log(...codes, readdirSync('/proc/self/fd').length - before);
    await taken.close();
  `);
  t.deepEqual({ code, stdout }, { code: 0, stdout: 'EADDRINUSE 0\n' });
});

const wrong = [
  ['no options', undefined, 'ERR_OPTION', /takes an object/],
  [
    'an unknown option',
    { protocol: 'echo', listen: '127.0.0.1:0', port: 1 },
    'ERR_OPTION',
    /'port'/,
  ],
  ['no protocol', { listen: '127.0.0.1:0' }, 'ERR_OPTION', /protocol is missing/],
  ['no address', { protocol: 'echo' }, 'ERR_OPTION', /listen must be/],
  ['an empty list', { protocol: 'echo', listen: [] }, 'ERR_OPTION', /listen must be/],
  ['a bad address', { protocol: 'echo', listen: '127.0.0.1' }, 'ERR_ADDRESS', /HOST:PORT/],
  ['workers', { protocol: 'echo', listen: '127.0.0.1:0', workers: -1 }, 'ERR_OPTION', /workers/],
  [
    'an unknown setting',
    { protocol: 'echo', listen: '127.0.0.1:0', policy: { idle: 1 } },
    'ERR_POLICY',
    /no setting 'idle'/,
  ],
  [
    'a setting out of range',
    { protocol: 'echo', listen: '127.0.0.1:0', policy: { maxConnections: 0 } },
    'ERR_POLICY',
    /policy\.maxConnections: must be a whole number from 1 to/,
  ],
  [
    'an unknown protocol',
    { protocol: 'ecco', listen: '127.0.0.1:0' },
    'ERR_MODULE',
    /\(.*echo.*\)/,
  ],
] as const;

for (const [title, options, code, message] of wrong) {
  test(`serve() with ${title} is refused`, async (t) => {
    const error = await t.throwsAsync(serve(options as unknown as Parameters<typeof serve>[0]));
    t.true(error instanceof WasmpollError);
    t.is((error as WasmpollError).code, code);
    t.regex(error.message, message);
  });
}
