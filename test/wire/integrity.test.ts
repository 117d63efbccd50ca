// Integrity over real sockets: no stream is torn, whatever the kernel takes at a time, and none has
// a byte of another's, however fast descriptors change hands.

import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../../host/index.ts';
import { native } from '../../host/kernel/native.ts';
import { parseAddress } from '../../host/listen/address.ts';
import { difference, pattern, random } from '../helpers/bytes.ts';
import type { Client } from '../helpers/client.ts';
import { compiledGuest, scriptedModule } from '../helpers/guests.ts';
import { until } from '../helpers/proc.ts';
import { type Running, startCli } from '../helpers/process.ts';
import { swallowed, type Tracing, traced, without } from '../helpers/strace.ts';
import { clientOver, connect, secured, way, wayFlags } from '../helpers/way.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const listen = wayFlags('127.0.0.1:0');
// Compiled by the import of its helper.
const scriptedPath = fileURLToPath(new URL('../../guests/scripted.wasm', import.meta.url));
const lineACallPath = fileURLToPath(new URL('../../guests/line-a-call.wasm', import.meta.url));
compiledGuest('line-a-call');
const quick = { drainQuietMs: 0, graceMs: 1000, lingerMs: 1000 };
const { constants } = native;
// These count the bytes of single calls, which TLS changes.
const clear = secured ? test.skip : test;

/** A client that takes little at a time: the server's sends fall short all the while. */
async function connectNarrow(
  t: ExecutionContext,
  address: string,
  paused = false,
): Promise<Client> {
  const to = parseAddress(address) as { host: string; port: number };
  const fd = native.connectTcp(to.host, to.port);
  native.setOption(fd, constants.SOL_SOCKET, constants.SO_RCVBUF, 32 * KiB);
  const client = await clientOver(new Socket({ fd, allowHalfOpen: true }), paused);
  client.opened.catch(() => undefined);
  t.teardown(() => client.destroy());
  return client;
}

async function echoes(t: ExecutionContext, client: Client, bytes: Uint8Array): Promise<void> {
  const sent = client.send(bytes);
  client.end();
  t.is(difference(await client.readAll(), bytes), '');
  await sent;
}

// First corruption: a send that was staged for a descriptor that is closed and used again.

const BROADCAST = /^(?:\* [sc]\d+ has (?:joined|left)|[sc]\d+: line \d+ [a-z]{40} end)$/;

