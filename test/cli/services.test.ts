// Services of a file, through the binary: all start or none, each mistake is a line, and SIGHUP reads it again.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connect } from '../helpers/client.ts';
import { type Running, runCli, startCli, temporary } from '../helpers/process.ts';

/** Writes files into a folder of the test's own; each call returns the path. */
function writer(t: ExecutionContext): (name: string, text: string) => string {
  const folder = temporary(t);
  return (name, text) => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };
}

/** Where the service listens. */
const addressOf = async (running: Running, name: string): Promise<string> =>
  (await running.written('stdout', new RegExp(`^${name}: listening on (.*)\n`, 'm')))[1]!;

const service = (name: string, protocol: string, more = ''): string =>
  `[service.${name}]\nprotocol = "${protocol}"\nlisten = "127.0.0.1:0"\n${more}`;

async function said(t: ExecutionContext, address: string, text: string): Promise<string> {
  const client = await connect(address, { owner: t });
  await client.send(Buffer.from(text));
  client.end();
  return String(await client.readAll());
}

test('the services of a file are served side by side', async (t) => {
  const file = writer(t)('w.toml', service('one', 'echo') + service('two', 'chat'));
  const server = await startCli(t, ['--config', file], { lines: 0 });
  t.is(await said(t, await addressOf(server, 'one'), 'abc'), 'abc');
  t.is(await said(t, await addressOf(server, 'two'), 'abc'), 'name? ');
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
});

test('twelve services are no reason for a warning', async (t) => {
  const names = Array.from({ length: 12 }, (_, at) => `s${at}`);
  const file = writer(t)(
    'w.toml',
    names.map((name) => service(name, 'echo', 'workers = 0\n')).join(''),
  );
  const server = await startCli(t, ['--config', file], { lines: 0 });
  t.is(await said(t, await addressOf(server, 's11'), 'abc'), 'abc');
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
  t.notRegex(server.stderr, /warning/i);
});

test('none of the services stays when one cannot start', async (t) => {
  const taken = await startCli(t, ['--listen', '127.0.0.1:0']);
  const file = writer(t)(
    'w.toml',
    `${service('one', 'echo')}[service.two]\nprotocol = "echo"\nlisten = "${taken.addresses[0]}"\n`,
  );
  const { code, stdout, stderr } = await runCli(['--config', file]);
  t.deepEqual([code, stdout], [1, '']);
  t.regex(stderr, /w\.toml:6: service\.two\.listen: listen EADDRINUSE/);
  t.is(stderr.trimEnd().split('\n').length, 1, stderr);
});

test('check says each mistake in a line, and what is right', async (t) => {
  const write = writer(t);
  const wrong = write(
    'wrong.toml',
    service('one', 'ecco') +
      service('two', './none.wasm', 'configFile = "none.txt"\n') +
      service('three', 'echo', 'policy = { lowWaterBytes = "64KiB", highWaterBytes = "32KiB" }\n') +
      service('four', 'echo').replace('127.0.0.1:0', '127.0.0.1:99999'),
  );
  const { code, stdout, stderr } = await runCli(['check', '--config', wrong]);
  t.deepEqual([code, stdout], [1, '']);
  const lines = stderr.trimEnd().split('\n');
  const expected = [
    /wrong\.toml:2: service\.one\.protocol: /,
    /wrong\.toml:7: service\.two\.configFile: ENOENT/,
    /wrong\.toml:5: service\.two\.protocol: /,
    /wrong\.toml:11: service\.three\.policy: .*lowWaterBytes: must be below/,
    /wrong\.toml:14: service\.four\.listen: address '127\.0\.0\.1:99999': the port must be/,
  ];
  t.is(lines.length, expected.length, stderr);
  for (const [index, line] of expected.entries()) t.regex(lines[index]!, line);

  const right = write(
    'right.json',
    JSON.stringify({ service: { a: { protocol: 'echo', listen: '127.0.0.1:0' } } }),
  );
  const found = await runCli(['check', '--config', right]);
  t.deepEqual([found.code, found.stderr], [0, '']);
  t.is(found.stdout, `${right}: nothing is wrong with a\n`);
});

test('wrong usage is one line', async (t) => {
  for (const args of [
    ['check'],
    ['check', '--config', 'x', 'y'],
    ['--config', 'x', '--workers', '2'],
  ]) {
    const { code, stderr } = await runCli(args);
    t.is(code, 2, stderr);
    t.is(stderr.trimEnd().split('\n').length, 1, stderr);
  }
});

test('SIGHUP swaps what a file has changed, and a wrong file changes nothing', async (t) => {
  const write = writer(t);
  const file = write('w.toml', service('one', 'echo'));
  const server = await startCli(t, ['--config', file], { lines: 0 });
  const address = await addressOf(server, 'one');
  write('w.toml', service('one', 'echo', 'workers = -1\n'));
  server.kill('SIGHUP');
  await server.written('stderr', /nothing is changed: .*w\.toml:4: service\.one\.workers: must be/);
  t.is(await said(t, address, 'abc'), 'abc');
  write('w.toml', service('one', 'echo') + service('two', 'echo'));
  server.kill('SIGHUP');
  await server.written('stderr', /"protocol":"echo","msg":"module swapped"/);
  await server.written('stderr', /"service":"two","msg":"new in the file: restart to serve it"/);
  t.is(await said(t, address, 'abc'), 'abc');
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
});
