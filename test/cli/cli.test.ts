// The command line: usage, help, signals, and the surroundings that it is started in.

import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { constants } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { flagOf, PLACEHOLDERS, settingNames } from '../../host/cli/flags.ts';
import { settings } from '../../host/policy.ts';
import { showValue } from '../../host/units.ts';
import { type Client, connect } from '../helpers/client.ts';
import { handles, until } from '../helpers/proc.ts';
import { cli, Running, refused, runCli, startCli, temporary, works } from '../helpers/process.ts';

const listen = ['--listen', '127.0.0.1:0'];
const quick = ['--drain-quiet', '0', '--grace', '1s'];
const MiB = 1024 * 1024;

/** Wrong usage is refused, whatever else stands on the command line. */
const misuse = async (t: ExecutionContext, args: string[], line: RegExp): Promise<void> =>
  refused(t, await runCli([...listen, ...args]), 2, line);

async function echoes(client: Client, text = 'hello'): Promise<boolean> {
  await client.send(text);
  return String(await client.readExactly(text.length)) === text;
}

test('what is not a flag is refused, with the one that may have been meant', async (t) => {
  await misuse(t, ['--nope'], /unknown option '--nope'; see --help$/m);
  await misuse(t, ['--idle-timout', '5s'], /'--idle-timout' \(Did you mean --idle-timeout\?\)/);
  await misuse(t, ['-x'], /unknown option '-x'/);
  await misuse(t, ['--max-connection', '5'], /unknown option '--max-connection'/);
  await misuse(t, ['--idle-timeout-ms', '5'], /unknown option '--idle-timeout-ms'/);
});

test('a flag without its value is refused by name', async (t) => {
  for (const flag of ['--listen', '--log-level', '--workers', '--max-connections', '--grace']) {
    refused(t, await runCli([flag]), 2, new RegExp(`option '${flag} <\\w+>' argument missing`));
  }
  await misuse(t, ['--grace='], /--grace must be a time .*, got ''; see --help/);
});

