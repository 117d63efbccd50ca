// `wasmpoll run`: options, output, exit status and signals.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { flagOf } from '../../host/cli/flags.ts';
import { settings } from '../../host/policy.ts';
import { showValue } from '../../host/units.ts';
import { resolveRunPolicy, runSettingNames } from '../../host/wasi/policy.ts';
import { E } from '../../host/wasi/preview1/numbers.ts';
import { connect } from '../helpers/client.ts';
import { echoModule } from '../helpers/guests.ts';
import {
  type Owner,
  refused,
  runCli,
  shell,
  startCli,
  temporary,
  withoutPrivileges,
} from '../helpers/process.ts';
import { traced } from '../helpers/strace.ts';
import { command, echoes, grows, hoards, prints, spins, tells, writesOn } from '../helpers/wasi.ts';
import { call, forever, i32, leb, unreachable } from '../helpers/wasm.ts';

const LOCAL = ['--listen', '127.0.0.1:0'];

function written(t: Owner, bytes: Uint8Array, name = 'guest.wasm'): string {
  const file = path.join(temporary(t), name);
  writeFileSync(file, bytes);
  return file;
}

const exits = (status: number) => command(['proc_exit'], [i32(status), call('proc_exit')]);

/** Starts a command, and waits until it listens. */
async function start(t: ExecutionContext, module: Uint8Array, ...args: string[]) {
  const running = await startCli(t, ['run', written(t, module), ...args], { lines: 0 });
  const [, address] = await running.written('stderr', /^listening on (.*)\n/m);
  return { running, address: address! };
}

test('the exit status is the command’s, and standard output is its alone', async (t) => {
  for (const status of [0, 3, 255]) {
    t.deepEqual(await runCli(['run', written(t, exits(status))]), {
      code: status,
      signal: null,
      stdout: '',
      stderr: '',
    });
  }
  t.like(await runCli(['run', written(t, prints('out')), ...LOCAL]), { code: 0, stdout: 'out' });
});

test('a trap is one line, and exit status 134', async (t) => {
  t.deepEqual(await runCli(['run', written(t, command([], [unreachable]), 'bad.wasm')]), {
    code: 134,
    signal: null,
    stdout: '',
    stderr: 'wasmpoll: bad.wasm: trap: unreachable\n',
  });
});

test('arguments come after the module’s name; after -- they may begin with a dash', async (t) => {
  const file = written(t, tells('args'), 'tells.wasm');
  const args = async (...rest: string[]) => (await runCli(['run', file, ...rest])).stdout;
  t.is(await args('one', 'two'), 'tells.wasm\0one\0two\0');
  t.is(await args('--', '--listen', '-x', '--'), 'tells.wasm\0--listen\0-x\0--\0');
  t.is(await args('one', '--grace', '1s', 'two'), 'tells.wasm\0one\0two\0');
});

test('the environment is what --env says, and nothing of the process’s own', async (t) => {
  const file = written(t, tells('environ'));
  const flags = ['--env', 'A=1', '--env', 'B=x=y', '--env=C=', '--env', 'A=2'];
  t.is((await runCli(['run', file, ...flags])).stdout, 'A=2\0B=x=y\0C=\0');
  t.is((await runCli(['run', file])).stdout, '');
});

