// Activation: sockets that the process is started with, as systemd passes them.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { adopt, readEnvironment } from '../../host/listen/activation.ts';
import { connect } from '../helpers/client.ts';
import { cli, Running, refused, runCli, startCli, temporary, works } from '../helpers/process.ts';

const quick = ['--drain-quiet', '0', '--grace', '1s', '--workers', '0'];

/** As systemd sets it for the process that it starts; `names` are LISTEN_FDNAMES. */
const passing = (names: string): string[] => {
  const count = names === '' ? 0 : names.split(':').length;
  return ['sh', '-c', `LISTEN_PID=$$ LISTEN_FDS=${count} LISTEN_FDNAMES=${names} exec "$@"`, 'sh'];
};

/** A socket that listens, closed when the test ends. */
function listening(t: ExecutionContext, file?: string): number {
  const fd =
    file === undefined
      ? native.listenTcp('127.0.0.1', 0, false, 16)
      : native.listenUnix(file, 0o600, 16);
  t.teardown(() => native.close(fd));
  return fd;
}

async function echoes(t: ExecutionContext, address: string): Promise<void> {
  const client = await connect(address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello', address);
}

/** Node tells no number of its sockets: it is the one that was not there before. */
async function datagram(t: ExecutionContext): Promise<number> {
  const before = new Set(readdirSync('/proc/self/fd'));
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => void socket.close());
  await once(socket, 'listening');
  const { SOL_SOCKET, SO_TYPE, SOCK_STREAM } = native.constants;
  const fresh = readdirSync('/proc/self/fd').filter((fd) => !before.has(fd));
  const types = fresh.map((fd) => [Number(fd), native.getOption(Number(fd), SOL_SOCKET, SO_TYPE)]);
  return types.find(([, type]) => type! > 0 && type !== SOCK_STREAM)![0]!;
}

test('sockets are found by name and by number, and a name may stand for several', async (t) => {
  const file = path.join(temporary(t), 's');
  const fds = [listening(t), listening(t, file), listening(t)];
  const listen = ['--listen', 'fd:web', '--listen', 'fd:4'];
  const server = await startCli(t, [...listen, ...quick], {
    fds,
    prefix: passing('web:other:web'),
    lines: 3,
  });
  const [first, third] = [fds[0]!, fds[2]!].map((fd) => native.localAddress(fd));
  t.deepEqual(server.addresses, [first as string, third as string, `unix:${file}`]);
  for (const address of server.addresses) await echoes(t, address);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.true(existsSync(file), 'whoever made it removes it');
});

test('who comes while the server stops waits for the next one', async (t) => {
  const fds = [listening(t)];
  const options = { fds, prefix: passing('web') };
  const first = await startCli(t, ['--listen', 'fd:web', ...quick], options);
  const { address } = first;
  first.kill('SIGTERM');
  await first.exited;
  const waiting = await connect(address, { owner: t });
  await waiting.send('hello');
  await startCli(t, ['--listen', 'fd:web', ...quick], options);
  t.is(String(await waiting.readExactly(5)), 'hello');
});

