// What is told of connections that the host ends for a limit or a fault, and of guests that fail.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type GuestFailure, type ServeOptions, type Server, serve } from '../../host/index.ts';
import type { Logger } from '../../host/server/logger.ts';
import { connect } from '../helpers/client.ts';
import { scriptedModule } from '../helpers/guests.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { temporary } from '../helpers/process.ts';

type Line = Record<string, unknown>;

const KiB = 1024;
const MiB = 1024 * KiB;

/** A server, and its lines as they come: `line` resolves with the first one that has the text. */
async function watched(
  t: ExecutionContext,
  options: Partial<ServeOptions>,
): Promise<{ server: Server; lines: Line[]; line: (text: RegExp) => Promise<Line> }> {
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  const ignore = (): void => undefined;
  const at = (level: string) => (fields: object, msg: string) => {
    lines.push({ level, msg, ...fields });
    for (const look of watchers) look();
  };
  const logger: Logger = {
    debug: ignore,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isLevelEnabled: (level) => level !== 'debug',
  };
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    logger,
    ...options,
    // Who lingers has time: a client that is late with its end would be reset, which is another outcome.
    policy: { graceMs: 100, lingerMs: 60_000, callbackTimeoutMs: 500, ...options.policy },
  });
  t.teardown(async () => {
    await server.close();
  });
  const line = (text: RegExp): Promise<Line> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = lines.find(({ msg }) => text.test(String(msg)));
        if (found === undefined) return;
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
    });
  return { server, lines, line };
}

for (const workers of [0, 1]) {
  const title = `workers ${workers}`;

  test(`a peer that does not finish its message is a line: ${title}`, async (t) => {
    const policy = { frameTimeoutMs: 50 };
    const { server, lines, line } = await watched(t, { protocol: 'lines', workers, policy });
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('a secret');
    const { id, durationMs, ...told } = await line(/^closed: .* incomplete for frameTimeoutMs/);
    const msg = 'closed: what the peer sent stayed incomplete for frameTimeoutMs';
    const reason = 'frame timeout';
    const peer = client.localAddress;
    const bytes = { bytesIn: 8, bytesOut: 0 };
    t.deepEqual(told, { level: 'warn', msg, peer, reason, listener: '127.0.0.1:0', ...bytes });
    t.is(typeof id, 'number');
    t.true(Number(durationMs) >= 50);
    t.false(JSON.stringify(lines).includes('secret'));
  });

  test(`a peer that takes nothing is a line: ${title}`, async (t) => {
    const policy = { writeTimeoutMs: 100, highWaterBytes: 32 * MiB, maxBacklogBytes: 64 * MiB };
    const { server, line } = await watched(t, { protocol: scriptedModule, workers, policy });
    const client = await connect(server.addresses[0]!, { owner: t, paused: true });
    await client.send('b .,1000000,15,x;');
    t.like(await line(/^closed: .* writeTimeoutMs$/), { reason: 'write timeout', level: 'warn' });
  });

  test(`a peer for whom too much waits is a line: ${title}`, async (t) => {
    const policy = { maxBacklogBytes: 512 * KiB, highWaterBytes: 66 * KiB };
    const { server, line } = await watched(t, { protocol: scriptedModule, workers, policy });
    const client = await connect(server.addresses[0]!, { owner: t, paused: true });
    await client.send('b .,1000000,15,x;');
    t.like(await line(/^closed: more than maxBacklogBytes/), { reason: 'limit', level: 'warn' });
  });

  test(`a connection that a trap has cost is a line, and the trap is one with all that is known: ${title}`, async (t) => {
    const { server, line } = await watched(t, { protocol: hazard(), workers });
    const failed = new Promise<GuestFailure>((resolve) => server.once('restart', resolve));
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('T');
    const { id, callback, address, source, reason } = await failed;
    t.deepEqual([callback, address, source], ['on_data', client.localAddress, null]);
    t.regex(reason, /unreachable/);
    const error = await line(/guest failed/);
    const peer = client.localAddress;
    t.deepEqual(error, {
      level: 'error',
      msg: 'guest failed and was replaced',
      ...{ reason, callback: 'on_data', id, peer },
    });
    t.like(await line(/^closed: the guest failed/), { id, reason: 'trap', peer });
  });

  test(`who ends of its own accord, or is idle, is no line: ${title}`, async (t) => {
    const { server, lines } = await watched(t, { workers, policy: { idleTimeoutMs: 500 } });
    const closed = new Promise((resolve) => server.once('close', resolve));
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('hello');
    await client.readAll();
    client.end();
    const peer = client.localAddress;
    t.like(await closed, { reason: 'idle', address: peer, listener: '127.0.0.1:0' });
    await server.close();
    t.deepEqual(lines, []);
  });

  test(`who resets the connection is known to those who are told of its end: ${title}`, async (t) => {
    const { server, lines } = await watched(t, { workers });
    const closed = new Promise((resolve) => server.once('close', resolve));
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('hello');
    await client.readExactly(5);
    const address = client.localAddress;
    client.reset();
    t.like(await closed, { reason: 'error', address });
    await server.close();
    t.deepEqual(lines, [], 'everyday life');
  });
}

