// A server with its keys in a file, from client to disk: what was answered is there after the server is killed.

import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { serve } from '../../../host/index.ts';
import { startCli, temporary } from '../../helpers/process.ts';
import { Hosted, type Known } from '../../helpers/programs.ts';
import { sharingModule } from '../../helpers/sharing.ts';

for (const workers of [0, 2]) {
  test.serial(`with ${workers} workers, keys are there after a restart`, async (t) => {
    if (!isBuiltin('node:sqlite')) {
      t.log(`skipped: Node ${process.version} has no node:sqlite`);
      t.pass();
      return;
    }
    const store = `sqlite:${join(temporary(t), 'keys.db')}`;
    const first = await Hosted.start(t, { protocol: sharingModule, workers, store });
    const [{ client }] = (await first.clients(t, 1)) as [Known];
    await client.send('u . 1 0 -1 key value;a . 2 0 41 count;e 3 {u 0 0 0 -1 will done;};');
    await first.logged(/^reply 0 2 0 -?\d+ 41$/);
    await first.server.close();
    const second = await Hosted.start(t, { protocol: sharingModule, workers, store });
    const [{ client: again }] = (await second.clients(t, 1)) as [Known];
    await again.send('g . 1 key;a . 2 0 1 count;g . 3 will;');
    await second.logged(/^reply 0 1 0 -?\d+ value$/);
    await second.logged(/^reply 0 2 0 -?\d+ 42$/);
    await second.logged(/^reply 0 3 0 -?\d+ done$/);
    t.like(second.server.stats().engines, { ready: true, store: { connected: true, pending: 0 } });
  });
}

test.serial('a command line with a file says nothing but where it listens', async (t) => {
  if (!isBuiltin('node:sqlite')) {
    t.log(`skipped: Node ${process.version} has no node:sqlite`);
    t.pass();
    return;
  }
  const path = join(temporary(t), 'keys.db');
  const running = await startCli(t, ['--listen', '127.0.0.1:0', '--store', `sqlite:${path}`]);
  running.kill();
  await running.exited;
  t.regex(running.stdout, /^listening on [^\n]*\n$/);
  t.is(running.stderr, '');
});

test.serial('a file that cannot be used ends the start in one line', async (t) => {
  if (!isBuiltin('node:sqlite')) {
    t.log(`skipped: Node ${process.version} has no node:sqlite`);
    t.pass();
    return;
  }
  const store = `sqlite:${join(temporary(t), 'no', 'keys.db')}`;
  await t.throwsAsync(serve({ protocol: 'echo', listen: '127.0.0.1:0', store }), {
    code: 'ERR_OPTION',
    message: /^store: cannot use sqlite:.*keys\.db: unable to open database file$/,
  });
});
