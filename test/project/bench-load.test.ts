// The programs of the bench: the load generator finds what is wrong with a server, the reference
// serves as it should, and the bench runs with what is there. Nothing is timed.

import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { BenchError, Child } from '../../bench/load/child.ts';
import { compileC, root } from '../../bench/load/compile.ts';
import { Holders, holdConnections } from '../../bench/load/holders.ts';
import { type Server, startServer } from '../../bench/load/measure.ts';
import { pattern } from '../helpers/bytes.ts';
import { connect } from '../helpers/client.ts';
import { descriptorCount, until } from '../helpers/proc.ts';
import { type Owner, refused, runNode, temporary } from '../helpers/process.ts';

const load = await compileC('load/load');
const reference = await compileC('peers/reference');

const ended = (child: Child): Promise<number | string> => child.ended;

/** An echo server with a fault: what it sends for the bytes that came, given their position. */
function peer(
  t: Owner,
  answer: (data: Buffer, at: number, socket: Socket) => Uint8Array | null,
): Promise<string> {
  const server = createServer((socket) => {
    let at = 0;
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      const bytes = answer(data, at, socket);
      at += data.length;
      if (bytes !== null) socket.write(bytes);
    });
  });
  t.teardown(() => void server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`127.0.0.1:${(server.address() as { port: number }).port}`);
    });
  });
}

interface Ended {
  readonly status: number | string;
  readonly stderr: string;
}

/** Runs the load generator to its end. */
const loaded = (...options: string[]): Promise<Ended> => runLoad(0.3, options);

/** Runs it until it finds a fault, which on a busy machine takes its time. */
const faultFound = (...options: string[]): Promise<Ended> => runLoad(60, options);

async function runLoad(seconds: number, options: readonly string[]): Promise<Ended> {
  const child = new Child([load, `seconds=${seconds}`, 'warmup=0', ...options]);
  const status = await ended(child);
  return { status, stderr: child.stderr };
}

test('the load finds one corrupted byte, deep in the stream', async (t) => {
  const corrupt = 100_000;
  const address = await peer(t, (data, at) => {
    if (at <= corrupt && corrupt < at + data.length) data[corrupt - at]! ^= 1;
    return data;
  });
  const { status, stderr } = await faultFound(`to=${address}`, 'connections=1', 'bytes=10000');
  t.is(status, 1);
  t.regex(stderr, /^load: a wrong byte came after \d+ bytes\n$/);
});

test('the load finds a whole message that is left out', async (t) => {
  const address = await peer(t, (data, at) => (at < 640 ? data : data.subarray(64)));
  const { status, stderr } = await faultFound(`to=${address}`, 'connections=1', 'depth=16');
  t.is(status, 1);
  t.regex(stderr, /^load: a wrong byte came after \d+ bytes\n$/);
});

test('the load finds bytes that nobody sent', async (t) => {
  const address = await peer(t, (data, at) => (at < 640 ? data : Buffer.concat([data, data])));
  const { status, stderr } = await faultFound(`to=${address}`, 'connections=1');
  t.is(status, 1);
  t.regex(stderr, /^load: more came back than was sent after \d+ bytes\n$/);
});

test("the load finds another connection's bytes", async (t) => {
  const sockets = new Set<Socket>();
  const address = await peer(t, (data, at, socket) => {
    sockets.add(socket);
    if (at < 640 || sockets.size < 2) return data;
    for (const other of sockets) if (other !== socket) other.write(data);
    return null;
  });
  const { status, stderr } = await faultFound(`to=${address}`, 'connections=2');
  t.is(status, 1);
  t.regex(stderr, /^load: (a wrong byte came|more came back than was sent) after \d+ bytes\n$/);
});

test('the load does not take a closed connection for an answer', async (t) => {
  const address = await peer(t, (data, at, socket) => {
    if (at >= 640) socket.destroy();
    return data;
  });
  const { status, stderr } = await faultFound(`to=${address}`, 'connections=1');
  t.is(status, 1);
  t.regex(stderr, /^load: (the server closed a connection after \d+ bytes|recv: .+|send: .+)\n$/);
});

