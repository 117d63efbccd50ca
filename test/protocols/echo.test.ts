// Echo over real sockets, the server in this process: what the kernel has a say in.

import test from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { connect } from '../helpers/client.ts';

const MiB = 1024 * 1024;

async function echo(
  t: { teardown: (end: () => Promise<void>) => void },
  options: Partial<ServeOptions> = {},
): Promise<{ server: Server; address: string }> {
  const policy = { drainQuietMs: 0, graceMs: 1000, lingerMs: 200, ...options.policy };
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    workers: 0,
    ...options,
    policy,
  });
  t.teardown(() => server.close());
  return { server, address: server.addresses[0]! };
}

/** Bytes that tell their position and whose they are. */
function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let value = seed | 1;
  for (let index = 0; index < length; index += 1) {
    value = (Math.imul(value, 1_103_515_245) + 12_345) | 0;
    bytes[index] = value >>> 16;
  }
  return bytes;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

test('every byte value comes back', async (t) => {
  const { address } = await echo(t);
  const client = await connect(address, { owner: t });
  const all = Uint8Array.from({ length: 256 }, (_, value) => value);
  await client.send(all);
  t.deepEqual(Uint8Array.from(await client.readExactly(256)), all);
  client.end();
  t.is((await client.readAll()).length, 0);
});

test('bytes that are sent one by one come back in order', async (t) => {
  const { address } = await echo(t);
  const client = await connect(address, { owner: t });
  const bytes = pattern(500, 1);
  for (const byte of bytes) await client.send(Uint8Array.of(byte));
  client.end();
  t.true(same(await client.readAll(), bytes));
});

test('a pipelined burst comes back whole', async (t) => {
  const { address } = await echo(t);
  const client = await connect(address, { owner: t });
  const parts = Array.from({ length: 2000 }, (_, index) => pattern(1 + (index % 300), index));
  await Promise.all(parts.map((part) => client.send(part)));
  client.end();
  t.true(same(await client.readAll(), Buffer.concat(parts)));
});

test('a stream of 123 MB comes back byte for byte', async (t) => {
  const { server, address } = await echo(t);
  const client = await connect(address, { owner: t });
  const block = pattern(MiB, 7);
  const total = 123_000_000;
  const sending = (async () => {
    for (let sent = 0; sent < total; sent += block.length) {
      await client.send(block.subarray(0, Math.min(block.length, total - sent)));
    }
    client.end();
  })();
  for (let received = 0; received < total; ) {
    const length = Math.min(block.length, total - received);
    const part = await client.readExactly(length);
    if (!same(part, block.subarray(0, length))) {
      t.fail(`differs between ${received} and ${received + length}`);
      return;
    }
    received += length;
  }
  await sending;
  t.is((await client.readAll()).length, 0);
  t.is(server.stats().bytesOut, total);
});

test('200 connections at once never see a foreign byte', async (t) => {
  const { server, address } = await echo(t);
  const wrong = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const client = await connect(address, { owner: t });
      const parts = Array.from({ length: 20 }, (_, part) => pattern(3000, index * 1000 + part));
      for (const part of parts) {
        await client.send(part);
        if (!same(await client.readExactly(part.length), part)) return index;
      }
      client.end();
      return (await client.readAll()).length === 0 ? null : index;
    }),
  );
  t.deepEqual(
    wrong.filter((index) => index !== null),
    [],
  );
  t.is(server.stats().connections.total, 200);
});

test('a half-closed client still receives its whole echo', async (t) => {
  const { address } = await echo(t);
  const client = await connect(address, { owner: t });
  const bytes = pattern(8 * MiB, 3);
  const sending = client.send(bytes);
  client.end();
  t.true(same(await client.readAll(), bytes));
  await sending;
  t.is(await client.closed, 'end');
});

test('a FIN at once is answered with a FIN', async (t) => {
  const { address } = await echo(t);
  const client = await connect(address, { owner: t });
  client.end();
  t.is((await client.readAll()).length, 0);
});

