// Listeners: where the command line can listen and where not, and what becomes of a Unix socket's file.

import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { native } from '../../host/kernel/native.ts';
import { Listener } from '../../host/listen/listener.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { connect } from '../helpers/client.ts';
import {
  hasV6,
  Running,
  refused,
  runCli,
  runScript,
  startCli,
  temporary,
  withoutPrivileges,
} from '../helpers/process.ts';
import { traced } from '../helpers/strace.ts';

const quick = ['--drain-quiet', '0', '--grace', '1s'];
const { constants } = native;

async function echoes(t: ExecutionContext, address: string): Promise<void> {
  const client = await connect(address, { owner: t });
  await client.send('hello');
  client.end();
  t.is(String(await client.readAll()), 'hello', address);
}

/** A socket file that nobody listens at, as a killed server leaves it. */
function leaveSocket(file: string): void {
  const fd = native.listenUnix(file, 0o600, 1);
  native.close(fd);
}

const identity = (file: string): string => {
  const { dev, ino } = lstatSync(file);
  return `${dev}:${ino}`;
};

test('it listens on several addresses, says so line by line, and serves each', async (t) => {
  const file = path.join(temporary(t), 's');
  const addresses = ['127.0.0.1:0', `unix:${file}`, '127.0.0.2:0'];
  const server = await startCli(
    t,
    addresses.flatMap((address) => ['--listen', address]),
  );
  t.is(server.addresses.length, addresses.length);
  t.regex(server.addresses[0]!, /^127\.0\.0\.1:[1-9]\d*$/);
  t.is(server.addresses[1], `unix:${file}`);
  t.regex(server.addresses[2]!, /^127\.0\.0\.2:[1-9]\d*$/);
  for (const address of server.addresses) await echoes(t, address);
  t.is(server.stderr, '');
});

test('localhost is both of its addresses, at one port, or the one that there is', async (t) => {
  const server = await startCli(t, ['--listen', 'localhost:0']);
  if (hasV6(t)) await server.written('stdout', /^(?:listening on .*\n){2}/);
  const port = /^127\.0\.0\.1:(\d+)$/.exec(server.addresses[0]!)?.[1];
  t.deepEqual(server.addresses.slice(1), hasV6(t) ? [`[::1]:${port}`] : []);
  for (const address of server.addresses) await echoes(t, address);
});

test('it listens on IPv6', async (t) => {
  if (!hasV6(t)) return t.pass();
  const server = await startCli(t, ['--listen=[::1]:0']);
  t.regex(server.address, /^\[::1\]:[1-9]\d*$/);
  await echoes(t, server.address);
  await t.throwsAsync(connect(`127.0.0.1:${server.port}`), { code: 'ECONNREFUSED' });
});

test('[::] answers IPv4 as well', async (t) => {
  if (!hasV6(t)) return t.pass();
  const server = await startCli(t, ['--listen', '[::]:0', '--log-level', 'debug']);
  await echoes(t, `[::1]:${server.port}`);
  await echoes(t, `127.0.0.1:${server.port}`);
  await server.written('stderr', /"peer":"127\.0\.0\.1:\d+"/);
});

test('a port that is taken is refused at once, and the server that has it goes on', async (t) => {
  const server = await startCli(t, ['--listen', '127.0.0.1:0']);
  const outcome = await runCli(['--listen', server.address]);
  const { address } = server;
  refused(t, outcome, 1, new RegExp(`listen EADDRINUSE: address already in use ${address}$`, 'm'));
  await echoes(t, address);
});

test('when one address cannot be had, none is listened on and no file stays', async (t) => {
  const server = await startCli(t, ['--listen', '127.0.0.1:0']);
  const file = path.join(temporary(t), 's');
  const args = ['--listen', '127.0.0.1:0', '--listen', `unix:${file}`, '--listen', server.address];
  refused(t, await runCli(args), 1, /EADDRINUSE/);
  t.false(existsSync(file));
});

test('an address of another machine is refused', async (t) => {
  const outcome = await runCli(['--listen', '203.0.113.1:0']);
  refused(t, outcome, 1, /listen EADDRNOTAVAIL: address not available 203\.0\.113\.1:0/);
});

test('a host name that does not resolve is refused', async (t) => {
  // One short try: the test must not wait for a name server that cannot be reached.
  const env = { ...process.env, RES_OPTIONS: 'timeout:1 attempts:1' } as Record<string, string>;
  const outcome = await runCli(['--listen', 'nonexistent.invalid:0'], { env });
  refused(t, outcome, 1, /address 'nonexistent\.invalid:0': getaddrinfo (ENOTFOUND|EAI_AGAIN)/);
});

