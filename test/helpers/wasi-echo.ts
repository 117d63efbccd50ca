// How an echo server behaves, whichever program it is: the tests of all WASI programs, over TCP. They
// see addresses, bytes, a process and its end.

import test, { type ExecutionContext } from 'ava';
import { difference, pattern, random } from './bytes.ts';
import { type Client, connect } from './client.ts';
import { descriptorCount, leastOfSeconds, until } from './proc.ts';
import type { Exit } from './process.ts';
import type { Program } from './wasi-programs.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
// A server that has nothing to do uses next to no time, one that spins what it can get of a second.
const SPIN_MS = 150;

export interface EchoProgram {
  readonly name: string;
  start(t: ExecutionContext): Promise<Program>;
  /** Whether clients are served side by side, or one after another in the order they come. */
  readonly sideBySide: boolean;
  /** How it ends at SIGTERM. */
  readonly stopped: Exit;
}

/** Sends all and a FIN, and asserts that the same comes back, and a FIN. */
async function echoes(t: ExecutionContext, client: Client, parts: Uint8Array[]): Promise<void> {
  const sent = Promise.all(parts.map((part) => client.send(part)));
  client.end();
  t.is(difference(await client.readAll(), Buffer.concat(parts)), '');
  await sent;
}

/** The bytes cut at random places, most of the parts small. */
function cut(bytes: Buffer, seed: number): Buffer[] {
  const next = random(seed);
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + Math.floor(next() ** 4 * 100_000);
    parts.push(bytes.subarray(from, to));
    from = to;
  }
  return parts;
}

async function ping(t: ExecutionContext, client: Client, text = 'ping'): Promise<void> {
  await client.send(text);
  t.is(String(await client.readExactly(text.length)), text);
}

/** Reads all of it in portions, between which it rests for as long as a turn of the loop takes. */
async function readSlowly(client: Client, length: number, portion: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let left = length; left > 0; ) {
    const size = Math.min(left, portion);
    client.resume();
    parts.push(await client.readExactly(size));
    client.pause();
    await new Promise((resolve) => setImmediate(resolve));
    left -= size;
  }
  client.resume();
  return Buffer.concat(parts);
}

/** Declares the tests of one program. */
export function testEcho(program: EchoProgram): void {
  const { name, start, stopped } = program;

  test(`${name}: a half-closed client still receives its whole echo, and the end`, async (t) => {
    const { address } = await start(t);
    await echoes(t, await connect(address, { owner: t }), [Buffer.from('hello')]);
    await echoes(t, await connect(address, { owner: t }), []);
    await echoes(t, await connect(address, { owner: t }), [pattern(MiB, 1)]);
  });

  test(`${name}: 300 clients one after another leave no descriptor`, async (t) => {
    const server = await start(t);
    await echoes(t, await connect(server.address, { owner: t }), [pattern(10, 0)]);
    const descriptors = descriptorCount(server.pid);
    for (let index = 0; index < 300; index += 1) {
      const client = await connect(server.address, { owner: t });
      await echoes(t, client, [pattern(100 + index * 10, index)]);
    }
    await until(() => descriptorCount(server.pid) <= descriptors);
    t.pass();
  });

  test(`${name}: clients that come together each get their own bytes`, async (t) => {
    const { address } = await start(t);
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const client = await connect(address, { owner: t });
        const bytes = pattern(20_000 + index, index);
        await echoes(t, client, [
          bytes.subarray(0, 7000),
          bytes.subarray(7000, 7001),
          bytes.subarray(7001),
        ]);
      }),
    );
  });

  test(`${name}: input that is cut at odd places comes back whole`, async (t) => {
    const { address } = await start(t);
    for (const seed of [1, 2, 3]) {
      const client = await connect(address, { owner: t });
      const bytes = pattern(2 * MiB, seed);
      for (const part of cut(bytes, seed)) await client.send(part);
      client.end();
      t.is(difference(await client.readAll(), bytes), '');
    }
  });

  test(`${name}: bytes that are sent one by one come back one by one`, async (t) => {
    const { address } = await start(t);
    const client = await connect(address, { owner: t });
    for (let value = 0; value < 256; value += 1) {
      await client.send(Uint8Array.of(value));
      t.deepEqual([...(await client.readExactly(1))], [value]);
    }
  });

  test(`${name}: 48 MiB to a slow reader come back whole`, async (t) => {
    const { address } = await start(t);
    const client = await connect(address, { owner: t, paused: true });
    const bytes = pattern(48 * MiB, 4);
    const sent = client.send(bytes);
    client.end();
    t.is(difference(await readSlowly(client, bytes.length, 3 * MiB + 1), bytes), '');
    t.is((await client.readAll()).length, 0);
    await sent;
  });

  test(`${name}: a client that resets in the middle harms nobody else`, async (t) => {
    const server = await start(t);
    await echoes(t, await connect(server.address, { owner: t }), [pattern(10, 0)]);
    const descriptors = descriptorCount(server.pid);
    for (const size of [0, 1, 100_000, 8 * MiB]) {
      const client = await connect(server.address, { owner: t, paused: true });
      const sent = client.send(pattern(size, 5)).catch(() => undefined);
      // Not more than what is on its way; the reset comes while the server reads or writes.
      if (size <= 100_000) await sent;
      client.reset();
      await echoes(t, await connect(server.address, { owner: t }), [pattern(MiB, 6)]);
    }
    await until(() => descriptorCount(server.pid) <= descriptors);
  });

  test(`${name}: clients that vanish while they wait to be accepted harm nobody`, async (t) => {
    const server = await start(t);
    await echoes(t, await connect(server.address, { owner: t }), [pattern(10, 0)]);
    server.process.kill('SIGSTOP');
    const clients = [];
    for (let index = 0; index < 40; index += 1) {
      const client = await connect(server.address, { owner: t });
      if (index % 2 === 0) await client.send(pattern(100 * index, index));
      clients.push(client);
    }
    for (const [index, client] of clients.entries()) {
      if (index % 3 === 0) client.destroy();
      else client.reset();
    }
    server.process.kill('SIGCONT');
    await echoes(t, await connect(server.address, { owner: t }), [pattern(MiB, 7)]);
  });

  test(`${name}: SIGTERM ends it at once while it waits`, async (t) => {
    const idle = await start(t);
    idle.process.kill('SIGTERM');
    t.deepEqual(await idle.process.exited, stopped);
    const busy = await start(t);
    const client = await connect(busy.address, { owner: t });
    await ping(t, client);
    busy.process.kill('SIGTERM');
    t.deepEqual(await busy.process.exited, stopped);
    t.regex(await client.closed, /^(end|ECONNRESET)$/);
  });

  test(`${name}: waiting costs no processor time`, async (t) => {
    const server = await start(t);
    const client = await connect(server.address, { owner: t });
    await ping(t, client);
    // One whose echo it cannot get rid of, or whom it does not accept yet.
    const stuck = await connect(server.address, { owner: t, paused: true });
    void stuck.send(pattern(32 * MiB, 8)).catch(() => undefined);
    await settled(server);
    const used = await leastOfSeconds(server.process, SPIN_MS);
    t.true(used < SPIN_MS, `${used} ms`);
    await ping(t, client, 'still here');
  });

  test(`${name}: SIGTERM ends it while a reader that has stopped holds it up`, async (t) => {
    const server = await start(t);
    const stuck = await connect(server.address, { owner: t, paused: true });
    void stuck.send(pattern(32 * MiB, 8)).catch(() => undefined);
    await settled(server);
    server.process.kill('SIGTERM');
    t.deepEqual(await server.process.exited, stopped);
  });

  if (program.sideBySide) testSideBySide(program);
}

