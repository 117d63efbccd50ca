// Log: what lines say, and that neither they nor who reads them can hold the server up.

import { execFileSync } from 'node:child_process';
import { closeSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { LOG_DEBUG, LOG_ERROR, LOG_INFO, LOG_WARN } from '../../assembly/abi.ts';
import { native } from '../../host/kernel/native.ts';
import { LogOutput } from '../../host/logs/output.ts';
import { RateLimit } from '../../host/rate-limit.ts';
import { bytesText, type Logger, logAt, silent } from '../../host/server/logger.ts';
import { type Client, connect } from '../helpers/client.ts';
import { shell, startCli, temporary } from '../helpers/process.ts';

const listen = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--grace', '1s'];
const DRAINED = { code: 0, signal: null };

async function echoes(client: Client, text: string): Promise<boolean> {
  await client.send(text);
  return String(await client.readExactly(text.length)) === text;
}

test('bytes are shown as Python shows them', (t) => {
  t.is(bytesText(Buffer.from('hello')), 'hello');
  t.is(
    bytesText(Buffer.from('a\r\n\t\\\0\x1b[1m\x7f\x80\xff', 'latin1')),
    'a\\r\\n\\t\\\\\\x00\\x1b[1m\\x7f\\x80\\xff',
  );
  t.is(bytesText(new Uint8Array()), '');
});

test('at most 4,096 bytes are shown, and how many there were', (t) => {
  t.is(bytesText(new Uint8Array(4096).fill(0x61)), 'a'.repeat(4096));
  t.is(bytesText(new Uint8Array(4097).fill(0x61)), `${'a'.repeat(4096)}… (4097 bytes)`);
});

test("a guest's level becomes the logger's, and an unknown one is not lost", (t) => {
  const seen: string[] = [];
  const logger: Logger = {
    debug: (_, message) => seen.push(`debug ${message}`),
    info: (_, message) => seen.push(`info ${message}`),
    warn: (_, message) => seen.push(`warn ${message}`),
    error: (_, message) => seen.push(`error ${message}`),
  };
  for (const level of [LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_DEBUG - 1, LOG_ERROR + 1]) {
    logAt(logger, level, {}, `${level}`);
    logAt(silent, level, {}, `${level}`);
  }
  t.deepEqual(
    seen.map((line) => line.split(' ')[0]),
    ['debug', 'info', 'warn', 'error', 'debug', 'error'],
  );
  t.false(silent.isLevelEnabled?.('error'));
});

test('so many lines are let through in a second, and as many in the next', (t) => {
  let now = 5000;
  const limit = new RateLimit(2, () => now);
  const admitted = (): boolean[] => [limit.admit(), limit.admit(), limit.admit()];
  t.deepEqual(admitted(), [true, true, false]);
  now = 5999;
  t.deepEqual(admitted(), [false, false, false]);
  now = 6000;
  t.deepEqual(admitted(), [true, true, false]);
  t.false(new RateLimit(0, () => now).admit());
});

function pipe(): [reader: number, writer: number] {
  const ends = native.pipe();
  if (typeof ends === 'number') throw native.systemError('pipe', ends);
  return ends;
}

function readSome(fd: number): string {
  const buffer = Buffer.alloc(65_536);
  return buffer.toString('utf8', 0, readSync(fd, buffer));
}

test('lines are written together when the event loop turns', async (t) => {
  const [reader, writer] = pipe();
  const output = new LogOutput(writer, { lineOf: (text) => `${text}\n` });
  t.teardown(() => [reader, writer].forEach(closeSync));
  output.write('one\n');
  output.write('zwei ä\n');
  t.throws(() => readSome(reader), { code: 'EAGAIN' });
  await output.end();
  t.is(readSome(reader), 'one\nzwei ä\n');
});

test('a full pipe holds nobody up, and what it has no room for comes later, in order', async (t) => {
  const [reader, writer] = pipe();
  const output = new LogOutput(writer, { lineOf: (text) => `${text}\n` });
  t.teardown(() => [reader, writer].forEach(closeSync));
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`);
  for (const line of lines) output.write(line);
  output.flush();
  output.write('after\n');
  const ended = output.end();
  let text = '';
  while (!text.endsWith('after\n')) {
    try {
      text += readSome(reader);
    } catch (error) {
      t.is((error as NodeJS.ErrnoException).code, 'EAGAIN');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await ended;
  t.is(text, `${lines.join('')}after\n`);
});

test('what a stuck reader leaves is bounded, and the end does not wait for it for ever', async (t) => {
  const [reader, writer] = pipe();
  const output = new LogOutput(writer, { lineOf: (text) => `${text}\n` });
  t.teardown(() => [reader, writer].forEach(closeSync));
  const line = `${'x'.repeat(999)}\n`;
  for (let count = 0; count < 10_000; count += 1) output.write(line);
  await output.end();
  let received = 0;
  t.throws(
    () => {
      for (;;) {
        received += readSome(reader).length;
        output.flush();
      }
    },
    { code: 'EAGAIN' },
  );
  t.true(received > 100_000 && received <= 1024 * 1024, `${received}`);
});

test('what there was no room for is counted, and told once there is', async (t) => {
  const [reader, writer] = pipe();
  const output = new LogOutput(writer, { lineOf: (text) => `${text}\n` });
  t.teardown(() => [reader, writer].forEach(closeSync));
  const line = `${'x'.repeat(999)}\n`;
  for (let count = 0; count < 1100; count += 1) output.write(line);
  let text = '';
  const read = (until: RegExp) => {
    while (!until.test(text)) {
      output.flush();
      text += readSome(reader);
    }
  };
  read(/^(?:x{999}\n){1048}$/);
  output.write('after\n');
  await output.end();
  read(/after\n$/);
  t.is(text.replaceAll(line, ''), '52 lines were dropped\nafter\n');
});

test('a line that is too long is cut, and says by how much', async (t) => {
  const [reader, writer] = pipe();
  const output = new LogOutput(writer, { lineOf: (text) => `cut: ${text}\n` });
  t.teardown(() => [reader, writer].forEach(closeSync));
  output.write(`${'x'.repeat(2_000_000)}\n`);
  await output.end();
  t.is(readSome(reader), `cut: ${'x'.repeat(8192)}… (1991809 more bytes)\n`);
});

test('lines for nobody are dropped, and later ones get their chance', async (t) => {
  const [reader, writer] = pipe();
  const output = new LogOutput(writer, { lineOf: (text) => `${text}\n` });
  closeSync(reader);
  t.teardown(() => closeSync(writer));
  for (let count = 0; count < 3; count += 1) {
    output.write('to nobody\n');
    await output.end();
  }
  t.pass();
});

/** The lines so far, without level and time. */
const linesOf = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { level: _level, time: _time, ...rest } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });

test('--log-data shows each client, its address and its data, at whatever level', async (t) => {
  const server = await startCli(t, [...listen, '--log-data']);
  const client = await connect(server.address, { owner: t });
  t.true(await echoes(client, 'hello\r\n\x1b'));
  const { localAddress } = client;
  client.end();
  await client.readAll();
  await server.written('stderr', /"msg":"closed"/);
  const lines = linesOf(server.stderr);
  const { id } = lines[0] as { id: number };
  const [of, end] = [
    { id, peer: localAddress },
    { reason: 'peer', listener: '127.0.0.1:0' },
  ];
  const closed = lines.pop();
  t.deepEqual(lines, [
    { ...of, msg: 'connected' },
    { ...of, data: 'hello\\r\\n\\x1b', msg: 'received' },
  ]);
  t.like(closed, { ...of, ...end, bytesIn: 8, bytesOut: 8, msg: 'closed' });
});

test('--log-level debug shows each client, and nothing of what it sends', async (t) => {
  const server = await startCli(t, [...listen, '--log-level', 'debug']);
  const client = await connect(server.address, { owner: t });
  t.true(await echoes(client, 'a secret'));
  client.end();
  await client.readAll();
  await server.written('stderr', /"msg":"closed"/);
  t.deepEqual(
    linesOf(server.stderr).map((line) => (line as { msg: string }).msg),
    ['connected', 'closed'],
  );
  t.notRegex(server.stderr, /secret/);
});

test('other levels show no clients, and silent nothing but where it listens', async (t) => {
  for (const level of ['info', 'warn', 'error', 'silent']) {
    const server = await startCli(t, [...listen, '--log-level', level]);
    const client = await connect(server.address, { owner: t });
    t.true(await echoes(client, 'hello'));
    client.end();
    await client.readAll();
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, DRAINED);
    t.is(server.stdout, `listening on ${server.address}\n`);
    t.is(server.stderr, '');
  }
});

for (const workers of ['0', '1']) {
  test(`a frame that is too long is a warning without its data, so many a second: ${workers} workers`, async (t) => {
    const limits = ['--max-frame', '1KiB', '--log-lines-per-second', '1'];
    const server = await startCli(t, [...listen, ...limits, '--workers', workers, 'lines']);
    for (let count = 0; count < 10; count += 1) {
      const client = await connect(server.address, { owner: t });
      await client.send('secret'.repeat(200));
      await client.readAll();
      client.end();
    }
    await server.written('stderr', /a whole maxFrameBytes/);
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, DRAINED);
    const lines = server.stderr.trimEnd().split('\n');
    let leftOut = 0;
    for (const line of lines) {
      const { level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
      t.is(level, 40);
      if (rest.leftOut !== undefined) {
        leftOut += Number(rest.leftOut);
        t.is(msg, `${rest.leftOut} lines left out`);
        continue;
      }
      t.is(msg, 'closed: the guest used nothing of a whole maxFrameBytes');
      t.like(rest, { reason: 'frame', listener: '127.0.0.1:0' });
      t.regex(String(rest.peer), /^127\.0\.0\.1:\d+$/);
      leftOut += 1;
    }
    t.is(leftOut, 10, 'each is a line, or is counted in one');
    t.notRegex(server.stderr, /secret/);
  });
}

const redirects = [
  ['standard error closed', '2>&-', true],
  ['standard error full', '2>/dev/full', true],
  ['standard error that nobody reads', '2<>fifo', true],
  ['standard error whose reader is gone', '2>fifo', true],
  ['standard output closed', '>&-', false],
  ['standard output full', '>/dev/full', false],
  ['both closed', '>&- 2>&-', false],
  ['both full', '>/dev/full 2>&1', false],
] as const;

for (const [title, redirect, printed] of redirects) {
  test(`with ${title} it serves and drains`, async (t) => {
    const folder = temporary(t);
    execFileSync('mkfifo', [path.join(folder, 'fifo')]);
    // Opening a FIFO to write wants a reader, who leaves at once.
    const reader = redirect === '2>fifo' ? ': <fifo & ' : '';
    const prefix = [...shell(redirect)];
    prefix[2] = `${reader}${prefix[2]}`;
    const address = `unix:${folder}/s`;
    const server = await startCli(
      t,
      [...listen, '--listen', address, '--log-data'],
      printed ? { prefix, cwd: folder } : { prefix, cwd: folder, lines: 0 },
    );
    const client = await untilListening(address);
    t.teardown(() => client.destroy());
    // More than a pipe holds, and than may wait for it.
    const text = '\0'.repeat(1000);
    for (let count = 0; count < 400; count += 1) t.true(await echoes(client, text));
    client.end();
    await client.readAll();
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, DRAINED);
  });
}

/** For a server that cannot say when it listens. */
async function untilListening(address: string): Promise<Client> {
  for (;;) {
    try {
      return await connect(address);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!['ENOENT', 'ECONNREFUSED'].includes(code)) throw error;
    }
  }
}

test('lines that stand in a file are whole, and behind what was there', async (t) => {
  const file = path.join(temporary(t), 'log');
  const prefix = shell(`2>>'${file}'`);
  for (let run = 0; run < 2; run += 1) {
    const server = await startCli(t, [...listen, '--log-data'], { prefix });
    const client = await connect(server.address, { owner: t });
    for (let count = 0; count < 10; count += 1) t.true(await echoes(client, 'hello'));
    client.end();
    await client.readAll();
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, DRAINED);
  }
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  t.is(lines.filter((line) => (JSON.parse(line) as { msg: string }).msg === 'received').length, 20);
});
