// Debian's haproxy in front of servers: what a load balancer's clients see.

import test from 'ava';
import { connect } from '../helpers/client.ts';
import { startHaproxy } from '../helpers/haproxy.ts';
import { freePort, has } from '../helpers/installed.ts';
import { type Running, startCli } from '../helpers/process.ts';

test('a client behind haproxy gets its echo, and a half-closed one its whole echo', async (t) => {
  if (!has(t, 'haproxy')) return;
  const server = await startCli(t, ['--listen', '127.0.0.1:0']);
  const haproxy = await startHaproxy(t, `server one ${server.address}`);
  const client = await connect(haproxy.address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
  const bytes = Buffer.alloc(1024 * 1024, 'behind haproxy ');
  await client.send(bytes);
  client.end();
  t.is(Buffer.compare(await client.readAll(), bytes), 0);
});

/** Connects, is answered, and goes; again and again until `over`. Rejects when anything is refused or lost. */
async function visits(address: string, over: () => boolean): Promise<number> {
  for (let count = 0; ; count += 1) {
    if (over()) return count;
    const client = await connect(address);
    const text = `visit ${count} `.repeat(200);
    await client.send(text);
    client.end();
    const got = String(await client.readAll());
    if (got !== text) throw new Error(`visit ${count}: ${got.length} of ${text.length} bytes`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** So many milliseconds; rejects at once when a client does. */
const watchedFor = (clients: Promise<unknown>, ms: number): Promise<unknown> =>
  Promise.race([clients, new Promise((resolve) => setTimeout(resolve, ms))]);

test('fifty rolling restarts behind haproxy cost no client a connection or a byte', async (t) => {
  if (!has(t, 'haproxy')) return;
  t.timeout(120_000);
  const ports = [await freePort(), await freePort()];
  const admins = [await freePort(), await freePort()];
  const start = (index: number): Promise<Running> =>
    startCli(t, [
      ...['--listen', `127.0.0.1:${ports[index]}`, '--admin', `127.0.0.1:${admins[index]}`],
      ...['--workers', '0', '--drain-delay', '1h', '--drain-quiet', '1m', '--grace', '2m'],
    ]);
  const servers = [await start(0), await start(1)];
  // As a kubelet does: two answers that are not 200, and nobody new is sent there.
  const check = 'check inter 20ms fastinter 20ms downinter 20ms rise 1 fall 2';
  const haproxy = await startHaproxy(
    t,
    ...['option httpchk GET /readyz', 'balance roundrobin', 'retries 0'],
    ...ports.map(
      (port, index) => `server s${index} 127.0.0.1:${port} port ${admins[index]} ${check}`,
    ),
  );
  let over = false;
  const clients = [visits(haproxy.address, () => over), visits(haproxy.address, () => over)];
  const watched = Promise.all(clients);
  const is = async (index: number, state: string): Promise<void> => {
    while (!(await haproxy.states()).get(`s${index}`)?.startsWith(state))
      await watchedFor(watched, 5);
  };
  for (let restart = 0; restart < 50; restart += 1) {
    const index = restart % 2;
    const old = servers[index]!;
    old.kill('SIGTERM');
    // The delay is as long as the balancer needs, however busy the machine is; then it drains at once.
    await is(index, 'DOWN');
    old.kill('SIGTERM');
    t.deepEqual(await Promise.race([old.exited, watched]), { code: 0, signal: null });
    servers[index] = await start(index);
    // The next one goes when this one is sent clients again, as a deployment waits for readiness.
    await is(index, 'UP');
  }
  over = true;
  const counts = await watched;
  t.log(`${counts[0]! + counts[1]!} visits`);
  t.true(counts.every((count) => count > 50));
});