test('a guest that does not return is told with its callback and its peer, and so is the connection', async (t) => {
  const { server, line } = await watched(t, { protocol: hazard() });
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('H');
  const peer = client.localAddress;
  const { id, ...told } = await line(/guest failed/);
  t.deepEqual(told, {
    level: 'error',
    msg: 'guest failed and was replaced',
    reason: 'a callback did not return within 500 ms',
    ...{ callback: 'on_data', peer },
  });
  t.like(await line(/^closed: the guest did not return/), { id, reason: 'hung', peer });
});

const SOURCE = `export function wasmpoll_abi_1(): void {}
export function allocate(bytes: i32): usize {
  return heap.alloc(bytes);
}
export function on_data(connection: i32, state: usize, data: usize, length: i32): i32 {
  if (load<u8>(data) == 0x54)
    unreachable();
  return length;
}
`;

test("a trap is told with the line of the source, if the module's map lies beside it", async (t) => {
  const folder = temporary(t);
  const asc = fileURLToPath(
    new URL('../../../node_modules/assemblyscript/bin/asc.js', import.meta.url),
  );
  writeFileSync(path.join(folder, 'mine.ts'), SOURCE);
  const options = ['--runtime', 'stub', '--sourceMap', '-o', 'mine.wasm'];
  execFileSync(process.execPath, [asc, 'mine.ts', ...options], { cwd: folder });
  const { server, line } = await watched(t, { protocol: path.join(folder, 'mine.wasm') });
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('T');
  t.like(await line(/guest failed/), { source: 'mine.ts:7:5', callback: 'on_data' });
});

test('a map that is not there, is none, or is not beside the module leaves the line without a source', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 'm.wasm');
  const named = (url: string): Uint8Array => {
    const bytes = (text: string): number[] => [text.length, ...Buffer.from(text)];
    const content = [...bytes('sourceMappingURL'), ...bytes(url)];
    return Buffer.concat([hazard(), Uint8Array.of(0, content.length, ...content)]);
  };
  mkdirSync(path.join(folder, 'folder.map'));
  writeFileSync(path.join(folder, 'wrong.map'), '{"version":3,"sources":[],"mappings":"A*"}');
  execFileSync('mkfifo', [path.join(folder, 'fifo.map')]);
  for (const url of [
    'gone.map',
    'folder.map',
    'wrong.map',
    'fifo.map',
    '/etc/passwd',
    'http://x/',
  ]) {
    writeFileSync(file, named(url));
    const { server, line } = await watched(t, { protocol: file });
    const client = await connect(server.addresses[0]!, { owner: t });
    await client.send('T');
    t.false('source' in (await line(/guest failed/)), url);
    await server.close();
  }
});