for (const option of ['depth=0', 'depth=two', 'deep=2', 'to=localhost:1', 'to=127.0.0.1:0', 'x']) {
  test(`the load refuses ${option} in one line`, async (t) => {
    const { status, stderr } = await loaded(option);
    t.is(status, 2);
    t.regex(stderr, /^load: cannot use '[^\n]*; wanted to=HOST:PORT and connections=[^\n]+\n$/);
    t.true(stderr.includes(`'${option}'`));
  });
}

async function referenceServer(t: Owner, ...args: string[]): Promise<Server> {
  const server = await startServer([reference, ...args], []);
  t.teardown(() => server.child.stop());
  return server;
}

test("what the load tells: messages, percentiles that ascend, and the server's processor time", async (t) => {
  const { address, pid } = await referenceServer(t);
  const output = await new Child([load, `to=${address}`, `pid=${pid}`, 'seconds=0.3']).result();
  const { messages, windowNs, serverNs, loadNs, latencyUs } = JSON.parse(output);
  t.true(messages > 0 && serverNs > 0 && loadNs > 0);
  t.true(windowNs >= 0.3e9);
  // Objects have their whole numbers first.
  const percents = Object.keys(latencyUs).sort((a, b) => Number(a) - Number(b));
  const values = percents.map((percent) => latencyUs[percent] as number);
  t.is(values.length, 8);
  t.deepEqual(
    values,
    [...values].sort((a, b) => a - b),
  );
});

test('a latency is what passes between a message and its echo', async (t) => {
  const address = await peer(t, (data, _at, socket) => {
    setTimeout(() => socket.write(data), 20);
    return null;
  });
  const shape = ['connections=3', 'depth=2', 'seconds=0.3'];
  const output = await new Child([load, `to=${address}`, ...shape]).result();
  const { messages, windowNs, latencyUs } = JSON.parse(output);
  // Timers have whole milliseconds, and buckets are 1 % wide.
  t.true(latencyUs['50'] > 18_500, output);
  t.true(messages <= (3 * 2 * (windowNs + 40e6)) / 18.5e6, output);
});

for (const [shape, options] of Object.entries({
  'large messages': ['connections=4', 'bytes=3000000'],
  'a deep pipeline': ['connections=3', 'bytes=1000', 'depth=64'],
  'connections that come and go': ['connections=5', 'cycle=1'],
  'few active among many': ['connections=500', 'active=3'],
})) {
  test(`the reference echoes ${shape}`, async (t) => {
    const { address } = await referenceServer(t, '131072');
    const { status, stderr } = await loaded(`to=${address}`, ...options);
    t.is(stderr, '');
    t.is(status, 0);
  });
}

test('held connections stay until they are released, and load.c says when they are open', async (t) => {
  const { address } = await referenceServer(t);
  const child = new Child([load, `to=${address}`, 'connections=150', 'hold=1']);
  await child.shows(/^\{"open":150\}\n/);
  child.release();
  t.is(await ended(child), 0);
});

test('as many connections are held as are asked for, and none when they are released', async (t) => {
  const server = await referenceServer(t);
  const held = () => descriptorCount(server.pid) - before;
  const before = descriptorCount(server.pid);
  const holders = new Holders([load]);
  await holders.open(server, 20);
  t.is(held(), 20);
  await holders.open(server, 30);
  t.is(held(), 50);
  await holders.release();
  await until(() => held() === 0);
});

test('what a server has resident is taken without connections, and at each count', async (t) => {
  const held = await holdConnections([load], await referenceServer(t), [20, 50]);
  t.deepEqual(
    held.map(({ connections }) => connections),
    [0, 20, 50],
  );
  t.true(held.every(({ residentBytes }) => residentBytes > 0));
});

test('the reference keeps what a slow reader does not take, and serves others meanwhile', async (t) => {
  const { address } = await referenceServer(t, '65536');
  const slow = await connect(address, { paused: true, owner: t });
  const bytes = pattern(12 * 1024 * 1024, 1);
  const sent = slow.send(bytes).then(() => slow.end());
  const other = await connect(address, { owner: t });
  await other.send('hello');
  t.is(String(await other.readExactly(5)), 'hello');
  slow.resume();
  t.true((await slow.readAll()).equals(bytes));
  await sent;
});

test('a reset does not end the reference', async (t) => {
  const { address } = await referenceServer(t);
  const rude = await connect(address, { owner: t });
  await rude.send('hello');
  rude.reset();
  const { status } = await loaded(`to=${address}`);
  t.is(status, 0);
});

const bench = path.join(root, 'dist', 'bench', 'run.js');

test('the bench runs with what is there, and says what is missing', async (t) => {
  const args = ['--quick', '--rounds', '1', '--seconds', '0.2', '--only', '1x64B'];
  const some = ['--contenders', 'wasmpoll-0,go,bun,uvloop,node-pipe'];
  // Neither a compiler nor any other program is found.
  const env = { PATH: temporary(t) };
  const { code, stdout, stderr } = await runNode([bench, ...args, ...some], { env });
  t.is(stderr, '');
  t.is(code, 0);
  t.regex(stdout, /^not pinned: there is (no taskset|only one core)/m);
  t.regex(stdout, /^Go net +missing: no go /m);
  t.regex(stdout, /^Bun +missing +—/m);
  t.regex(stdout, /^C, epoll +[\d,]+ +1\.00 \(1\.00–1\.00\)/m);
  t.regex(stdout, /^wasmpoll, workers: 0 +[\d,]+ +\d\.\d\d \(/m);
  t.regex(stdout, /^Node net, pipe +[\d,]+ +\d\.\d\d \(/m);
  t.regex(stdout, /^Targets: \d of \d targets are met$/m);
});

test('a missing compiler is named in one line, with what to do', async (t) => {
  await t.throwsAsync(compileC('load/load', { compiler: 'no-such-cc', folder: temporary(t) }), {
    instanceOf: BenchError,
    message: 'there is no no-such-cc: install a C compiler (gcc), or set CC',
  });
});

test('the bench refuses wrong options before it measures', async (t) => {
  const outcome = await runNode([bench, '--only', 'nothing']);
  refused(
    t,
    { ...outcome, stderr: outcome.stderr.replace(/^bench/, 'wasmpoll') },
    2,
    /no 'nothing'/,
  );
});
