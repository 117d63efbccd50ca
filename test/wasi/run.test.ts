// runWasi: a command from its start to its end, and how it is stopped.

import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import type { WasmpollError } from '../../host/errors.ts';
import { type RunOptions, runWasi } from '../../host/index.ts';
import { E } from '../../host/wasi/preview1/numbers.ts';
import { connect } from '../helpers/client.ts';
import { descriptors } from '../helpers/native.ts';
import { runScript, temporary } from '../helpers/process.ts';
import {
  command,
  copies,
  echoes,
  grows,
  hoards,
  prints,
  servesOne,
  spins,
  tells,
  writesOn,
} from '../helpers/wasi.ts';
import { call, forever, i32, tryCatchAll, unreachable } from '../helpers/wasm.ts';

const LOCAL = '127.0.0.1:0';
const HOUR = 3_600_000;
const exits = (status: number) => command(['proc_exit'], [i32(status), call('proc_exit')]);

test.serial('the exit status is the command’s; without an exit it is 0', async (t) => {
  for (const status of [0, 1, 7, 255, 256, -1]) {
    const run = await runWasi({ module: exits(status) });
    t.is(await run.exited, status >>> 0);
  }
  t.is(await (await runWasi({ module: command([], []) })).exited, 0);
});

test.serial('a trap is an error that names the module and the reason', async (t) => {
  const deep = command([], [call('_start')]);
  for (const [module, reason] of [
    [command([], [unreachable]), /^guest.wasm: trap: unreachable$/],
    [deep, /^guest.wasm: trap: Maximum call stack size exceeded$/],
  ] as const) {
    const run = await runWasi({ module });
    const error = await t.throwsAsync<WasmpollError>(run.exited, { code: 'ERR_TRAP' });
    t.regex(error!.message, reason);
    await t.throwsAsync(run.close(), { is: error });
  }
});

test.serial('a command that fails with its memory at its limit is told so', async (t) => {
  const policy = { guestMemoryBytes: 4 * 1024 ** 2 };
  const full = "the guest's memory is at its limit of 4 MiB; see --guest-memory";
  const trapped = await runWasi({ module: grows(unreachable), policy });
  const error = await t.throwsAsync(trapped.exited, { code: 'ERR_TRAP' });
  t.is(error!.message, `guest.wasm: trap: unreachable; ${full}`);
  const fails = [i32(1), call('proc_exit')];
  const failed = await runWasi({ module: grows(fails), policy });
  t.is(await failed.exited, 1);
  t.is(failed.remark, `guest.wasm: ${full}`);
  // 41 pages of 64 KiB; 20 more would not fit.
  const large = { guestMemoryBytes: 60 * 65_536 };
  const doubles = await runWasi({ module: grows(fails, 20), policy: large });
  t.is(await doubles.exited, 1);
  const most = 'of its limit of 3 MiB; see --guest-memory';
  t.is(doubles.remark, `guest.wasm: the guest's memory is 2 MiB ${most}`);
  const succeeds = await runWasi({ module: grows([i32(0), call('proc_exit')]), policy });
  t.is(await succeeds.exited, 0);
  t.is(succeeds.remark, null);
  const other = await runWasi({ module: exits(1), policy });
  t.is(await other.exited, 1);
  t.is(other.remark, null);
});

test.serial(
  'a module is given as a path, a URL, bytes or compiled; its file’s name comes first',
  async (t) => {
    const file = path.join(temporary(t), 'tells.wasm');
    writeFileSync(file, tells('args'));
    const compiled = await WebAssembly.compile(tells('args'));
    for (const [module, name] of [
      [file, 'tells.wasm'],
      [pathToFileURL(file), 'tells.wasm'],
      [pathToFileURL(file).href, 'tells.wasm'],
      [tells('args'), 'guest.wasm'],
      [compiled, 'guest.wasm'],
    ] as const) {
      const run = await runWasi({ module, args: ['one', '--two'], stdout: 'pipe' });
      t.is(await text(run.stdout!), `${name}\0one\0--two\0`);
    }
  },
);

test.serial(
  'the environment is what was given, and LISTEN_FDS when there are listeners',
  async (t) => {
    const environ = async (options: Partial<RunOptions>) => {
      const run = await runWasi({ module: tells('environ'), stdout: 'pipe', ...options });
      return text(run.stdout!);
    };
    t.is(await environ({}), '');
    t.is(await environ({ env: { A: '1', B: '' } }), 'A=1\0B=\0');
    t.is(await environ({ env: { A: '1' }, listen: [LOCAL, LOCAL] }), 'LISTEN_FDS=2\0A=1\0');
    t.is(await environ({ env: { LISTEN_FDS: '9' }, listen: LOCAL }), 'LISTEN_FDS=9\0');
  },
);

