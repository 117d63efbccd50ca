// --upstream on the command line, the option of that name, and what a reload says of upstreams.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../../host/index.ts';
import { connect } from '../helpers/client.ts';
import { refused, runCli, startCli, temporary } from '../helpers/process.ts';

test('an upstream that is wrong is one line, which says where', async (t) => {
  const wrong: [args: readonly string[], line: RegExp][] = [
    [['10.0.0.5:5432'], /^wasmpoll: --upstream must be NAME=TARGET, got '10\.0\.0\.5:5432'; see/],
    [
      ['db=10.0.0.5'],
      /^wasmpoll: --upstream\.db\.targets: address '10\.0\.0\.5': must be HOST:PORT/,
    ],
    [['db=h:1', 'db=h:2'], /^wasmpoll: --upstream db is given twice; several targets have commas;/],
  ];
  for (const [values, line] of wrong) {
    refused(t, await runCli(values.flatMap((value) => ['--upstream', value])), 2, line);
  }
});

test('an option that is wrong is refused by name', async (t) => {
  const options = { protocol: 'echo', listen: '127.0.0.1:0' };
  await t.throwsAsync(serve({ ...options, upstreams: { db: '10.0.0.5' } }), {
    code: 'ERR_OPTION',
    message: /^serve\(\): upstreams\.db\.targets: address '10\.0\.0\.5': must be HOST:PORT/,
  });
  await t.throwsAsync(serve({ ...options, upstreams: 7 as never }), {
    code: 'ERR_OPTION',
    message: 'serve(): upstreams: must have an upstream for each name, got 7',
  });
});

test('a server with upstreams tells how each is doing', async (t) => {
  const server = await serve({
    ...{ protocol: 'echo', listen: '127.0.0.1:0', workers: 0 },
    upstreams: { db: '10.0.0.5:5432,unix:/run/db.sock', any: '*.example.com:443' },
  });
  const nothing = {
    ...{ open: 0, connecting: 0, connected: 0, cancelled: 0, failed: {}, bytesIn: 0, bytesOut: 0 },
  };
  t.deepEqual(server.stats().upstreams, {
    db: {
      ...nothing,
      targets: [
        { address: '10.0.0.5:5432', resting: false },
        { address: 'unix:/run/db.sock', resting: false },
      ],
    },
    any: { ...nothing, targets: [] },
  });
  await server.close();
  t.is(server.stats().upstreams.db!.open, 0);
});

/** Greets with its letter. */
async function greeter(t: ExecutionContext, letter: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(letter);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as { port: number }).port;
}

test('SIGHUP leads new connections where the file says now, and a wrong file changes nothing', async (t) => {
  const file = path.join(temporary(t), 'w.toml');
  const write = (target: string) =>
    writeFileSync(
      file,
      `[upstreams.db]\ntargets = "${target}"\n` +
        '[service.a]\nprotocol = "proxy"\nconfig = "upstream=db"\nlisten = "127.0.0.1:0"\n',
    );
  const [a, b] = [await greeter(t, 'a'), await greeter(t, 'b')];
  write(`127.0.0.1:${a}`);
  const server = await startCli(t, ['--config', file], { lines: 0 });
  const [, address] = await server.written('stdout', /^a: listening on (.*)\n/m);
  const greeting = async (): Promise<string> =>
    String(await (await connect(address!, { owner: t })).readAll());
  t.is(await greeting(), 'a');
  write('127.0.0.1');
  server.kill('SIGHUP');
  await server.written('stderr', /not as the file says: .*must be HOST:PORT/);
  t.is(await greeting(), 'a');
  write(`127.0.0.1:${b}`);
  server.kill('SIGHUP');
  await server.written('stderr', /swapped/);
  t.is(await greeting(), 'b');
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
  t.notRegex(server.stderr, /needs a restart/);
});