test('resets at any point disturb nobody', async (t) => {
  const { server, address } = await echo(t);
  const witness = await connect(address, { owner: t });
  for (const size of [0, 1, 1000, 100_000, MiB]) {
    const client = await connect(address, { owner: t });
    if (size > 0) void client.send(pattern(size, size)).catch(() => undefined);
    if (size > 1) await client.readExactly(1);
    client.reset();
    await witness.send(pattern(100, size));
    t.true(same(await witness.readExactly(100), pattern(100, size)), `after ${size}`);
  }
  witness.end();
  await witness.readAll();
  await server.close();
  t.is(server.stats().connections.open, 0);
});

test('a client that never reads is held at the high-water mark while others are served', async (t) => {
  const { server, address } = await echo(t);
  const glutton = await connect(address, { paused: true, owner: t });
  void glutton.send(new Uint8Array(64 * MiB)).catch(() => undefined);
  const other = await connect(address, { owner: t });
  for (let index = 0; index < 200; index += 1) {
    await other.send(pattern(5000, index));
    t.true(same(await other.readExactly(5000), pattern(5000, index)));
  }
  const { backlogBytes, poolBytes } = server.stats();
  t.true(backlogBytes <= 512 * 1024, `backlog ${backlogBytes}`);
  t.true(poolBytes <= 600 * 1024, `pool ${poolBytes}`);
  glutton.reset();
});

test('a client that reads late receives every byte', async (t) => {
  const { address } = await echo(t);
  const client = await connect(address, { paused: true, owner: t });
  const bytes = pattern(16 * MiB, 9);
  const sending = client.send(bytes);
  client.end();
  const other = await connect(address, { owner: t });
  await other.send('still served');
  await other.readExactly(12);
  client.resume();
  t.true(same(await client.readAll(), bytes));
  await sending;
});

test('300 connects in one burst are all answered', async (t) => {
  const { address } = await echo(t);
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const client = await connect(address, { owner: t });
      await client.send(`number ${index}`);
      client.end();
      return Buffer.from(await client.readAll()).toString();
    }),
  );
  t.deepEqual(
    answers,
    answers.map((_, index) => `number ${index}`),
  );
});

test('connections over the limit are closed without data, and room is given again', async (t) => {
  const { server, address } = await echo(t, { policy: { maxConnections: 2 } });
  const [a, b] = [await connect(address, { owner: t }), await connect(address, { owner: t })];
  await a.send('a');
  await a.readExactly(1);
  await b.send('b');
  await b.readExactly(1);
  const refused = await connect(address, { owner: t });
  t.is((await refused.readAll()).length, 0);
  t.is(server.stats().connections.refused, 1);
  a.end();
  await a.readAll();
  const next = await connect(address, { owner: t });
  await next.send('next');
  t.is(Buffer.from(await next.readExactly(4)).toString(), 'next');
});

test('an idle connection is closed, one that is used is not', async (t) => {
  const { server, address } = await echo(t, { policy: { idleTimeoutMs: 2000 } });
  const reasons: string[] = [];
  server.on('close', ({ reason }) => reasons.push(reason));
  const idle = await connect(address, { owner: t });
  const busy = await connect(address, { owner: t });
  let over = false;
  void idle.closed.then(() => {
    over = true;
  });
  idle.readAll().then(() => idle.end());
  while (!over) {
    await busy.send('x');
    await busy.readExactly(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.deepEqual(reasons, ['idle']);
  busy.end();
});

test('echo is served on a Unix socket as well', async (t) => {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const folder = await mkdtemp('/tmp/wasmpoll-');
  t.teardown(() => rm(folder, { recursive: true }));
  const { address } = await echo(t, { listen: `unix:${folder}/echo.sock` });
  const client = await connect(address, { owner: t });
  const bytes = pattern(MiB, 5);
  void client.send(bytes);
  client.end();
  t.true(same(await client.readAll(), bytes));
});
