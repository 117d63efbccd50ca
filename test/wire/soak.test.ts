// Soak: clients that do anything, at random but the same each time, against the binary. Each byte
// that comes back is compared, and when all are gone nothing of them is left.

import test from 'ava';
import { difference, pattern, random } from '../helpers/bytes.ts';
import type { Client } from '../helpers/client.ts';
import { descriptorCount, residentBytes, TCP, tcpSockets, until } from '../helpers/proc.ts';
import { startCli, temporary } from '../helpers/process.ts';
import { connect, wayFlags } from '../helpers/way.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const LANES = 24;
const LIVES = 240;

type Next = () => number;

/** A few small parts, and now and then a large one. */
function parts(next: Next, seed: number): Buffer[] {
  const count = 1 + Math.floor(next() * 8);
  return Array.from({ length: count }, (_, index) =>
    pattern(1 + Math.floor(next() ** 6 * MiB), seed * 16 + index),
  );
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One client's life. @returns what was wrong with what it received */
async function live(client: Client, next: Next, seed: number): Promise<string> {
  const sending = parts(next, seed);
  const whole = Buffer.concat(sending);
  const sent = (async () => {
    for (const part of sending) {
      await client.send(part);
      for (let ticks = next() * 4; ticks > 1; ticks -= 1) await tick();
    }
    if (next() < 0.9) client.end();
  })();
  const fate = next();
  if (fate < 0.6) {
    // To the end, with pauses.
    let [got, wrong] = [0, ''];
    while (got < whole.length && wrong === '') {
      const length = Math.min(whole.length - got, 1 + Math.floor(next() * 200 * KiB));
      const part = await client.readExactly(length);
      wrong = difference(part, whole.subarray(got, got + length));
      got += length;
      if (next() < 0.3) {
        client.pause();
        for (let ticks = next() * 20; ticks > 0; ticks -= 1) await tick();
        client.resume();
      }
    }
    await sent;
    client.end();
    const rest = await client.readAll();
    return wrong === '' && rest.length > 0 ? `${rest.length} bytes too many` : wrong;
  }
  sent.catch(() => undefined);
  for (let ticks = next() * 30; ticks > 0; ticks -= 1) await tick();
  const got = await client.readExactly(client.waiting);
  const wrong = difference(got, whole.subarray(0, got.length));
  if (fate < 0.8) client.reset();
  else client.destroy();
  return wrong;
}

test('whatever clients do, each gets its own bytes back, and nothing is left of them', async (t) => {
  const address = `unix:${temporary(t)}/echo`;
  const args = [...wayFlags('127.0.0.1:0'), ...wayFlags(address), '--linger', '500ms'];
  const server = await startCli(t, args);
  const witness = await connect(server.address, { owner: t });
  await witness.send('x');
  await witness.readExactly(1);
  const descriptors = descriptorCount(server.pid);
  const faults: string[] = [];
  const next = random(20_260_101);

  const soak = async (first: number): Promise<void> => {
    let begun = first;
    const lane = async (): Promise<void> => {
      while (begun < first + LIVES) {
        const seed = begun++;
        const own = random(seed);
        const paused = own() < 0.2;
        const to = next() < 0.7 ? server.address : address;
        const client = await connect(to, { owner: t, paused });
        if (paused) setTimeout(() => client.resume(), own() * 50);
        const wrong = await live(client, own, seed).catch(String);
        if (wrong !== '') faults.push(`client ${seed}: ${wrong}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await until(() => descriptorCount(server.pid) === descriptors);
  };

  // The first round brings the pool, the buffers and the code to their size.
  await soak(0);
  const before = residentBytes(server.pid);
  await soak(LIVES);
  await soak(2 * LIVES);
  const growth = residentBytes(server.pid) - before;
  t.deepEqual(faults.slice(0, 10), []);
  t.true(growth < 12 * MiB, `${Math.round(growth / MiB)} MiB`);
  await until(() =>
    tcpSockets(server.port).every(
      ({ state, remotePort }) =>
        state === TCP.LISTEN ||
        state === TCP.TIME_WAIT ||
        witness.localAddress.endsWith(`:${remotePort}`),
    ),
  );
  await witness.send('y');
  t.is(String(await witness.readExactly(1)), 'y');
  t.is(server.stderr, '');
});
