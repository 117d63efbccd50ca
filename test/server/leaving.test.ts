// The time between the decision to stop and the drain: everything goes on, and whoever asks is told.

import test from 'ava';
import { serve } from '../../host/index.ts';
import { connect } from '../helpers/client.ts';
import { type Running, startCli } from '../helpers/process.ts';

const listen = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--grace', '1s'];

async function echoes(address: string): Promise<boolean> {
  const client = await connect(address);
  try {
    await client.send('hello');
    return String(await client.readExactly(5)) === 'hello';
  } finally {
    client.destroy();
  }
}

test('a server that leaves accepts as before, and says that it leaves, until the delay is over', async (t) => {
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    // The client below comes within it.
    policy: { drainDelayMs: 2000, drainQuietMs: 0 },
  });
  const address = server.addresses[0]!;
  t.is(server.status().state, 'serving');
  const closed = server.close();
  t.is(server.status().state, 'leaving');
  t.true(await echoes(address));
  t.is(server.close(), closed);
  await closed;
  t.is(server.status().state, 'closed');
  await t.throwsAsync(connect(address), { code: 'ECONNREFUSED' });
});

test('drain() does not wait for the rest of the delay, and close() without a delay is drain()', async (t) => {
  const policy = { drainDelayMs: 3_600_000, drainQuietMs: 0 };
  const server = await serve({ protocol: 'echo', listen: '127.0.0.1:0', policy });
  void server.close();
  t.is(server.status().state, 'leaving');
  t.is(server.drain(), server.closed);
  t.is(server.status().state, 'draining');
  await server.closed;
  const other = await serve({ protocol: 'echo', listen: '127.0.0.1:0' });
  void other.close();
  t.is(other.status().state, 'draining');
  await other.closed;
});

/** Waits until nobody is let in. */
async function refusing(server: Running): Promise<void> {
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

test('after SIGTERM it serves for --drain-delay, a second one drains at once, and a third ends it', async (t) => {
  const long = ['--drain-delay', '1h', '--grace', '1h', '--drain-quiet', '1h'];

  const server = await startCli(t, ['--listen', '127.0.0.1:0', ...long]);
  const client = await connect(server.address, { owner: t });
  await client.send('hello');
  await client.readExactly(5);
  server.kill('SIGTERM');
  t.true(await echoes(server.address));
  t.true(await echoes(server.address));
  server.kill('SIGTERM');
  await refusing(server);
  await client.send('again');
  t.is(String(await client.readExactly(5)), 'again');
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 143, signal: null });
});

test('the end of the delay drains as a signal would', async (t) => {
  const server = await startCli(t, [...listen, '--drain-delay', '2s']);
  t.true(await echoes(server.address));
  server.kill('SIGTERM');
  t.true(await echoes(server.address));
  t.deepEqual(await server.exited, { code: 0, signal: null });
});