/** What is wrong with what a member of the room has received; the last line may be cut off. */
function fault(heard: string): string {
  if (!'name? '.startsWith(heard.slice(0, 6)))
    return `began with ${JSON.stringify(heard.slice(0, 80))}`;
  const last = new Map<string, number>();
  for (const line of heard.slice(6).split('\n').slice(0, -1)) {
    if (!BROADCAST.test(line)) return `heard ${JSON.stringify(line)}`;
    const [, who, number] = /^(\w+): line (\d+)/.exec(line) ?? [];
    if (who === undefined) continue;
    if (Number(number) <= (last.get(who) ?? -1)) return `heard ${line} after ${last.get(who)}`;
    last.set(who, Number(number));
  }
  return '';
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const all = async (client: Client): Promise<string> =>
  String(await client.readExactly(client.waiting));

test('a line for a member that resets never reaches the one who gets its descriptor', async (t) => {
  const server = await startCli(t, [...listen, 'chat']);
  const next = random(1);
  const speakers = await Promise.all(
    [0, 1, 2].map(async (index) => {
      const speaker = await connect(server.address, { owner: t });
      await speaker.send(`s${index}\n`);
      return speaker;
    }),
  );
  const faults: string[] = [];
  let [begun, said, heardBytes] = [0, 0, 0];

  const visit = async (number: number): Promise<void> => {
    const client = await connect(server.address, { paused: next() < 0.2 });
    void client.closed;
    if (next() < 0.5) {
      // Nobody knows it yet, so nothing but the prompt can be meant for it.
      await tick();
      await tick();
      if (client.waiting > 6) faults.push(`before it joined: ${await all(client)}`);
    }
    await client.send(`c${number}\nline 0 ${'c'.repeat(40)} end\n`).catch(() => undefined);
    void speakers[number % speakers.length]!.send(`line ${said++} ${'s'.repeat(40)} end\n`);
    for (let ticks = next() * 12; ticks > 0; ticks -= 1) await tick();
    const heard = await all(client);
    heardBytes += heard.length;
    const wrong = fault(heard);
    if (wrong !== '') faults.push(`c${number} ${wrong}`);
    if (next() < 0.8) client.reset();
    else client.destroy();
  };
  const lane = async (): Promise<void> => {
    while (begun < 3000) await visit(begun++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));

  for (const [index, speaker] of speakers.entries()) {
    // Who cannot keep up is told, and misses lines; these three read all the time.
    await speaker.send('/quit\n');
    const heard = String(await speaker.readAll());
    t.true(heard.endsWith('* bye\n'), `s${index}`);
    const wrong = fault(heard.slice(0, -'* bye\n'.length));
    if (wrong !== '') faults.push(`s${index} ${wrong}`);
    speaker.end();
  }
  t.deepEqual(faults.slice(0, 10), []);
  t.true(heardBytes > 3000 * 'name? '.length, `${heardBytes}`);
});

test('events and output of connections that one callback aborts never reach their successors', async (t) => {
  const lines: string[] = [];
  const write = (_: unknown, text?: string): void => void lines.push(text ?? '');
  const logger = { debug: () => undefined, info: write, warn: write, error: write };
  await using server = await serve({
    protocol: scriptedModule,
    listen: way('127.0.0.1:0'),
    policy: { ...quick, logLinesPerSecond: 1_000_000 },
    logger,
  });
  const address = server.addresses[0]!;
  const group = 8;
  let opened = 0;
  // Numbers are given in the order of arrival, and a lone connect at a time has the next one.
  const join = async (): Promise<{ client: Client; number: number }> => {
    const client = await connect(address, { owner: t });
    const number = opened++;
    await client.send(`s.,hello ${number};`);
    const hello = `hello ${number}`;
    t.is(String(await client.readExactly(hello.length)), hello);
    return { client, number };
  };
  for (let round = 0; round < 60; round += 1) {
    const killer = await join();
    const victims = [];
    for (let index = 0; index < group; index += 1) victims.push(await join());
    lines.length = 0;
    // In one batch of events: the killer's, that sends to all and aborts them, and everyone's own.
    const orders = victims.map(({ number }) => `s${number},foreign;x${number},1;`).join('');
    void killer.client.send(orders);
    for (const { client, number } of victims) {
      client.send(`l1,mine ${number};`.repeat(50)).catch(() => undefined);
    }
    const newcomers = await Promise.all(
      victims.map(() => connect(address, { owner: t, paused: false })),
    );
    opened += group;
    for (const client of newcomers) {
      await client.send('s.,own;');
      const answer = await client.readExactly(3);
      t.is(String(answer), 'own');
      t.is(client.waiting, 0);
    }
    for (const line of lines) {
      const [, of, about] = /^data (\d+) .*?mine (\d+)/.exec(line) ?? [];
      if (of !== about) t.fail(`${line.slice(0, 100)}`);
    }
    for (const client of [...newcomers, killer.client]) {
      client.reset();
      await client.closed;
    }
    await Promise.all(victims.map(({ client }) => client.closed));
  }
  t.is(server.stats().guestTraps, 0);
});

// Second corruption: a short write, followed by another send.

test('many sends to one that takes little at a time arrive whole and in order', async (t) => {
  // A process of its own: room in the buffers comes between one send and the next.
  const room = ['--max-staged', '64MiB', '--max-backlog', '64MiB'];
  const server = await startCli(t, [...listen, scriptedPath, '--log-level', 'silent', ...room]);
  const client = await connectNarrow(t, server.address);
  let expected = '';
  let script = '';
  const sizes = [4 * KiB, 1, 70_000, 3, 17 * KiB, 16 * KiB, 100_000, 2, 300_000, 1];
  for (const [index, size] of sizes.entries()) {
    const letter = String.fromCharCode(97 + index);
    script += `b.,${size},3,${letter};s.,mark ${index}|;c.,copy ${index}|;`;
    expected += `${letter.repeat(3 * size)}mark ${index}|copy ${index}|`;
  }
  // All rounds in one callback, which has more to send than the kernel has room for.
  for (let callback = 0; callback < 2; callback += 1) {
    await client.send(`q;*20{${script}}`);
    for (let round = 0; round < 20; round += 1) {
      const heard = await client.readExactly(expected.length);
      t.is(difference(heard, Buffer.from(expected)), '', `round ${round}`);
    }
  }
  client.end();
  t.is((await client.readAll()).length, 0);
});

test('a large echo and then small ones to a paused reader are not torn', async (t) => {
  await using server = await serve({ protocol: 'echo', listen: way('127.0.0.1:0'), policy: quick });
  for (const open of [
    () => connect(server.addresses[0]!, { owner: t, paused: true }),
    () => connectNarrow(t, server.addresses[0]!, true),
  ]) {
    const client = await open();
    const parts = [4 * MiB, 4 * KiB, 1, 4 * KiB, 100_000, 1].map(pattern);
    const sent = Promise.all(parts.map((part) => client.send(part)));
    // Now what the server could not send waits in its own pool.
    while (server.stats().backlogBytes === 0) await tick();
    client.resume();
    client.end();
    t.is(difference(await client.readAll(), Buffer.concat(parts)), '');
    await sent;
  }
});

test('a client that stops and goes receives every byte', async (t) => {
  const server = await startCli(t, listen);
  const client = await connect(server.address, { owner: t, paused: true });
  const bytes = pattern(24 * MiB, 4);
  const sent = client.send(bytes);
  client.end();
  const other = await connect(server.address, { owner: t });
  for (let from = 0; from < bytes.length - 3 * MiB; from += 3 * MiB) {
    client.resume();
    const part = await client.readExactly(2 * MiB + 1);
    client.pause();
    // As long as it takes to serve somebody else.
    for (let turns = 0; turns < 5; turns += 1) {
      await other.send('x');
      await other.readExactly(1);
    }
    const rest = 3 * MiB - part.length;
    client.resume();
    const whole = Buffer.concat([part, await client.readExactly(rest)]);
    t.is(difference(whole, bytes.subarray(from, from + 3 * MiB)), '');
  }
  t.is(difference(await client.readAll(), bytes.subarray(-3 * MiB)), '');
  await sent;
});

test('400 connections to the binary at once never see a foreign byte', async (t) => {
  const server = await startCli(t, listen);
  const wrong = await Promise.all(
    Array.from({ length: 400 }, async (_, index) => {
      const client = await connect(server.address, { owner: t });
      const bytes = pattern(20_000 + index, index);
      const parts = [bytes.subarray(0, 7000), bytes.subarray(7000, 7001), bytes.subarray(7001)];
      const sent = Promise.all(parts.map((part) => client.send(part)));
      client.end();
      const answer = await client.readAll();
      await sent;
      return difference(answer, bytes);
    }),
  );
  t.deepEqual(
    wrong.filter((text) => text !== ''),
    [],
  );
});

// The same with faults of system calls.

const CALLS = 'accept4,recvfrom,sendto,sendmsg,epoll_wait,epoll_pwait';

async function tracedServer(
  t: ExecutionContext,
  faults: string[],
  args: string[] = [],
): Promise<{ server: Running; tracing: Tracing } | null> {
  const tracing = traced(t, CALLS, faults);
  if (tracing === null) return null;
  // In one thread, so that no call's line in the log is split by another's.
  const alone = ['--workers', '0'];
  const server = await startCli(t, [...listen, ...alone, ...args], { prefix: tracing.prefix });
  return { server, tracing };
}

clear(
  'under strace: a send that falls short by all but one byte costs the stream nothing else',
  async (t) => {
    const found = await tracedServer(t, ['sendto,sendmsg:retval=1:when=2+3']);
    if (found === null) return t.pass();
    const { server, tracing } = found;
    const client = await connect(server.address, { owner: t });
    const bytes = pattern(3 * MiB, 5);
    const sent = client.send(bytes);
    client.end();
    const heard = await client.readAll();
    await sent;
    const gaps = swallowed(tracing, 0);
    t.true(gaps.length >= 3, `${gaps.length}`);
    t.is(difference(heard, without(bytes, gaps)), '');
  },
);

clear(
  'under strace: a gathered send that ends within a piece goes on with the rest of it',
  async (t) => {
    // Three lines in one segment are answered in one call of three pieces: it ends in one of them.
    for (const length of [4, 9, 14]) {
      const found = await tracedServer(t, [`sendmsg:retval=${length}:when=2+2`], [lineACallPath]);
      if (found === null) return t.pass();
      const { server, tracing } = found;
      const client = await connect(server.address, { owner: t });
      const rounds = Array.from({ length: 30 }, (_, round) =>
        ['a', 'b', 'c'].map((line) => `${line} ${100 + round}\n`).join(''),
      );
      for (const round of rounds) {
        const before = client.waiting;
        await client.send(round);
        await until(() => client.waiting > before);
      }
      client.end();
      const heard = await client.readAll();
      const gaps = swallowed(tracing, 0);
      t.true(gaps.length >= 3, `${gaps.length}`);
      const expected = without(Buffer.from(rounds.join('')), gaps);
      t.is(difference(heard, expected), '', `cut after ${length}`);
    }
  },
);

clear('under strace: sends and receives that would block now and then lose nothing', async (t) => {
  const found = await tracedServer(t, [
    'sendto,sendmsg:error=EAGAIN:when=1+2',
    'recvfrom:error=EAGAIN:when=1+3',
  ]);
  if (found === null) return t.pass();
  const { server, tracing } = found;
  await Promise.all(
    [1, 2, 3].map(async (seed) => {
      const client = await connect(server.address, { owner: t });
      await echoes(t, client, pattern(2 * MiB, seed));
    }),
  );
  t.true(tracing.injected(/^send(to|msg)$/) > 3);
  t.true(tracing.injected(/^recvfrom$/) > 3);
});

clear('under strace: interrupted calls are made again, and nobody notices', async (t) => {
  const found = await tracedServer(t, [
    'epoll_wait,epoll_pwait:error=EINTR:when=1+2',
    'accept4:error=EINTR:when=1+2',
    'recvfrom:error=EINTR:when=1+2',
    'sendto,sendmsg:error=EINTR:when=1+2',
  ]);
  if (found === null) return t.pass();
  const { server, tracing } = found;
  for (const seed of [1, 2, 3]) {
    const client = await connect(server.address, { owner: t });
    await client.send('x');
    t.is(String(await client.readExactly(1)), 'x');
    await echoes(t, client, pattern(MiB, seed));
  }
  for (const call of [/^epoll_p?wait$/, /^accept4$/, /^recvfrom$/, /^send(to|msg)$/]) {
    t.true(tracing.injected(call) >= 3, `${call}: ${tracing.injected(call)}`);
  }
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.is(server.stderr, '');
});

clear('under strace: an error of the network ends the connection that it belongs to', async (t) => {
  for (const fault of ['recvfrom:error=ETIMEDOUT:when=2', 'sendto:error=EHOSTUNREACH:when=2']) {
    const found = await tracedServer(t, [fault]);
    if (found === null) return t.pass();
    const { server, tracing } = found;
    const [a, b] = [
      await connect(server.address, { owner: t }),
      await connect(server.address, { owner: t }),
    ];
    await a.send('1');
    t.is(String(await a.readExactly(1)), '1');
    await b.send('2');
    t.is(await b.closed, 'ECONNRESET');
    await echoes(t, a, pattern(MiB, 6));
    t.is(tracing.injected(/^(recvfrom|sendto)$/), 1);
    t.is(server.stderr, '');
  }
});