/** Resolves when the process has not used any time for a while. */
async function settled(server: Program): Promise<void> {
  for (let before = -1; before !== server.process.processorMs; ) {
    before = server.process.processorMs;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function testSideBySide({ name, start }: EchoProgram): void {
  test(`${name}: 500 clients at once are served, and those who stay after others left`, async (t) => {
    const server = await start(t);
    const clients = await Promise.all(
      Array.from({ length: 500 }, () => connect(server.address, { owner: t })),
    );
    for (const client of clients) await ping(t, client);
    const descriptors = descriptorCount(server.pid);
    const stay = clients.filter((_, index) => index % 4 === 0);
    for (const [index, client] of clients.entries()) {
      if (index % 4 === 1) client.end();
      if (index % 4 === 2) client.reset();
      if (index % 4 === 3) client.destroy();
    }
    await until(() => descriptorCount(server.pid) <= descriptors - 375);
    await Promise.all(stay.map((client, index) => echoes(t, client, [pattern(40_000, index)])));
  });

  test(`${name}: readers that stop do not hold up the others, and lose nothing`, async (t) => {
    const { address } = await start(t);
    const bytes = pattern(12 * MiB, 9);
    const slow = await Promise.all(
      Array.from({ length: 8 }, () => connect(address, { owner: t, paused: true })),
    );
    const sent = slow.map((client) => client.send(bytes));
    for (const client of slow) client.end();
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const client = await connect(address, { owner: t });
        for (let count = 0; count < 20; count += 1) await ping(t, client, `${index}: ${count}`);
      }),
    );
    for (const client of slow) client.resume();
    const answers = await Promise.all(slow.map((client) => client.readAll()));
    t.deepEqual(
      answers.map((answer) => difference(answer, bytes)),
      answers.map(() => ''),
    );
    await Promise.all(sent);
  });

  test(`${name}: descriptors that change hands under load never carry foreign bytes`, async (t) => {
    const { address } = await start(t);
    const next = random(11);
    let begun = 0;
    const visit = async (number: number): Promise<void> => {
      const client = await connect(address, { owner: t });
      const bytes = pattern(1 + Math.floor(next() ** 3 * 200_000), number);
      const fate = next();
      if (fate < 0.5) return echoes(t, client, [bytes]);
      void client.send(bytes).catch(() => undefined);
      // Whatever came of it before it goes is its own.
      const heard = await client.readExactly(1 + Math.floor(next() * bytes.length));
      t.is(difference(heard, bytes.subarray(0, heard.length)), '');
      if (fate < 0.8) client.reset();
      else client.destroy();
    };
    const lane = async (): Promise<void> => {
      while (begun < 1500) await visit(begun++);
    };
    await Promise.all(Array.from({ length: 24 }, lane));
  });
}
