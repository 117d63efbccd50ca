// What a service manager is told: readiness, reloads, the end, and a sign of life as long as everything turns.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { takeWatchdog, Watchdog } from '../../host/systemd/watchdog.ts';
import { connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { listenForNotes } from '../helpers/notify-listener.ts';
import { startCli, temporary } from '../helpers/process.ts';

const listen = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--grace', '1s'];
const environment = (more: Record<string, string>): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  ...more,
});

for (const [where, abstract] of [
  ['a path', false],
  ['an abstract name', true],
] as const) {
  test(`a manager at ${where} is told when it is ready, when it reloads, and when it stops`, async (t) => {
    const { path: NOTIFY_SOCKET, process: notes } = await listenForNotes(t, abstract);
    const server = await startCli(t, listen, { env: environment({ NOTIFY_SOCKET }) });
    await notes.written('stdout', /^READY=1 STATUS=0 connections open\n/m);
    const client = await connect(server.address, { owner: t });
    await client.send('hello');
    await client.readExactly(5);
    server.kill('SIGHUP');
    const reload = /^RELOADING=1 MONOTONIC_USEC=(\d+)\nREADY=1 STATUS=1 connection open\n/m;
    const [, us] = await notes.written('stdout', reload);
    const now = Number(process.hrtime.bigint() / 1000n);
    t.true(Number(us) <= now && Number(us) > now - 60_000_000);
    server.kill('SIGTERM');
    await notes.written('stdout', /^STOPPING=1 STATUS=/m);
    t.deepEqual(await server.exited, { code: 0, signal: null });
    t.is(server.stderr.split('\n').length, 2, 'one line for the swap');
  });
}

test('a reload that fails is over, too', async (t) => {
  const { path: NOTIFY_SOCKET, process: notes } = await listenForNotes(t);
  const file = path.join(temporary(t), 'mine.wasm');
  writeFileSync(file, hazard());
  const server = await startCli(t, [...listen, file], { env: environment({ NOTIFY_SOCKET }) });
  writeFileSync(file, 'no module');
  server.kill('SIGHUP');
  await notes.written('stdout', /^RELOADING=1.*\nREADY=1/m);
  await server.written('stderr', /not swapped/);
  t.pass();
});

test('signs of life come while every worker turns, and stop when one hangs for good', async (t) => {
  const { path: NOTIFY_SOCKET, process: notes } = await listenForNotes(t);
  const file = path.join(temporary(t), 'mine.wasm');
  writeFileSync(file, hazard());
  const env = environment({ NOTIFY_SOCKET, WATCHDOG_USEC: '300000' });
  const args = [...listen, '--workers', '2', '--callback-timeout', '1h', file];
  const server = await startCli(t, args, { env });
  await notes.written('stdout', /(?:^WATCHDOG=1\n){4}/m);
  const client = await connect(server.address, { owner: t });
  await client.send('H');
  // Signs are counted over spans of the time within which one is wanted.
  const signs = (): number => notes.stdout.split('WATCHDOG=1').length;
  const span = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 600));
  await span();
  for (let before = -1; before !== signs(); await span()) before = signs();
  t.true(signs() > 4);
  server.kill('SIGKILL');
});

test('a worker that hangs and is replaced interrupts the signs of life for a moment only', async (t) => {
  const { path: NOTIFY_SOCKET, process: notes } = await listenForNotes(t);
  const file = path.join(temporary(t), 'mine.wasm');
  writeFileSync(file, hazard());
  const env = environment({ NOTIFY_SOCKET, WATCHDOG_USEC: '1500000' });
  const server = await startCli(t, [...listen, '--callback-timeout', '500ms', file], { env });
  const client = await connect(server.address, { owner: t });
  await client.send('H');
  await server.written('stderr', /guest failed and was replaced/);
  const before = notes.stdout.length;
  await notes.written('stdout', new RegExp(`^[^]{${before},}WATCHDOG=1\n`));
  t.pass();
});

test('no sign of life is given that is not wanted of this process', async (t) => {
  const taken = (env: NodeJS.ProcessEnv): [number | null, NodeJS.ProcessEnv] => [
    takeWatchdog(env, 7),
    env,
  ];
  t.deepEqual(taken({ WATCHDOG_USEC: '1500000' }), [1500, {}]);
  t.deepEqual(taken({ WATCHDOG_USEC: '1500000', WATCHDOG_PID: '7' }), [1500, {}]);
  t.deepEqual(taken({ WATCHDOG_USEC: '1500000', WATCHDOG_PID: '8' }), [null, {}]);
  t.deepEqual(taken({ WATCHDOG_USEC: 'x' }), [null, {}]);
  t.deepEqual(taken({}), [null, {}]);
});

test('a sign of life waits for the answer, and asks whoever hangs once', async (t) => {
  let asked = 0;
  let answer: (turns: boolean) => void = () => undefined;
  let signs = 0;
  let look: () => void = () => undefined;
  const turns = (): Promise<boolean> => {
    asked += 1;
    look();
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  const watchdog = new Watchdog(3, turns, () => {
    signs += 1;
  });
  t.teardown(() => watchdog.close());
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      look = resolve;
    });
  await next();
  t.deepEqual([asked, signs], [1, 1], 'the first sign is given at once');
  answer(true);
  await next();
  t.deepEqual([asked, signs], [2, 2]);
  answer(false);
  await next();
  t.deepEqual([asked, signs], [3, 2]);
});

test('a manager that is not there, and variables that name none, change nothing', async (t) => {
  for (const NOTIFY_SOCKET of ['/nowhere/notify', '@wasmpoll-nobody', 'vsock:2:1', '', 'x']) {
    const server = await startCli(t, listen, { env: environment({ NOTIFY_SOCKET }) });
    server.kill('SIGTERM');
    t.deepEqual(await server.exited, { code: 0, signal: null });
    t.is(server.stderr, '');
  }
});
