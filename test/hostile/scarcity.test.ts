// Little is left, and for long: hangs at a full house with swaps between them, and a machine that has no thread.

import test, { type ExecutionContext } from 'ava';
import { type Client, connect } from '../helpers/client.ts';
import type { Running } from '../helpers/process.ts';
import {
  answers,
  descriptors,
  fullHouse,
  hang,
  open,
  pause,
  skipped,
  start,
  threadLimiter,
} from '../helpers/scarcity.ts';

const HANGS = 100;
const AT_ONCE = 2;
const SWAP_EACH = 5;

/** One more client, once there is room for it. */
async function oneMore(t: ExecutionContext, server: Running): Promise<Client> {
  for (;;) {
    const client = await connect(server.address, { owner: t });
    if (await answers(client)) return client;
    client.destroy();
  }
}

test.serial(
  `${HANGS} hangs at a full house, with swaps between, cost nobody else and no descriptor`,
  async (t) => {
    if (skipped(t, 'prlimit')) return;
    const prefix = ['prlimit', '--nofile=120:120'];
    const args = ['--workers', '2', '--callback-timeout', '150ms'];
    const server = await start(t, args, { prefix });
    const clients = await fullHouse(t, server, 120);
    t.true(clients.length >= 12, `${clients.length} are served`);
    const evil = clients.splice(0, AT_ONCE);
    // Whoever is not evil is a witness to all of it.
    const witnesses = clients;
    let before = 0;
    let swaps = 0;
    for (let hangs = 0; hangs < HANGS; hangs += AT_ONCE) {
      if (hangs % SWAP_EACH === 0) {
        server.kill('SIGHUP');
        swaps += 1;
      }
      await Promise.all(evil.map(hang));
      const served = await Promise.all(witnesses.map((client) => answers(client)));
      t.is(served.filter(Boolean).length, witnesses.length, `after ${hangs + AT_ONCE} hangs`);
      evil.length = 0;
      while (evil.length < AT_ONCE) evil.push(await oneMore(t, server));
      if (hangs === 4 * AT_ONCE) before = await settled(server, Infinity);
    }
    await server.written('stderr', new RegExp(`(?:"module swapped"[^]*){${swaps}}`));
    const after = await settled(server, before);
    t.true(after <= before, `${before} descriptors, then ${after}`);
    t.notRegex(server.stderr, /EMFILE|not swapped|were reset/);
  },
);

/** How many descriptors there are once the threads that begin or end have done so: at most `most`, if it comes to that. */
async function settled(server: Running, most: number): Promise<number> {
  const until = Date.now() + 30_000;
  do await pause(100);
  while (descriptors(server.pid) > most && Date.now() < until);
  return descriptors(server.pid);
}

test.serial('when clone(2) fails for 5 s connections wait, and are served then', async (t) => {
  const server = await withoutThreads(t, 0, 5000);
  if (server === null) return t.pass();
  t.notRegex(server.stderr, /were reset/);
});

if (process.env.HOSTILE_LONG !== undefined) {
  test.serial(
    'when it fails for 30 s they are reset after 10, and others are served',
    async (t) => {
      const server = await withoutThreads(t, 1, 30_000);
      if (server === null) return t.pass();
      t.regex(server.stderr, /no thread has served for 10 s: the connections .* were reset/);
    },
  );
}

/** Two hangs while no thread can be made for so long. Who waited for less than 10 s is served afterwards. */
async function withoutThreads(
  t: ExecutionContext,
  number: number,
  ms: number,
): Promise<Running | null> {
  const limiter = threadLimiter(t, number);
  if (limiter === null) return null;
  const server = await start(t, [], { prefix: limiter.prefix });
  const [witness, first, second] = (await open(t, server, 3)) as [Client, Client, Client];
  t.true(await answers(witness));
  const { forbid, allow } = limiter.of(server);
  forbid();
  // It may find a thread that is there already.
  await hang(first);
  const lost = hang(second);
  await server.written('stderr', /no thread can be started/);
  const waiting = answers(witness);
  await pause(ms);
  allow();
  await lost;
  t.is(await waiting, ms < 10_000);
  const later = await oneMore(t, server);
  await hang(later);
  t.true(await answers(await oneMore(t, server)));
  return server;
}
