// Where lines go: forms for people and programs, the access log, its rotation, and places that take nothing.

import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { logAccess } from '../../host/logs/access-log.ts';
import { prettyLine } from '../../host/logs/pretty.ts';
import { connect } from '../helpers/client.ts';
import { type Running, refused, runCli, startCli, temporary, works } from '../helpers/process.ts';

const listen = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--grace', '1s'];
const ESC = '\x1b';
const DRAINED = { code: 0, signal: null };

/** A client that is served, and gone. @returns its address */
async function visit(t: ExecutionContext, server: Running, text = 'hello'): Promise<string> {
  const client = await connect(server.address, { owner: t });
  await client.send(text);
  t.is(String(await client.readExactly(text.length)), text);
  const { localAddress } = client;
  client.end();
  await client.readAll();
  return localAddress;
}

const parsed = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('a line for people has its time, its level, its text and its fields', (t) => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
  const line = JSON.stringify({
    level: 40,
    time: at,
    id: 3,
    peer: 'a:1',
    why: 'a b',
    msg: 'closed',
  });
  t.is(prettyLine(line, false), '03:04:05.006 WARN  closed id=3 peer=a:1 why="a b"\n');
  const coloured = prettyLine(line, true);
  t.true(coloured.includes('\x1b[33mWARN \x1b[0m'));
  const plain = coloured.replaceAll(new RegExp(`${ESC}\\[\\d+m`, 'g'), '');
  t.is(plain, prettyLine(line, false));
});

test('a line for people has nothing that a terminal would obey', (t) => {
  const line = JSON.stringify({ level: 99, time: 0, msg: 'a\x1b[2J\n\u202e', data: '\x9b1m' });
  t.regex(
    prettyLine(line, false),
    /^[\d:.]+ \?\?\?\?\? a\\x1b\[2J\\x0a\\u202e data="?\\\\?x9b1m"?\n$/,
  );
});

test('--log-format chooses the form, and a pipe gets JSON without it', async (t) => {
  for (const [args, form] of [
    [[], /^\{"level":30,.*"msg":"module swapped"\}\n$/],
    [['--log-format', 'json'], /^\{"level":30,/],
    [['--log-format', 'pretty'], /^\d\d:\d\d:\d\d\.\d{3} INFO {2}module swapped protocol=echo\n$/],
  ] as const) {
    const server = await startCli(t, [...listen, ...args]);
    server.kill('SIGHUP');
    t.regex((await server.written('stderr', /^.*\n/))[0], form);
    server.kill('SIGKILL');
  }
});

test('a terminal gets lines for people, without colours if NO_COLOR is set', async (t) => {
  if (!works('script', '--version')) {
    t.log('skipped: there is no script(1)');
    return t.pass();
  }
  for (const [env, form] of [
    [{ ...process.env, NO_COLOR: '' }, new RegExp(`${ESC}\\[32mINFO ${ESC}\\[0m module swapped`)],
    [{ ...process.env, NO_COLOR: '1' }, /\d INFO {2}module swapped protocol=echo/],
  ] as const) {
    // script(1) runs a command line at a terminal of its own.
    const prefix = ['sh', '-c', 'exec script -qefc "exec $*" /dev/null', 'sh'];
    const server = await startCli(t, listen, {
      prefix,
      env: env as Record<string, string>,
      lines: 0,
    });
    await server.written('stdout', /listening on/);
    const children = `/proc/${server.pid}/task/${server.pid}/children`;
    const child = Number(readFileSync(children, 'utf8').trim().split(' ')[0]);
    process.kill(child, 'SIGHUP');
    await server.written('stdout', form);
    process.kill(child, 'SIGTERM');
    await server.exited;
  }
  t.pass();
});

test('the access log has a line for each connection, when it is over', async (t) => {
  const file = path.join(temporary(t), 'access.log');
  const server = await startCli(t, [...listen, '--access-log', file]);
  const peers = [await visit(t, server), await visit(t, server), await visit(t, server)];
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, DRAINED);
  const lines = parsed(readFileSync(file, 'utf8'));
  t.deepEqual(
    lines.map(({ peer }) => peer),
    peers,
  );
  for (const line of lines) {
    t.like(line, { service: 'echo', listener: '127.0.0.1:0', reason: 'peer', bytesIn: 5 });
    t.true(Number(line.durationMs) > 0 && line.bytesOut === 5);
    t.false(Number.isNaN(Date.parse(String(line.time))));
    t.is(typeof line.id, 'number');
  }
  t.is(server.stderr, '');
});

test('- is standard output', async (t) => {
  const server = await startCli(t, [...listen, '--access-log', '-']);
  const peer = await visit(t, server);
  const line = await server.written('stdout', /^\{.*\}\n/m);
  t.like(parsed(line[0])[0], { peer, reason: 'peer' });
});

test('no line is lost while the access log is rotated', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 'access.log');
  const server = await startCli(t, [...listen, '--access-log', file]);
  const peers: string[] = [];
  let over = false;
  const visits = async (): Promise<void> => {
    while (!over) peers.push(await visit(t, server));
  };
  const clients = [visits(), visits(), visits()];
  const files: string[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const before = peers.length;
    while (peers.length < before + 5) await new Promise((resolve) => setImmediate(resolve));
    const moved = `${file}.${turn}`;
    renameSync(file, moved);
    files.push(moved);
    server.kill(turn % 2 === 0 ? 'SIGUSR1' : 'SIGHUP');
    // It is made anew when the signal is heard.
    while (!existsSync(file)) await new Promise((resolve) => setImmediate(resolve));
  }
  over = true;
  await Promise.all(clients);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, DRAINED);
  const lines = [...files, file].flatMap((name) => parsedIn(name));
  t.deepEqual(lines.map(({ peer }) => String(peer)).sort(), peers.sort());
});