test('a low port without privilege is refused with a hint', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  if (Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) < 2) {
    t.log('skipped: every port is free to all here');
    return t.pass();
  }
  const outcome = await runCli(['--listen', '127.0.0.1:1'], { prefix });
  refused(t, outcome, 1, /listen EACCES: permission denied 127\.0\.0\.1:1 \(low ports need root/);
});

test('a Unix path of 107 bytes is listened on, a longer one refused and not made', async (t) => {
  const folder = temporary(t);
  const room = 107 - Buffer.byteLength(`${folder}/`);
  const file = path.join(folder, 'x'.repeat(room));
  const server = await startCli(t, ['--listen', `unix:${file}`]);
  t.is(server.address, `unix:${file}`);
  await echoes(t, server.address);
  t.true(lstatSync(file).isSocket());
  for (const name of ['x'.repeat(room + 1), 'x'.repeat(room + 2), `${'x'.repeat(room - 1)}é`]) {
    const longer = path.join(folder, name);
    const bytes = Buffer.byteLength(longer);
    const outcome = await runCli(['--listen', `unix:${longer}`]);
    refused(t, outcome, 2, new RegExp(`the path has ${bytes} bytes, .* at most 107; see --help`));
  }
  t.deepEqual(readdirSync(folder), [path.basename(file)]);
});

test("a multibyte Unix path is the path's own", async (t) => {
  const file = path.join(temporary(t), 'é世😀');
  const server = await startCli(t, ['--listen', `unix:${file}`]);
  t.true(lstatSync(file).isSocket());
  await echoes(t, `unix:${file}`);
  t.is(server.address, `unix:${file}`);
});

test('a Unix socket is for its owner only, whatever the umask, and removed on exit', async (t) => {
  const file = path.join(temporary(t), 's');
  for (const mask of ['000', '022', '777']) {
    const prefix = ['sh', '-c', `umask ${mask} && exec "$@"`, 'sh'];
    const server = await startCli(t, ['--listen', `unix:${file}`, ...quick], { prefix });
    t.is(lstatSync(file).mode & 0o7777, 0o600, mask);
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, { code: 0, signal: null });
    t.false(existsSync(file));
  }
});

test('a socket that a killed server left behind is replaced', async (t) => {
  const file = path.join(temporary(t), 's');
  const killed = await startCli(t, ['--listen', `unix:${file}`]);
  killed.kill('SIGKILL');
  await killed.exited;
  t.true(lstatSync(file).isSocket());
  await startCli(t, ['--listen', `unix:${file}`]);
  await echoes(t, `unix:${file}`);
});

test('of two starts on one stale socket exactly one listens', async (t) => {
  const file = path.join(temporary(t), 's');
  leaveSocket(file);
  // The first has found the socket stale, and stops for a while before it removes it.
  const tracing = traced(t, 'connect,unlink,unlinkat', ['unlink,unlinkat:delay_enter=1000000']);
  if (tracing === null) return t.pass();
  const first = startCli(t, ['--listen', `unix:${file}`], { prefix: tracing.prefix });
  while (tracing.calls(/^connect$/).length === 0) await setImmediate();
  const second = await runCli(['--listen', `unix:${file}`]);
  refused(t, second, 1, /listen EADDRINUSE: address already in use unix:/);
  const server = await first;
  await echoes(t, server.address);
});

test('many starts at once on one stale socket: one listens, the others say why not', async (t) => {
  const file = path.join(temporary(t), 's');
  leaveSocket(file);
  const script = `
    import { serve } from ${JSON.stringify(new URL('../../host/index.js', import.meta.url).href)};
    try {
      const server = await serve({ protocol: 'echo', listen: 'unix:${file}', workers: 0 });
      console.log('listens');
      await server.closed;
    } catch (error) {
      console.log(error.code);
    }`;
  const args = ['--input-type=module', '-e', script];
  const starts = Array.from({ length: 6 }, () => new Running(args, {}));
  const words = await Promise.all(starts.map((start) => start.written('stdout', /^(.+)\n/)));
  t.deepEqual(words.map((match) => match[1]).sort(), [...Array(5).fill('EADDRINUSE'), 'listens']);
  await echoes(t, `unix:${file}`);
  for (const start of starts) start.kill('SIGKILL');
  await Promise.all(starts.map((start) => start.exited));
});

test('a start waits for no lock for ever', async (t) => {
  const folder = temporary(t);
  const held = openSync(folder, 'r');
  t.teardown(() => closeSync(held));
  t.is(native.tryLock(held), 0);
  const outcome = await runCli(['--listen', `unix:${path.join(folder, 's')}`]);
  refused(t, outcome, 1, /EADDRINUSE: .* \(another process holds a lock on its folder\)/);
});