test('each listener is told on standard error, with its port', async (t) => {
  const socket = path.join(temporary(t), 's');
  const { running, address } = await start(t, echoes(), ...LOCAL, '--listen', `unix:${socket}`);
  await running.written('stderr', /^listening on unix:.*\n/m);
  t.regex(running.stderr, /^listening on 127\.0\.0\.1:\d+\nlistening on unix:.*\/s\n$/);
  const client = await connect(address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
  t.is(running.stdout, '');
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  for (const [what, module] of [
    ['waits', echoes()],
    ['calls without waiting', spins()],
    ['computes', command([], forever())],
  ] as const) {
    test(`${signal} ends a command without connections that ${what}, with status ${code}`, async (t) => {
      const { running } = await start(t, module, ...LOCAL, '--grace', '1h');
      running.kill(signal);
      t.deepEqual(await running.exited, { code, signal: null });
    });
  }
}

test('a second signal ends a command at once that does not end by itself', async (t) => {
  const { running, address } = await start(
    t,
    echoes(),
    ...LOCAL,
    '--grace',
    '1h',
    '--drain-quiet',
    '1h',
  );
  const client = await connect(address, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  running.kill();
  // Who comes now is refused: the first signal has arrived.
  for (let refused = false; !refused; ) {
    refused = await connect(address).then(
      (late) => late.closed.then(() => false),
      () => true,
    );
  }
  running.kill();
  t.deepEqual(await running.exited, { code: 143, signal: null });
});

test('a command that computes on with a connection open is terminated, with status 137', async (t) => {
  const { running, address } = await start(t, hoards(), ...LOCAL, '--grace', '1ms');
  const client = await connect(address, { owner: t });
  await client.readExactly(1);
  running.kill();
  t.deepEqual(await running.exited, { code: 137, signal: null });
  t.regex(running.stderr, /\nwasmpoll: guest\.wasm: did not end within 1 ms of its stop, and was/);
  await client.closed;
});

test('a program that writes on ends when nobody reads it any more, as by SIGPIPE', async (t) => {
  const bash = ['bash', '-c', '"$@" | head -c 1 >/dev/null; echo $PIPESTATUS', 'bash'];
  const module = written(t, writesOn());
  const ended = { code: 0, signal: null, stderr: '' };
  t.deepEqual(await runCli(['run', module], { prefix: bash }), { ...ended, stdout: '141\n' });
  const told = { ...ended, stdout: `${E.PIPE}\n` };
  t.deepEqual(await runCli(['run', '--no-sigpipe', module], { prefix: bash }), told);
});

test('a program that fails with its memory at its limit is told in one line', async (t) => {
  const module = written(t, grows([i32(3), call('proc_exit')]));
  t.deepEqual(await runCli(['run', '--guest-memory', '2MiB', module]), {
    code: 3,
    signal: null,
    stdout: '',
    stderr:
      "wasmpoll: guest.wasm: the guest's memory is at its limit of 2 MiB; see --guest-memory\n",
  });
});

test('--help shows the defaults that hold for a command', async (t) => {
  const { stdout } = await runCli(['run', '--help']);
  for (const name of runSettingNames) {
    const { unit } = settings[name];
    const shown = `default: ${showValue(resolveRunPolicy()[name], unit)})`;
    const help = stdout.slice(stdout.indexOf(` ${flagOf(name)} `)).replaceAll(/\s+/g, ' ');
    t.true(help.includes(shown), `${name}: ${shown}`);
    t.true(help.indexOf(shown) < 400, `${name}: ${shown}`);
  }
});

test('a folder is given with --dir, under its own or another name, or read-only', async (t) => {
  const folder = temporary(t);
  mkdirSync(path.join(folder, 'sub'));
  const name = 'made';
  const makes = command(
    ['path_create_directory', 'proc_exit'],
    [i32(4), i32(64), i32(name.length), call('path_create_directory'), call('proc_exit')],
    { data: [{ at: 64, bytes: name }] },
  );
  const file = written(t, makes);
  const dirs = ['--dir', folder, '--dir', `${folder}/sub:/data`];
  const readOnly = ['--dir', folder, '--dir', `${folder}/sub:/data:ro`];
  t.like(await runCli(['run', file, ...readOnly]), { code: 69 }, 'ROFS');
  t.like(await runCli(['run', file, ...dirs]), { code: 0, stderr: '' });
  t.like(await runCli(['run', file, ...dirs]), { code: 20 }, 'EXIST');
  t.like(await runCli(['run', file]), { code: 8 }, 'BADF: without --dir there are no files');
});

test('what cannot be run is one line, with status 1', async (t) => {
  const run = async (line: RegExp, ...args: string[]) =>
    refused(t, await runCli(['run', ...args]), 1, line);
  const file = written(t, exits(0));
  await run(/^wasmpoll: module '\/none\.wasm': no such file$/m, '/none.wasm');
  await run(/^wasmpoll: module '\/tmp': is a folder$/m, '/tmp');
  await run(/^wasmpoll: module 'echo': no such file$/m, 'echo');
  await run(
    /^wasmpoll: echo\.wasm: import not allowed: env.abort, wasmpoll.send; /m,
    written(t, await echoModule(), 'echo.wasm'),
  );
  await run(/^wasmpoll: folder '\/none': no such folder$/m, file, '--dir', '/none');
  await run(
    /^wasmpoll: listen EACCES|^wasmpoll: listen EADDRNOTAVAIL/m,
    file,
    '--listen',
    '203.0.113.1:1',
  );
});

test('wrong usage is one line, with status 2', async (t) => {
  const misuse = async (line: RegExp, ...args: string[]) =>
    refused(t, await runCli(['run', ...args]), 2, line);
  await misuse(/missing required argument 'module'; see --help$/m);
  await misuse(/unknown option '--workers'/, '--workers', '1', 'x.wasm');
  await misuse(/unknown option '--idle-timeout'/, '--idle-timeout', '1s', 'x.wasm');
  await misuse(/address 'nowhere': /, '--listen', 'nowhere', 'x.wasm');
  await misuse(/--env must be NAME=VALUE, got 'A'/, '--env', 'A', 'x.wasm');
  await misuse(/--env must be NAME=VALUE, got '=A'/, '--env', '=A', 'x.wasm');
  await misuse(/--grace must be a time/, '--grace', 'x', 'x.wasm');
  await misuse(/--grace can be given only once/, '--grace', '1s', '--grace', '1s', 'x.wasm');
});

test('--help of run shows every setting that a command has, and no other', async (t) => {
  const { code, stdout } = await runCli(['run', '--help']);
  t.is(code, 0);
  const flags = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag!);
  const own = '--version --listen --dir --env --nonblocking --no-sigpipe --help'.split(' ');
  t.deepEqual(flags.sort(), [...own, ...runSettingNames.map(flagOf)].sort());
});

test('without run, the module’s exports tell a command from a protocol', async (t) => {
  t.like(await runCli([written(t, prints('a command'))]), {
    code: 0,
    stdout: 'a command',
    stderr: '',
  });
  const protocol = written(t, await echoModule());
  const server = await startCli(t, [protocol, ...LOCAL]);
  t.is(server.addresses.length, 1);
  const file = written(t, echoes());
  const running = await startCli(t, [file, ...LOCAL, '--grace', '5s'], { lines: 0 });
  const [, address] = await running.written('stderr', /^listening on (.*)\n/m);
  const client = await connect(address!, { owner: t });
  await client.send('x');
  t.is(String(await client.readExactly(1)), 'x');
  const wrong = await runCli([file, '--idle-timeout', '5s']);
  refused(t, wrong, 1, /^wasmpoll: --idle-timeout: a command has no such setting$/m);
});

test('without run, a command may be larger than a protocol, up to what --max-module says', async (t) => {
  const padded = (binary: Uint8Array): Uint8Array =>
    Buffer.concat([
      binary,
      Uint8Array.from([0, ...leb(65 << 20), 1, 0x70]),
      Buffer.alloc((65 << 20) - 2),
    ]);
  const large = written(t, padded(prints('a command')));
  t.like(await runCli([large]), { code: 0, stdout: 'a command', stderr: '' });
  const over = /has \d+ bytes, over 67108864; /;
  refused(t, await runCli([large, '--max-module', '64MiB']), 1, over);
  refused(t, await runCli([written(t, padded(await echoModule())), ...LOCAL]), 1, over);
});

test('a standard error that cannot be written changes nothing', async (t) => {
  const options = { prefix: shell('2>/dev/full') };
  const args = ['run', written(t, exits(3)), ...LOCAL];
  t.like(await runCli(args, options), { code: 3, signal: null });
});

test('under strace: without openat2 there are no folders, which is one line', async (t) => {
  const module = written(t, exits(0));
  for (const error of ['ENOSYS', 'EPERM']) {
    const tracing = traced(t, 'openat2', [`openat2:error=${error}`]);
    if (tracing === null) return t.pass();
    const { prefix } = tracing;
    const line = /^wasmpoll: folder '\/': the system refuses openat2 \(Linux 5\.6\), which keeps/m;
    refused(t, await runCli(['run', module, '--dir', '/'], { prefix }), 1, line);
    t.like(await runCli(['run', module], { prefix }), { code: 0 });
  }
});

test('a folder that may be read, but not searched, is listed', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  const folder = path.join(temporary(t), 'folder');
  mkdirSync(path.join(folder, 'entry'), { recursive: true });
  chmodSync(folder, 0o444);
  t.teardown(() => chmodSync(folder, 0o755));
  const lists = command(
    ['fd_readdir', 'proc_exit'],
    [...[i32(3), i32(64), i32(4096), [0x42, 0], i32(0), call('fd_readdir')], call('proc_exit')],
  );
  t.like(await runCli(['run', written(t, lists), '--dir', folder], { prefix }), { code: 0 });
});

test('what only a server has is refused for a command', async (t) => {
  const file = written(t, exits(0));
  for (const flags of [
    ['--workers', '1'],
    ['--log-level', 'info'],
    ['--idle-timeout', '1s'],
  ]) {
    const line = new RegExp(`^wasmpoll: ${flags[0]}: a command has no such setting$`, 'm');
    refused(t, await runCli([file, ...flags]), 1, line);
  }
});
