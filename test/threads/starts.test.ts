// Threads that have to start when little is left: no descriptor, no file, no thread. What is lost is the
// connection whose callback hung, and the server goes on by itself.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../../host/index.ts';
import { machine } from '../../host/kernel/native.ts';
import { type Client, connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { until } from '../helpers/proc.ts';
import {
  Running,
  runScript,
  type StartOptions,
  temporary,
  withoutPrivileges,
} from '../helpers/process.ts';
import {
  answers,
  descriptors,
  flags,
  fullHouse,
  guestFile,
  hang,
  open,
  pause,
  skipped,
  start,
  TIMEOUT,
  threadLimiter,
} from '../helpers/scarcity.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const limits = (server: Running, ...limit: string[]): void => {
  execFileSync('prlimit', ['--pid', String(server.pid), ...limit]);
};

for (const [workers, limit] of [
  ['1', 100],
  ['1', 140],
  ['4', 180],
] as const) {
  test(`at a limit of ${limit} descriptors, ${workers} workers: a full house outlives hangs and a swap`, async (t) => {
    if (skipped(t, 'prlimit')) return;
    const prefix = ['prlimit', `--nofile=${limit}:${limit}`];
    const server = await start(t, ['--workers', workers], { prefix });
    let clients = await fullHouse(t, server, limit);
    t.true(clients.length >= 12, `${clients.length} are served`);
    for (let round = 0; round < 3; round += 1) {
      // Two at once: with one worker the second one's turn comes in the next thread.
      const [first, second, ...rest] = clients as [Client, Client, ...Client[]];
      await Promise.all([hang(first), hang(second)]);
      const served = await Promise.all(rest.map((client) => answers(client)));
      t.is(served.filter(Boolean).length, rest.length);
      server.kill('SIGHUP');
      await server.written('stderr', new RegExp(`(?:"module swapped"[^]*){${round + 1}}`));
      t.true((await Promise.all(rest.map((client) => answers(client)))).every(Boolean));
      clients = rest;
    }
    t.notRegex(server.stderr, /EMFILE|not swapped/);
  });
}

test('at a full house a hang is mended though clients come back all the time', async (t) => {
  if (skipped(t, 'prlimit')) return;
  const server = await start(t, [], { prefix: ['prlimit', '--nofile=100:100'] });
  const [evil, ...witnesses] = (await fullHouse(t, server, 100)) as [Client, ...Client[]];
  let over = false;
  const pushing = Array.from({ length: 8 }, async () => {
    while (!over) {
      const client = await connect(server.address);
      await answers(client);
      client.destroy();
    }
  });
  await hang(evil);
  const served = await Promise.all(witnesses.map((client) => answers(client)));
  over = true;
  await Promise.all(pushing);
  t.is(served.filter(Boolean).length, witnesses.length);
});