test.serial('standard streams: pipes, descriptors, nowhere', async (t) => {
  const piped = await runWasi({ module: copies(), stdin: 'pipe', stdout: 'pipe' });
  piped.stdin!.end('through');
  t.is(await text(piped.stdout!), 'through');
  t.is(await piped.exited, 0);

  const file = path.join(temporary(t), 'out');
  const fd = openSync(file, 'w');
  await (await runWasi({ module: prints('to a file'), stdout: fd })).exited;
  closeSync(fd);
  t.is(readFileSync(file, 'utf8'), 'to a file');

  const errors = await runWasi({ module: prints('wrong', 2), stderr: 'pipe' });
  t.is(await text(errors.stderr!), 'wrong');

  const nothing = await runWasi({ module: copies(), stdin: 'ignore', stdout: 'ignore' });
  t.is(await nothing.exited, 0);
  t.deepEqual([nothing.stdin, nothing.stdout, nothing.stderr], [null, null, null]);
});

test.serial('a command that writes faster than it is read waits, and loses nothing', async (t) => {
  const run = await runWasi({ module: copies(), stdin: 'pipe', stdout: 'pipe' });
  const bytes = Buffer.alloc(3_000_000, 'abcdefg');
  run.stdin!.end(bytes);
  t.true(bytes.equals(await buffer(run.stdout!)));
});

test.serial('a command whose output nobody reads ends as by SIGPIPE, or is told', async (t) => {
  const ended = await runWasi({ module: writesOn(2), stderr: 'pipe' });
  ended.stderr!.destroy();
  t.is(await ended.exited, 141);
  const told = await runWasi({ module: writesOn(), stdout: 'pipe', sigpipe: false });
  told.stdout!.destroy();
  t.is(await told.exited, E.PIPE);
  // Of what is no standard stream every program is told.
  const client = await runWasi({ module: writesOn(0), stdin: 'pipe' });
  t.is(await client.exited, E.BADF);
});

test.serial('a server is reached where it listens, and serves while it runs', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 's');
  await using run = await runWasi({ module: echoes(), listen: `unix:${file}` });
  t.deepEqual(run.addresses, [`unix:${file}`]);
  await using second = await runWasi({ module: echoes(4), listen: [LOCAL, LOCAL] });
  for (const address of [run.addresses[0]!, second.addresses[1]!]) {
    const client = await connect(address, { owner: t });
    await client.send('hello');
    t.is(String(await client.readExactly(5)), 'hello');
    client.destroy();
  }
  await run.close();
  t.false(existsSync(file));
});

test.serial('listeners are numbered after the folders', async (t) => {
  const dirs = [temporary(t), `${temporary(t)}:/data`];
  await using run = await runWasi({ module: echoes(5), listen: LOCAL, dirs });
  const client = await connect(run.addresses[0]!, { owner: t });
  await client.send('x');
  t.is(String(await client.readExactly(1)), 'x');
  client.destroy();
});

test.serial('listeners may be handed over non-blocking', async (t) => {
  const run = await runWasi({ module: echoes(), listen: LOCAL, nonblocking: true });
  t.is(await run.exited, 6, 'EAGAIN');
});

test.serial('a stop ends a command that waits for a client, with status 0', async (t) => {
  const run = await runWasi({ module: echoes(), listen: LOCAL });
  const client = await connect(run.addresses[0]!, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  client.end();
  t.is(String(await client.readAll()), '');
  const [first, second] = [run.close(), run.close()];
  t.is(await first, 0);
  t.is(await second, 0);
  t.is(await run.close(), 0);
  t.true(run.stopped);
});

test.serial('a stop ends a command that never waits, at its next call or soon', async (t) => {
  for (const module of [spins(), command([], forever())]) {
    const run = await runWasi({ module, policy: { graceMs: HOUR } });
    t.is(await run.close(), 0);
    t.true(run.stopped);
  }
});

test.serial('a command that ends by itself after a stop has its own exit status', async (t) => {
  const run = await runWasi({
    module: servesOne(7),
    listen: LOCAL,
    policy: { drainQuietMs: HOUR, graceMs: HOUR },
  });
  const client = await connect(run.addresses[0]!, { owner: t });
  await client.readExactly(1);
  const closed = run.close();
  client.end();
  t.is(await closed, 7);
  t.false(run.stopped);
});

test.serial('a stop ends a command that waits for input or for a time', async (t) => {
  const reader = await runWasi({ module: copies(), stdin: 'pipe' });
  t.is(await reader.close(), 0);
  const sleeps = command(
    ['poll_oneoff'],
    [i32(0), i32(64), i32(1), i32(256), call('poll_oneoff'), [0x1a]],
    {
      data: [{ at: 16, bytes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) }],
    },
  );
  t.is(await (await runWasi({ module: sleeps })).close(), 0);
});