test('with too few descriptors the start fails in one line, which says what to do', async (t) => {
  for (const limit of [24, 30]) {
    const prefix = ['sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh'];
    const line =
      /there are too few file descriptors; raise their number, see ulimit -n 1024 \(EMFILE/;
    refused(t, await runCli(listen, { prefix }), 1, line);
  }
});

test('an argument too many is refused', async (t) => {
  await misuse(
    t,
    ['echo', 'echo'],
    /too many arguments. Expected 1 argument but got 2; see --help/,
  );
});

test('a flag that is given twice is refused by name, --listen is not', async (t) => {
  await misuse(t, ['--grace', '1s', '--grace', '1s'], /--grace can be given only once; see --help/);
  await misuse(t, ['--workers=0', '--workers=0'], /--workers can be given only once/);
  await misuse(t, ['--log-level=info', '--log-level=info'], /--log-level can be given only once/);
  const server = await startCli(t, [...listen, ...listen]);
  t.is(new Set(server.addresses).size, 2);
});

test('every setting out of its range is refused, naming flag and range', async (t) => {
  for (const name of settingNames) {
    const { unit, min, max } = settings[name];
    const beyond = `${max + 1}${{ bytes: 'B', ms: 'ms', count: '' }[unit]}`;
    const range = `from ${showValue(min, unit)} to ${showValue(max, unit)}`;
    const line = new RegExp(`: ${flagOf(name)} must be .*, ${range}, got '${beyond}'; see --help`);
    await misuse(t, [flagOf(name), beyond], line);
  }
});

test('what is not a value is refused, with the form that it must have', async (t) => {
  await misuse(t, ['--idle-timeout', '30'], /must be a time such as 250ms, .*, got '30'/);
  await misuse(t, ['--pool', '10kb'], /must be a size such as 512B, .*, got '10kb'/);
  await misuse(t, ['--max-connections', '-1'], /must be a whole number, .*, got '-1'/);
  await misuse(t, ['--max-connections', 'ten'], /got 'ten'/);
  await misuse(t, ['--grace', '1s\n\x1b[2J'], /got '1s\\?.*\\x1b\[2J'; see --help/);
  for (const text of ['-1', '257', 'many', '1.5', '']) {
    await misuse(
      t,
      [`--workers=${text}`],
      /--workers must be auto or a whole number from 0 to 256, got/,
    );
  }
  await misuse(t, ['--log-level', 'loud'], /'loud' is invalid.*debug, info, .*silent; see --help/);
});

test('settings that do not fit each other are refused by their flags', async (t) => {
  await misuse(t, ['--low-water', '1MiB'], /--low-water: must be below --high-water, got 1048576/);
  await misuse(t, ['--pool', '1MiB'], /--max-backlog: must be at most --pool/);
  await misuse(t, ['--high-water', '9MiB'], /--high-water: must be at most --max-backlog/);
  const both = ['--max-frame', '1MiB', '--receive-window', '512KiB'];
  await misuse(t, both, /--max-frame: must be at most --receive-window, got 1048576 and 524288/);
  const lifted = /twice --receive-window \(as large as --max-frame\) together \(10747904\)/;
  await misuse(t, ['--max-frame', '5MiB'], lifted);
  const small = ['--guest-memory', '64KiB'];
  await misuse(t, small, /--receive-window: must be at most half of --guest-memory/);
});

test('what is not an address is refused', async (t) => {
  const texts = ['127.0.0.1:-1', '127.0.0.1:65536', '127.0.0.1:80x', '127.0.0.1:', '', '80'];
  for (const text of [...texts, '::1', '::1:80', '[::1]', '256.0.0.1:80', ':80', 'unix:']) {
    await misuse(t, ['--listen', text], /address '.*': .*; see --help/);
  }
  await misuse(t, ['--listen', 'a\nb:80'], /address 'a b:80': 'a b' must be/);
});

test('wrong usage is told even when the protocol or the address cannot be had', async (t) => {
  refused(t, await runCli(['--listen', '203.0.113.1:0', '--nope', '/none']), 2, /--nope/);
});

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');

test('--help shows every setting once, with range and default, and what is served where', async (t) => {
  const { code, stdout, stderr } = await runCli(['--help']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const help = oneLine(stdout);
  for (const name of settingNames) {
    const { unit, min, max, default: value, why } = settings[name];
    const flag = `${flagOf(name)} <${PLACEHOLDERS[unit]}>`;
    const [low, high, shown] = [min, max, value].map((number) => showValue(number, unit));
    t.true(help.includes(`${flag} ${oneLine(why)} (${low} to ${high}; default: ${shown})`), flag);
    t.is(help.split(`${flagOf(name)} <`).length, 2, flag);
  }
  t.regex(help, /--listen <ADDRESS> .*repeatable \(default: 127\.0\.0\.1:33445\)/);
  t.regex(help, /\[protocol\].*\(default: "echo"\)/);
  for (const flag of ['--workers <N>', '--log-level <LEVEL>', '--version', '--help']) {
    t.is(help.split(` ${flag} `).length, 2, flag);
  }
  for (const line of stdout.split('\n')) t.true(line.length <= 80, line);
});

test('--help wins over what stands beside it', async (t) => {
  const { code, stdout, stderr } = await runCli([...listen, '/none', '--help']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  t.true(stdout.startsWith('Usage: wasmpoll [options] [protocol]\n'));
});

test("--version prints the package's", async (t) => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  const outcome = await runCli(['--version']);
  t.deepEqual(outcome, { code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
});

test('--help that cannot be written has failed', async (t) => {
  const prefix = ['sh', '-c', 'exec "$@" >/dev/full', 'sh'];
  refused(t, await runCli(['--help'], { prefix }), 1, /standard output: ENOSPC/);
});

test('the protocol may stand before, between and behind the flags', async (t) => {
  for (const args of [
    ['echo', ...listen],
    [...listen, 'echo'],
    [...listen, '--', 'echo'],
    listen,
  ]) {
    const server = await startCli(t, args);
    t.true(await echoes(await connect(server.address, { owner: t })));
    server.kill('SIGKILL');
    await server.exited;
  }
});

test('a setting that is given is in force', async (t) => {
  const server = await startCli(t, [...listen, '--max-connections', '1', ...quick]);
  const first = await connect(server.address, { owner: t });
  t.true(await echoes(first));
  const second = await connect(server.address, { owner: t });
  t.is((await second.readAll()).length, 0);
  t.true(await echoes(first));
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} drains: what is in flight arrives, then it exits with 0`, async (t) => {
    const server = await startCli(t, [...listen, '--drain-quiet', '1s', '--grace', '1m']);
    const idle = await connect(server.address, { owner: t });
    t.true(await echoes(idle));
    const client = await connect(server.address, { owner: t, paused: true });
    const bytes = Buffer.alloc(8 * MiB, 'in flight ');
    const sent = client.send(bytes);
    // The first bytes are back: the server is in the midst of it.
    client.resume();
    t.is(String(await client.readExactly(9)), 'in flight');
    server.kill(signal);
    t.is(Buffer.compare(await client.readExactly(bytes.length - 9), bytes.subarray(9)), 0);
    await sent;
    t.is(await idle.closed, 'end');
    t.is(await client.closed, 'end');
    idle.end();
    client.end();
    t.deepEqual(await server.exited, { code: 0, signal: null });
    t.is(server.stderr, '');
  });
}

/** Waits until it has begun to drain: nobody is let in. */
async function closing(server: Running): Promise<void> {
  for (;;) {
    try {
      (await connect(server.address)).destroy();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED') return;
      if (code !== 'ECONNRESET') throw error;
    }
  }
}

const patient = ['--drain-quiet', '24h', '--grace', '24h'];

for (const [first, second, code] of [
  ['SIGTERM', 'SIGTERM', 143],
  ['SIGTERM', 'SIGINT', 130],
  ['SIGINT', 'SIGINT', 130],
] as const) {
  test(`${second} after ${first} exits at once with ${code}`, async (t) => {
    const server = await startCli(t, [...listen, ...patient]);
    const client = await connect(server.address, { owner: t });
    t.true(await echoes(client));
    server.kill(first);
    await closing(server);
    t.true(await echoes(client), 'it is still served');
    server.kill(second);
    t.deepEqual(await server.exited, { code, signal: null });
    t.is(server.stderr, '');
  });
}

test('what is not quiet when the grace is over is aborted, and it exits with 0', async (t) => {
  const server = await startCli(t, [...listen, '--drain-quiet', '24h', '--grace', '1ms']);
  const client = await connect(server.address, { owner: t });
  t.true(await echoes(client));
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.is(await client.closed, 'ECONNRESET');
});

test('the end of a terminal or of a reader does not end it', async (t) => {
  const server = await startCli(t, [...listen, ...quick]);
  const client = await connect(server.address, { owner: t });
  for (let count = 0; count < 3; count += 1) {
    server.kill('SIGHUP');
    server.kill('SIGPIPE');
    t.true(await echoes(client));
  }
  client.end();
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
});

test('signals are heard from the first moment: SIGHUP ends no start, SIGTERM ends it at once', async (t) => {
  // On a busy machine it may listen before this process has had its turn: then another one is started.
  const early = async (signal: NodeJS.Signals, tries = 20): Promise<Running> => {
    const running = new Running([cli, ...listen, ...quick], {});
    await until(() => handles(running.pid, constants.signals.SIGHUP));
    if (running.stdout === '' || tries === 0) {
      t.is(running.stdout, '', 'it did not listen yet');
      running.kill(signal);
      return running;
    }
    running.kill('SIGKILL');
    await running.exited;
    return early(signal, tries - 1);
  };
  const stopped = await early('SIGTERM');
  t.deepEqual(await stopped.exited, { code: 0, signal: null });
  t.is(stopped.stderr, '');
  const hungUp = await early('SIGHUP');
  await hungUp.written('stderr', /module swapped/);
  t.true(await echoes(await connect(hungUp.address, { owner: t })));
  hungUp.kill('SIGTERM');
  t.deepEqual(await hungUp.exited, { code: 0, signal: null });
});

test('as the process with number 1 it hears a SIGTERM that comes while it starts', async (t) => {
  const prefix = ['unshare', '--pid', '--fork', '--mount-proc'];
  if (!works(...(prefix as [string]), 'true')) {
    t.log('skipped: unshare(1) cannot make a process namespace here');
    return t.pass();
  }
  const running = new Running([cli, ...listen, ...quick], { prefix });
  const children = `/proc/${running.pid}/task/${running.pid}/children`;
  const child = (): number => Number(readFileSync(children, 'utf8').trim().split(' ')[0] || '0');
  // Node's own handler of SIGTERM is there before, and does nothing in such a process.
  await until(() => child() > 0 && handles(child(), constants.signals.SIGHUP));
  process.kill(child(), 'SIGTERM');
  t.deepEqual(await running.exited, { code: 0, signal: null });
});

test('it needs no environment, no home and no folder to be in', async (t) => {
  const folder = path.join(temporary(t), 'gone');
  await mkdir(folder);
  const prefix = ['sh', '-c', 'rmdir "$1" && shift && exec "$@"', 'sh', folder];
  for (const options of [
    { env: {} },
    { env: { LC_ALL: 'C', HOME: '/none' } },
    { prefix, cwd: folder },
  ]) {
    const server = await startCli(t, [...listen, ...quick], options);
    t.true(await echoes(await connect(server.address, { owner: t })));
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, { code: 0, signal: null });
    t.is(server.stderr, '');
  }
});
