// --store and --topics on the command line, and the options of the same names.

import { once } from 'node:events';
import { isBuiltin } from 'node:module';
import { createServer } from 'node:net';
import test from 'ava';
import { serve } from '../../host/index.ts';
import { refused, runCli } from '../helpers/process.ts';

test('an address that is wrong is one line, without what may be a password', async (t) => {
  refused(
    t,
    await runCli(['--store', 'http://u:secret@host']),
    2,
    /^wasmpoll: --store must be redis:\/\/HOST:PORT, .*, got one with http:; see --help\n$/,
  );
  refused(t, await runCli(['--topics', 'nats://u:sec%ret@host']), 2, /%25; see --help\n$/);
  refused(t, await runCli(['--store', 'redis://a', '--store=redis://b']), 2, /only once/);
});

test('options that are wrong are refused by name', async (t) => {
  const start = (options: object) => serve({ protocol: 'echo', listen: '127.0.0.1:0', ...options });
  await t.throwsAsync(start({ store: 'nats://h' }), {
    code: 'ERR_OPTION',
    message: /^serve\(\): store must be redis:/,
  });
  await t.throwsAsync(start({ topics: 7 }), {
    code: 'ERR_OPTION',
    message: 'serve(): topics must be text',
  });
});

test('a Node without SQLite is told in one line', async (t) => {
  if (isBuiltin('node:sqlite')) {
    t.log(`skipped: Node ${process.version} has node:sqlite`);
    t.pass();
    return;
  }
  const outcome = await runCli(['--store', 'sqlite:/nowhere/keys.db', '--listen', '127.0.0.1:0']);
  const line = `wasmpoll: store: sqlite: needs Node 22.13 or later, this is ${process.version}\n`;
  t.deepEqual(outcome, { code: 1, signal: null, stdout: '', stderr: line });
});

test('a start that waits for an engine ends when it is aborted', async (t) => {
  // It accepts, and says nothing.
  const silent = createServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as { port: number };
  const stop = new AbortController();
  silent.once('connection', () => stop.abort(new Error('enough')));
  const started = serve({
    ...{ protocol: 'echo', listen: '127.0.0.1:0', store: `redis://127.0.0.1:${port}` },
    ...{ signal: stop.signal, policy: { requestTimeoutMs: 60_000 } },
  });
  await t.throwsAsync(started, { message: 'enough' });
});