/** A package of its own, as installed: compiled files, addon, and what it depends on. */
function ownPackage(t: ExecutionContext): string {
  const folder = path.join(temporary(t), 'package');
  mkdirSync(folder);
  for (const name of ['dist/host', 'dist/assembly', 'dist/protocols', 'package.json']) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  const addon = `prebuilds/${machine()}/wasmpoll.node`;
  mkdirSync(path.dirname(path.join(folder, addon)), { recursive: true });
  cpSync(path.join(root, 'native/build/Release/wasmpoll.node'), path.join(folder, addon));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

async function startPackage(
  t: ExecutionContext,
  folder: string,
  options: StartOptions = {},
): Promise<Running> {
  const main = path.join(folder, 'dist/host/cli/main.js');
  const server = new Running([main, ...flags, ...TIMEOUT, guestFile(t)], options);
  t.teardown(async () => {
    server.kill('SIGKILL');
    await server.exited;
  });
  await server.written('stdout', /^listening on .*\n/m);
  return server;
}

/** Hangs one client after the other, with no time for anything between; others are served on. */
async function outlivesHangs(t: ExecutionContext, server: Running, hangs = 3): Promise<void> {
  const [witness, ...evil] = (await open(t, server, hangs + 1)) as [Client, ...Client[]];
  t.true(await answers(witness));
  for (const client of evil) {
    await hang(client);
    t.true(await answers(witness));
  }
}

test('a hang is mended when the package was moved', async (t) => {
  const folder = ownPackage(t);
  const server = await startPackage(t, folder);
  renameSync(folder, `${folder}-before`);
  await outlivesHangs(t, server);
});

test('a hang is mended when the package must not be read any more', async (t) => {
  const prefix = withoutPrivileges(t);
  if (prefix === null) return t.pass();
  const folder = ownPackage(t);
  const server = await startPackage(t, folder, { prefix });
  t.teardown(() => chmodSync(folder, 0o755));
  chmodSync(folder, 0);
  await outlivesHangs(t, server);
});

test('a hang is mended when the working directory was deleted', async (t) => {
  const cwd = path.join(temporary(t), 'gone');
  mkdirSync(cwd);
  const server = await start(t, [], { cwd });
  rmSync(cwd, { recursive: true });
  await outlivesHangs(t, server);
});

test("a preload in NODE_OPTIONS is the program's business, and no thread's", async (t) => {
  const folder = temporary(t);
  const [preload, notes] = [path.join(folder, 'preload.cjs'), path.join(folder, 'notes')];
  const note = `require('node:fs').appendFileSync(${JSON.stringify(notes)}, 'x')`;
  writeFileSync(preload, note);
  const env = { ...process.env, NODE_OPTIONS: `--require ${preload}` } as Record<string, string>;
  const server = await start(t, [], { env });
  rmSync(preload);
  await outlivesHangs(t, server);
  t.is(readFileSync(notes, 'utf8'), 'x');
});

for (const [index, ms] of [1000, 3000].entries()) {
  test(`when no thread can be made for ${ms} ms connections wait, and are served then`, async (t) => {
    const limiter = threadLimiter(t, index);
    if (limiter === null) return t.pass();
    const server = await start(t, [], { prefix: limiter.prefix });
    t.teardown(() => t.passed || t.log(server.stderr));
    const [witness, ...evil] = (await open(t, server, 4)) as [Client, ...Client[]];
    t.true(await answers(witness));
    const { forbid, allow } = limiter.of(server);
    forbid();
    // The first may find a thread that is there already.
    await hang(evil[0]!);
    const second = hang(evil[1]!);
    await server.written('stderr', /no thread can be started/);
    await pause(ms);
    allow();
    await second;
    if (!(await answers(witness))) {
      // The line may come after the reset that it tells of.
      await server.written('stderr', /no thread has served for 10 s/);
      t.log('skipped: this machine takes seconds to start a thread');
      return t.pass();
    }
    await hang(evil[2]!);
    t.true(await answers(witness));
  });
}

test('a seat that stays without a thread gives its connections up, and serves again by itself', async (t) => {
  if (skipped(t, 'prlimit')) return;
  const server = await start(t);
  const [first, second, ...rest] = (await open(t, server, 32)) as [Client, Client, ...Client[]];
  t.true((await Promise.all(rest.map((client) => answers(client)))).every(Boolean));
  limits(server, '--nofile=10:');
  await hang(first);
  await hang(second);
  // Nobody is there to answer: what is known is that they end.
  await Promise.all(rest.map((client) => client.closed));
  limits(server, '--nofile=1024:');
  let next = await connect(server.address, { owner: t });
  while (!(await answers(next))) next = await connect(server.address, { owner: t });
  t.true(await answers(next));
  await hang(next);
  t.true(await answers(await connect(server.address, { owner: t })));
});

test('50 hangs leave no descriptor behind', async (t) => {
  const server = await serve({
    protocol: hazard(),
    listen: '127.0.0.1:0',
    workers: 2,
    policy: { callbackTimeoutMs: 400, drainQuietMs: 0, graceMs: 1000, maxConnections: 64 },
  });
  t.teardown(() => server.close());
  const address = server.addresses[0]!;
  const ready = async (): Promise<void> => {
    while (server.stats().workers.ready < 2) await pause(5);
  };
  // Each worker hangs.
  const round = async (): Promise<void> => {
    const evil = [await connect(address), await connect(address)];
    await Promise.all(evil.map(hang));
    for (const client of evil) client.destroy();
    await ready();
  };
  for (let warm = 0; warm < 2; warm += 1) await round();
  await pause(500);
  const before = descriptors(process.pid);
  for (let hangs = 0; hangs < 50; hangs += 2) await round();
  // Other tests of this file have descriptors, too, and end some time; one that is left would stay.
  await until(() => descriptors(process.pid) <= before);
  t.pass();
});

test('a process ends by itself when its server has, whatever is kept ready', async (t) => {
  const index = new URL('../../host/index.js', import.meta.url).href;
  const outcome = await runScript(`
    import { serve } from ${JSON.stringify(index)};
    const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0' });
    await server.close();
    console.log('closed');`);
  t.deepEqual(outcome, { code: 0, signal: null, stdout: 'closed\n', stderr: '' });
});

test('a start that fails for want of descriptors leaves none open, and no timer', async (t) => {
  if (skipped(t, 'prlimit')) return;
  const index = new URL('../../host/index.js', import.meta.url).href;
  const { code, stdout, stderr } = await runScript(
    `
    import { closeSync, openSync, readdirSync } from 'node:fs';
    import { serve } from ${JSON.stringify(index)};
    const count = () => readdirSync('/proc/self/fd').length;
    const upstreams = { db: '127.0.0.1:1' };
    const policy = { drainQuietMs: 0 };
    const start = () =>
      serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 3, upstreams, policy });
    // What stays open for good, such as the event loop's own.
    await (await start()).close();
    const before = count();
    let failures = 0;
    for (let room = 1; room <= 48; room += 1) {
      const held = [];
      try {
        for (;;) held.push(openSync('/dev/null'));
      } catch {
        for (const fd of held.splice(0, room)) closeSync(fd);
      }
      try {
        await (await start()).close();
      } catch {
        failures += 1;
      }
      for (const fd of held) closeSync(fd);
      if (count() !== before) console.log('with', room, 'left:', before, count());
    }
    console.log(failures > 20 ? 'failed' : failures, failures < 48 ? 'and started' : '');`,
    { prefix: ['prlimit', '--nofile=150:150'] },
  );
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'failed and started\n', stderr: '' });
});