const parsedIn = (file: string): Record<string, unknown>[] => {
  const text = readFileSync(file, 'utf8');
  return text === '' ? [] : parsed(text);
};

test('SIGUSR1 opens no debugger', async (t) => {
  const server = await startCli(t, listen);
  server.kill('SIGUSR1');
  await visit(t, server);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, DRAINED);
  t.is(server.stderr, '');
});

test('a file that cannot be written anew is told, and the one before goes on', async (t) => {
  const folder = path.join(temporary(t), 'logs');
  execFileSync('mkdir', [folder]);
  const file = path.join(folder, 'access.log');
  const server = await startCli(t, [...listen, '--access-log', file]);
  renameSync(folder, `${folder}-moved`);
  server.kill('SIGUSR1');
  await server.written('stderr', /"msg":"access log '.*': ENOENT/);
  const peer = await visit(t, server);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, DRAINED);
  t.like(parsedIn(`${folder}-moved/access.log`)[0], { peer });
});

test('an access log that cannot be opened ends the start', async (t) => {
  for (const file of ['/nowhere/access.log', '/']) {
    refused(
      t,
      await runCli([...listen, '--access-log', file]),
      1,
      /access log '.*': E(NOENT|ISDIR)/,
    );
  }
});

test('a disk that is full costs lines, which are counted, and nothing else', async (t) => {
  const server = await startCli(t, [...listen, '--access-log', '/dev/full']);
  for (let count = 0; count < 20; count += 1) await visit(t, server);
  await server.written('stderr', /"code":"ENOSPC","lines":\d+,"msg":"access log: ENOSPC/);
  t.true(server.stderr.trimEnd().split('\n').length < 10);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, DRAINED);
});

for (const [title, gone] of [
  ['is gone', true],
  ['reads nothing', false],
] as const) {
  test(`a reader of the access log that ${title} holds nobody up`, async (t) => {
    const fifo = path.join(temporary(t), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const server = await startCli(t, [...listen, '--access-log', fifo, '--workers', '0']);
    if (gone) closeSync(reader);
    // More than a pipe holds.
    for (let count = 0; count < 500; count += 1) await visit(t, server);
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, DRAINED);
    if (gone) t.regex(server.stderr, /"msg":"access log: EPIPE/);
    else closeSync(reader);
  });
}

test('a disk that was full for a while spoils the one line that it has cut, and says how many are missing', async (t) => {
  if (!works('prlimit', '--version')) {
    t.log('skipped: there is no prlimit(1)');
    return t.pass();
  }
  const file = path.join(temporary(t), 'access.log');
  // Beyond so many bytes of a file there is EFBIG, which for a writer is as good as ENOSPC.
  const prefix = ['sh', '-c', 'trap "" XFSZ; exec prlimit --fsize=1000:unlimited "$@"', 'sh'];
  const server = await startCli(t, [...listen, '--access-log', file], { prefix });
  for (let count = 0; count < 10; count += 1) await visit(t, server);
  await server.written('stderr', /"code":"EFBIG"/);
  execFileSync('prlimit', ['--pid', `${server.pid}`, '--fsize=unlimited:unlimited']);
  const last = await visit(t, server);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, DRAINED);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const whole = lines.filter((line) => line.endsWith('}'));
  t.is(lines.length - whole.length, 1, 'one was cut');
  t.is(JSON.parse(whole.at(-1)!).peer, last);
});

test('a line of JSON has nothing that a terminal obeys, and says the same', (t) => {
  const server = new EventEmitter();
  const lines: string[] = [];
  logAccess(server, 'echo', (line) => lines.push(line));
  const address = 'unix:/a\n\u001b[31m\u009b31m\u007f\u202e\u2028\u{e0001}\ud800é';
  const rest = { id: 1, listener: '', durationMs: 1, bytesIn: 1, bytesOut: 1, reason: 'peer' };
  server.emit('close', { ...rest, address });
  t.regex(lines[0]!, /^[^\p{C}\p{Zl}\p{Zp}]+\n$/u);
  t.is(JSON.parse(lines[0]!).peer, address);
});