test.serial(
  'a connection that is open at the stop is served to its end; nobody else is',
  async (t) => {
    const policy = { graceMs: HOUR, drainQuietMs: HOUR };
    const run = await runWasi({ module: echoes(), listen: LOCAL, policy });
    const client = await connect(run.addresses[0]!, { owner: t });
    await client.send('before');
    await client.readExactly(6);
    const closed = run.close();
    await client.send('after');
    t.is(String(await client.readExactly(5)), 'after');
    await t.throwsAsync(connect(run.addresses[0]!, { owner: t }), { code: 'ECONNREFUSED' });
    client.end();
    t.is(String(await client.readAll()), '');
    t.is(await closed, 0);
  },
);

test.serial('a connection on which nothing happens does not hold up the stop', async (t) => {
  const policy = { graceMs: HOUR, drainQuietMs: 10 };
  const run = await runWasi({ module: echoes(), listen: LOCAL, policy });
  const client = await connect(run.addresses[0]!, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  t.is(await run.close(), 0);
  t.is(await client.closed, 'end');
});

test.serial('after the grace a command that waits is ended, whoever it serves', async (t) => {
  const policy = { graceMs: 10, drainQuietMs: HOUR };
  const run = await runWasi({ module: echoes(), listen: LOCAL, policy });
  const client = await connect(run.addresses[0]!, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  t.is(await run.close(), 0);
});

test.serial(
  'after the grace a command that computes with a connection open is terminated, which is an error',
  async (t) => {
    const run = await runWasi({ module: hoards(), listen: LOCAL, policy: { graceMs: 1 } });
    const client = await connect(run.addresses[0]!, { owner: t });
    await client.readExactly(1);
    const error = await t.throwsAsync(run.close(), { code: 'ERR_HUNG' });
    t.is(error!.message, 'guest.wasm: did not end within 1 ms of its stop, and was terminated');
  },
);

test.serial('a command that catches its end gets no further', async (t) => {
  for (const handler of [[i32(4), call('proc_exit')], []]) {
    const body = tryCatchAll([i32(3), call('proc_exit')], handler);
    const run = await runWasi({ module: command(['proc_exit'], body) });
    t.is(await run.exited, 3);
  }
});

test.serial('a signal stops the run, also before it has begun', async (t) => {
  const controller = new AbortController();
  const run = await runWasi({ module: echoes(), listen: LOCAL, signal: controller.signal });
  controller.abort();
  t.is(await run.exited, 0);
  const late = runWasi({
    module: echoes(),
    listen: LOCAL,
    signal: AbortSignal.abort(new Error('no')),
  });
  await t.throwsAsync(late, { message: 'no' });
});

test.serial('nothing is left open: listeners, connections, folders, streams', async (t) => {
  const before = descriptors();
  const policy = { graceMs: HOUR, drainQuietMs: 1 };
  const dirs = [temporary(t)];
  const run = await runWasi({ module: echoes(4), listen: LOCAL, dirs, policy, stdin: 'pipe' });
  const client = await connect(run.addresses[0]!, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  await run.close();
  await client.closed;
  client.destroy();
  run.stdin!.destroy();
  await once(run.stdin!, 'close');
  const hung = await runWasi({
    module: hoards(),
    listen: LOCAL,
    policy: { graceMs: 0 },
  });
  const held = await connect(hung.addresses[0]!, { owner: t });
  await held.readExactly(1);
  await t.throwsAsync(hung.close(), { code: 'ERR_HUNG' });
  await held.closed;
  held.destroy();
  const trapped = await runWasi({ module: command([], [unreachable]), listen: LOCAL });
  await t.throwsAsync(trapped.exited);
  t.deepEqual(descriptors(), before);
});

test.serial('what cannot be opened is told, and leaves nothing open', async (t) => {
  const before = descriptors();
  const taken = await runWasi({ module: echoes(), listen: LOCAL });
  const [address] = taken.addresses;
  const module = echoes();
  const twice = runWasi({ module, listen: [LOCAL, address!], stdin: 'pipe', stdout: 'pipe' });
  await t.throwsAsync(twice, { code: 'EADDRINUSE' });
  await taken.close();
  const folder = { code: 'ERR_OPTION', message: "folder '/none': no such folder" };
  await t.throwsAsync(runWasi({ module, listen: LOCAL, dirs: ['/none'] }), folder);
  const file = path.join(temporary(t), 'file');
  writeFileSync(file, '');
  await t.throwsAsync(runWasi({ module, dirs: file }), {
    message: `folder '${file}': is not a folder`,
  });
  await t.throwsAsync(runWasi({ module, stdin: 1_000_000 }), { code: 'EBADF' });
  await t.throwsAsync(runWasi({ module: '/none.wasm' }), {
    message: "module '/none.wasm': no such file",
  });
  // The pipes' other ends close in their own time.
  while (descriptors().length > before.length) await new Promise(setImmediate);
  t.deepEqual(descriptors(), before);
});

test.serial('options are checked before anything is done', async (t) => {
  const module = echoes();
  const cases: [Record<string, unknown>, RegExp][] = [
    [{}, /module is missing/],
    [{ module, lisen: LOCAL }, /there is no option 'lisen'; it takes module, listen/],
    [{ module, listen: 5 }, /listen must be a list of strings/],
    [{ module, args: 'one' }, /args must be a list of strings/],
    [{ module, args: ['a\0b'] }, /args must be a list of strings without a zero byte/],
    [{ module, dirs: [null] }, /dirs must be a list/],
    [{ module, env: { 'A=B': '' } }, /env: 'A=B' must be a name without '='/],
    [{ module, env: { A: 5 } }, /env: 'A'/],
    [{ module, env: 'A=5' }, /env must be an object of names and strings/],
    [{ module, env: ['A=5'] }, /env must be an object of names and strings/],
    [{ module, env: new Map([['A', '5']]) }, /env must be an object of names and strings/],
    [
      { module, stdin: 'file' },
      /stdin must be 'inherit', 'ignore', 'pipe' or a descriptor, got file/,
    ],
    [{ module, stdout: -1 }, /stdout must be/],
    [{ module, stdin: 2 ** 31 }, /stdin must be/],
    [{ module, stderr: Object.create(null) }, /stderr must be .*, got an object/],
    [{ module, policy: 5 }, /policy must be an object of settings/],
    [{ module, policy: [] }, /policy must be an object of settings/],
    [{ module, nonblocking: 1 }, /nonblocking must be true or false/],
    [{ module, sigpipe: 'no' }, /sigpipe must be true or false/],
    [{ module, signal: {} }, /signal must be an AbortSignal/],
    [{ module, policy: { graceMs: 'x' } }, /policy.graceMs: must be/],
    [{ module, listen: 'nowhere' }, /address 'nowhere'/],
    [{ module, dirs: [':/x'] }, /folder ':\/x': must be HOST, HOST:GUEST or HOST:GUEST:ro$/],
    [{ module, dirs: ['.::ro'] }, /folder '.::ro': must be HOST, HOST:GUEST or HOST:GUEST:ro$/],
  ];
  for (const [options, message] of cases) {
    await t.throwsAsync(runWasi(options as never), { name: 'WasmpollError', message });
  }
  await t.throwsAsync(runWasi(null as never), { message: /takes an object of options/ });
});

test.serial(
  'a trap that nobody waits for does not end the process; the process ends by itself',
  async (t) => {
    const main = new URL('../../host/index.js', import.meta.url).href;
    const bytes = JSON.stringify([...command([], [unreachable])]);
    const script = `
    import { runWasi } from '${main}';
    await runWasi({ module: new Uint8Array(${bytes}), listen: '127.0.0.1:0' });
  `;
    t.deepEqual(await runScript(script), { code: 0, signal: null, stdout: '', stderr: '' });
  },
);

test.serial('a process that exits while its command waits is not held up', async (t) => {
  const main = new URL('../../host/index.js', import.meta.url).href;
  const bytes = JSON.stringify([...echoes()]);
  const script = `
    import { runWasi } from '${main}';
    const run = await runWasi({ module: new Uint8Array(${bytes}), listen: '127.0.0.1:0' });
    const { connect } = await import('node:net');
    const [host, port] = run.addresses[0].split(':');
    const socket = connect(port, host).end('x').resume();
    socket.on('end', () => process.exit(5));
  `;
  t.like(await runScript(script), { code: 5, signal: null });
});

test.serial('closing a run that is over leaves nothing that keeps the process going', async (t) => {
  const main = new URL('../../host/index.js', import.meta.url).href;
  const bytes = JSON.stringify([...command([], [])]);
  const script = `
    import { runWasi } from '${main}';
    const run = await runWasi({ module: new Uint8Array(${bytes}) });
    await run.exited;
    await run.close();
    run.abort();
    console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length);
    process.exit();
  `;
  t.like(await runScript(script), { code: 0, stdout: '0\n' });
});

test.serial('an abort ends a command that computes; the error says so', async (t) => {
  const run = await runWasi({ module: command([], forever()) });
  run.abort();
  const error = await t.throwsAsync(run.exited, { code: 'ERR_HUNG' });
  t.is(error!.message, 'guest.wasm: did not end when it was aborted, and was terminated');
});
