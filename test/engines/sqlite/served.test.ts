// A server with its keys in a file, from client to disk: what was answered is there after the server is killed.

import { execFileSync } from 'node:child_process';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { serve } from '../../../host/index.ts';
import { runScript, startCli, temporary } from '../../helpers/process.ts';
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

/** The disk hangs while this file is there: no write is synchronised before it is gone. */
const HANGING_DISK = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
typedef int sync_function(int);
static int later(const char *name, int fd) {
  while (access(getenv("HANG_FILE"), F_OK) == 0) usleep(1000);
  return ((sync_function *)dlsym(RTLD_NEXT, name))(fd);
}
int fdatasync(int fd) { return later("fdatasync", fd); }
int fsync(int fd) { return later("fsync", fd); }
`;

test.serial('a disk that hangs keeps no server from being closed', async (t) => {
  if (!isBuiltin('node:sqlite')) {
    t.log(`skipped: Node ${process.version} has no node:sqlite`);
    t.pass();
    return;
  }
  const folder = temporary(t);
  const library = join(folder, 'hang.so');
  const cc = ['-shared', '-fPIC', '-x', 'c', '-o', library, '-', '-ldl'];
  execFileSync('cc', cc, { input: HANGING_DISK });
  const program = `
    import { rmSync, writeFileSync } from 'node:fs';
    import { serve } from '${new URL('../../../host/index.js', import.meta.url)}';
    const say = (level) => (fields, message) => console.log(level, message, JSON.stringify(fields));
    const server = await serve({
      protocol: 'echo', listen: '127.0.0.1:0', store: 'sqlite:${join(folder, 'keys.db')}',
      policy: { graceMs: 300, requestTimeoutMs: 60_000 },
      logger: { debug() {}, info: say('info'), warn: say('warn'), error: say('error') },
    });
    await server.store.add('n', 1);
    writeFileSync(process.env.HANG_FILE, '');
    const asked = server.store.add('n', 1).catch(({ code }) => code);
    await new Promise(setImmediate);
    await server.close();
    console.log(await asked);
    // A process that ends waits for its threads.
    rmSync(process.env.HANG_FILE);
  `;
  const { stdout, code } = await runScript(program, {
    env: {
      ...(process.env as Record<string, string>),
      LD_PRELOAD: library,
      HANG_FILE: join(folder, 'hangs'),
    },
  });
  t.is(code, 0);
  const why = 'store: not closed within graceMs; what it has not answered may have happened';
  const [line, answer, ...rest] = stdout.trimEnd().split('\n');
  t.true(line!.startsWith(`warn ${why} {"engine":"sqlite:`), stdout);
  t.deepEqual([answer, rest], ['ERR_UNKNOWN', []], stdout);
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