test('in a folder that it may not read, a start replaces nothing', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  const folder = temporary(t);
  const file = path.join(folder, 's');
  leaveSocket(file);
  chmodSync(folder, 0o300);
  t.teardown(() => chmodSync(folder, 0o700));
  const outcome = await runCli(['--listen', `unix:${file}`], { prefix });
  refused(t, outcome, 1, /EADDRINUSE: .* \(nobody answers; its folder cannot be read, so remove/);
  t.true(existsSync(file));
  const other = path.join(folder, 'other');
  await startCli(t, ['--listen', `unix:${other}`, ...quick], { prefix });
});

test('the file of a relative path is removed, though the working directory has changed', async (t) => {
  const folder = temporary(t);
  const script = `
    import { serve } from ${JSON.stringify(new URL('../../host/index.js', import.meta.url).href)};
    const server = await serve({ protocol: 'echo', listen: 'unix:s', workers: 0 });
    console.log(server.addresses[0]);
    process.chdir('/');
    await server.close();`;
  const outcome = await runScript(script, { cwd: folder });
  t.is(outcome.stdout, 'unix:s\n');
  t.deepEqual(readdirSync(folder), []);
});

test('a socket that somebody answers at is refused and left alone', async (t) => {
  const file = path.join(temporary(t), 's');
  const server = await startCli(t, ['--listen', `unix:${file}`]);
  const before = identity(file);
  const outcome = await runCli(['--listen', `unix:${file}`]);
  refused(t, outcome, 1, /listen EADDRINUSE: address already in use unix:/);
  t.is(identity(file), before);
  await echoes(t, server.address);
});

test('a file that is not a socket is refused and left alone', async (t) => {
  const folder = temporary(t);
  const [file, link] = [path.join(folder, 'file'), path.join(folder, 'link')];
  const left = path.join(folder, 'left');
  writeFileSync(file, 'precious');
  leaveSocket(left);
  symlinkSync(left, link);
  for (const taken of [file, link, folder]) {
    const outcome = await runCli(['--listen', `unix:${taken}`]);
    refused(t, outcome, 1, /EADDRINUSE: .* unix:.* \(a file that is not a socket\)/);
  }
  t.is(readFileSync(file, 'utf8'), 'precious');
  t.true(lstatSync(link).isSymbolicLink());
  t.true(lstatSync(left).isSocket());
});

test('a folder that is not there or must not be written to is refused', async (t) => {
  const folder = temporary(t);
  const missing = await runCli(['--listen', `unix:${folder}/none/s`]);
  refused(t, missing, 1, /listen ENOENT: no such file or directory .*\/none\/s/);
  const prefix = withoutPrivileges(t);
  if (prefix === null) return;
  chmodSync(folder, 0o500);
  const outcome = await runCli(['--listen', `unix:${folder}/s`], { prefix });
  refused(t, outcome, 1, /listen EACCES: permission denied/);
});

test('a file that took the place of the socket is not removed on exit', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 's');
  const server = await startCli(t, ['--listen', `unix:${file}`, ...quick]);
  renameSync(file, path.join(folder, 'moved'));
  leaveSocket(file);
  const other = identity(file);
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.is(identity(file), other);
});

test('a socket file that cannot be removed does not spoil the drain', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  const folder = path.join(temporary(t), 'folder');
  mkdirSync(folder);
  const listen = ['--listen', `unix:${folder}/s`, '--listen', '127.0.0.1:0'];
  const server = await startCli(t, [...listen, ...quick], { prefix });
  chmodSync(folder, 0o500);
  t.teardown(() => chmodSync(folder, 0o700));
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.regex(server.stderr, /^\{[^\n]*"code":"EACCES"[^\n]*unlink[^\n]*\}\n$/);
});

test('connections do not wait for more to send, and dead peers are found', async (t) => {
  const { IPPROTO_TCP, TCP_NODELAY, TCP_KEEPIDLE, SOL_SOCKET, SO_KEEPALIVE } = constants;
  for (const [keepaliveMs, on, seconds] of [
    [300_000, 1, 300],
    [1, 1, 1],
    [86_400_000, 1, 32_767],
    [0, 0, null],
  ] as const) {
    const policy = resolvePolicy({ keepaliveMs });
    const listener = new Listener(native, { kind: 'tcp', host: '127.0.0.1', port: 0 }, policy);
    t.teardown(() => listener.close());
    const client = await connect(listener.address, { owner: t });
    const fd = native.accept(listener.fd);
    t.teardown(() => void native.close(fd));
    t.is(native.getOption(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    t.is(native.getOption(fd, SOL_SOCKET, SO_KEEPALIVE), on);
    if (seconds !== null) t.is(native.getOption(fd, IPPROTO_TCP, TCP_KEEPIDLE), seconds);
    client.destroy();
  }
});