test('neither the variables nor the sockets are passed on', async (t) => {
  const server = await startCli(t, ['--listen', 'fd:web', ...quick], {
    fds: [listening(t)],
    prefix: passing('web'),
  });
  const flags = execFileSync('cat', [`/proc/${server.pid}/fdinfo/3`], { encoding: 'utf8' });
  t.true((Number.parseInt(/^flags:\s+(\d+)/m.exec(flags)![1]!, 8) & 0o2000000) !== 0, 'O_CLOEXEC');
  const env = { LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a', OTHER: 'x' };
  t.deepEqual(readEnvironment(env, 7).passed, [{ fd: 3, name: 'a' }]);
  t.deepEqual(env, { OTHER: 'x' } as unknown);
  t.is(readEnvironment(env, 7), readEnvironment(env, 7), 'it is remembered');
});

test('what was not passed is said in one line', async (t) => {
  const udp = await datagram(t);
  const pair = native.socketpair() as [number, number];
  const file = openSync('/dev/null', 'r');
  t.teardown(() => pair.forEach((fd) => void native.close(fd)));
  const outcome = (name: string, fds: readonly number[], names = 'web') =>
    runCli(['--listen', `fd:${name}`, ...quick], { fds, prefix: passing(names) });
  const wrong: [string, readonly number[], RegExp][] = [
    [
      'web',
      [udp],
      /listen 'fd:web': descriptor 3 is not a stream socket: only ListenStream= will do/,
    ],
    ['web', [pair[0]], /descriptor 3 does not listen: with Accept=yes only connections are passed/],
    ['web', [file], /descriptor 3 is not a socket/],
    ['900', [file], /descriptor 900 is not open/],
    ['app', [file], /no socket of this name was passed; there are web/],
    ['1', [file], /0, 1 and 2 are the standard streams/],
  ];
  for (const [name, fds, line] of wrong) refused(t, await outcome(name, fds), 1, line);
});

test('sockets of another process, and none at all, are told apart', (t) => {
  const of = (env: NodeJS.ProcessEnv): RegExp =>
    new RegExp(
      t.throws(() => adopt(native, 'web', readEnvironment(env, 7)), { code: 'ERR_ADDRESS' })
        .message,
    );
  t.regex("listen 'fd:web': no sockets were passed: LISTEN_FDS is not set", of({}));
  t.regex(
    "listen 'fd:web': the sockets were passed to process 8, and this is 7: it must be started itself",
    of({ LISTEN_PID: '8', LISTEN_FDS: '1' }),
  );
  t.regex("listen 'fd:web': LISTEN_FDS is 'x'", of({ LISTEN_PID: '7', LISTEN_FDS: 'x' }));
  const env = { LISTEN_PID: '7', LISTEN_FDS: '3', LISTEN_FDNAMES: 'a::b' };
  t.deepEqual(
    readEnvironment(env, 7).passed.map(({ name }) => name),
    ['a', 'unknown', 'b'],
  );
});

test('a socket is listened on once', async (t) => {
  const options = { fds: [listening(t)], prefix: passing('web') };
  const outcome = await runCli(['--listen', 'fd:web', '--listen', 'fd:3', ...quick], options);
  refused(t, outcome, 1, /listen 'fd:3': the socket is given twice/);
});

test('rules that do not fit the kind of the socket are refused', async (t) => {
  const fds = [listening(t, path.join(temporary(t), 's')), listening(t)];
  for (const [address, line] of [
    ['fd:unix?allow=10.0.0.0/8', /it is a Unix socket, which has no addresses to name/],
    ['fd:unix?proxy=10.0.0.0/8', /it is a Unix socket, which has no addresses to name/],
    ['fd:tcp?proxy=true', /proxy\.from is missing/],
  ] as const) {
    const outcome = await runCli(['--listen', address], { fds, prefix: passing('unix:tcp') });
    refused(t, outcome, 1, line);
  }
});

test('systemd-socket-activate starts it at the first connection', async (t) => {
  if (!works('systemd-socket-activate', '--version')) {
    t.log('skipped: there is no systemd-socket-activate');
    return t.pass();
  }
  const file = path.join(temporary(t), 's');
  const args = [
    '-l',
    file,
    '--fdname=web',
    process.execPath,
    cli,
    '--listen',
    'fd:web?proxy=true',
    ...quick,
  ];
  const running = new Running(args, { program: 'systemd-socket-activate' });
  t.teardown(() => running.kill('SIGKILL'));
  await running.written('stderr', /Listening on/);
  const client = await connect(`unix:${file}`, { owner: t });
  await client.send('PROXY UNKNOWN\r\nhello');
  t.is(String(await client.readExactly(5)), 'hello');
  t.deepEqual(running.addresses, [`unix:${file}`]);
  running.kill('SIGTERM');
  t.deepEqual(await running.exited, { code: 0, signal: null });
  t.true(existsSync(file));
});

test('a socket that was passed and that no listener names is told', async (t) => {
  const fds = [listening(t), listening(t)];
  const options = { fds, prefix: passing('web:spare') };
  const server = await startCli(t, ['--listen', 'fd:web', ...quick], options);
  await echoes(t, server.addresses[0]!);
  const [line] = await server.written('stderr', /.*a socket was passed that no listener names.*\n/);
  t.regex(line!, /"socket":"fd:spare"/);
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
  t.notRegex(server.stderr, /fd:web/);
});
