// Services of a file, through the binary: all start or none, each mistake is a line, and SIGHUP reads it again.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ask } from '../helpers/admin.ts';
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
      service('four', 'echo').replace('127.0.0.1:0', '127.0.0.1:99999') +
      service('five', 'echo', 'store = "mongo://x"\n'),
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
    /wrong\.toml:18: service\.five\.store: store must be redis:/,
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

test('check says that others could reach the admin socket', async (t) => {
  const file = writer(t)('w.toml', `admin = "0.0.0.0:9400"\n${service('one', 'echo')}`);
  const { code, stderr } = await runCli(['check', '--config', file]);
  t.is(code, 1);
  t.regex(stderr, /w\.toml:1: admin: .*'0\.0\.0\.0:9400' can be reached by others; .*\n$/);
});

test('check says that two services want the same address', async (t) => {
  const at = (name: string, address: string): string =>
    `[service.${name}]\nprotocol = "echo"\nlisten = ${address}\n`;
  const text = at('one', '"127.0.0.1:7"') + at('two', '"localhost:7"') + at('three', '"unix:/a"');
  const file = writer(t)('w.toml', text + at('four', '["unix:/b", "unix:/b"]'));
  const { code, stderr } = await runCli(['check', '--config', file]);
  t.is(code, 1);
  const [two, four, ...others] = stderr.trimEnd().split('\n');
  const taken = /127\.0\.0\.1:7 is taken: service\.one listens there as well$/;
  t.regex(two!, taken);
  t.regex(two!, /w\.toml:6: service\.two\.listen: /);
  t.regex(four!, /w\.toml:12: service\.four\.listen: unix:\/b is taken: service\.four listens/);
  t.deepEqual(others, []);
});

test('a flag of one server says where the file has it', async (t) => {
  const { code, stderr } = await runCli(['--config', 'x', '--listen', '127.0.0.1:0']);
  t.is(code, 2);
  t.is(
    stderr,
    'wasmpoll: --listen is for one server; with --config it is said in the file, in its [service.NAME]; see --help\n',
  );
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
  await server.written(
    'stderr',
    /not as the file says: .*w\.toml:4: service\.one\.workers: must be/,
  );
  t.is(await said(t, address, 'abc'), 'abc');
  write('w.toml', service('one', 'echo'));
  server.kill('SIGHUP');
  await server.written('stderr', /"service":"one","protocol":"echo","msg":"module swapped"/);
  t.is(await said(t, address, 'abc'), 'abc');
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
});

test('at SIGHUP services that are new in the file start, and those that are gone drain', async (t) => {
  const write = writer(t);
  const policy = '[service.one.policy]\ndrainQuietMs = 0\n';
  const file = write('w.toml', service('one', 'echo') + policy);
  const server = await startCli(t, ['--config', file], { lines: 0 });
  const one = await addressOf(server, 'one');
  write('w.toml', service('one', 'echo') + policy + service('two', 'lines'));
  server.kill('SIGHUP');
  const two = await addressOf(server, 'two');
  t.is(await said(t, two, 'abc\n'), 'abc\n');
  t.is(await said(t, one, 'abc'), 'abc');
  write('w.toml', service('two', 'lines'));
  const client = await connect(one, { owner: t });
  await client.send('abc');
  t.is(String(await client.readExactly(3)), 'abc');
  server.kill('SIGHUP');
  t.is(await client.closed, 'end');
  t.is(await said(t, two, 'abc\n'), 'abc\n');
  client.end();
  server.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
});

test('at SIGHUP listeners are opened and closed, and connections by those that are gone go on', async (t) => {
  const write = writer(t);
  const folder = temporary(t);
  const at = (...names: string[]): string =>
    `[service.one]\nprotocol = "echo"\nlisten = [${names.map((name) => `"unix:${folder}/${name}"`)}]\n`;
  const file = write('w.toml', at('a', 'b'));
  const server = await startCli(t, ['--config', file], { lines: 0 });
  await server.written('stdout', /one: listening on .*\/b\n/);
  const client = await connect(`unix:${folder}/b`, { owner: t });
  await client.send('abc');
  await client.readExactly(3);
  write('w.toml', at('a', 'c'));
  server.kill('SIGHUP');
  await server.written('stderr', /module swapped/);
  t.is(await said(t, `unix:${folder}/c`, 'abc'), 'abc');
  t.is(await said(t, `unix:${folder}/a`, 'abc'), 'abc');
  await t.throwsAsync(connect(`unix:${folder}/b`), { code: 'ENOENT' });
  await client.send('def');
  t.is(String(await client.readExactly(3)), 'def');
});

test('at SIGHUP a port that cannot be had changes nothing, and says so', async (t) => {
  const write = writer(t);
  const taken = await startCli(t, ['--listen', '127.0.0.1:0']);
  const folder = temporary(t);
  const listen = (...all: string[]): string => `listen = [${all.map((one) => `"${one}"`)}]\n`;
  const head = (name: string): string => `[service.${name}]\nprotocol = "echo"\n`;
  const [a, b] = [`unix:${folder}/a`, `unix:${folder}/b`];
  const file = write('w.toml', head('one') + listen(a) + head('two') + listen(b));
  const server = await startCli(t, ['--config', file], { lines: 0 });
  await server.written('stdout', /two: listening on/);
  const wrong = [
    // A service that is new, and one that is there, behind another whose listeners have changed.
    head('one') + listen(a) + head('two') + listen(b) + head('three') + listen(taken.address),
    head('one') + listen(`unix:${folder}/c`) + head('two') + listen(b, taken.address),
  ];
  for (const [index, text] of wrong.entries()) {
    write('w.toml', text);
    const before = server.stderr.length;
    server.kill('SIGHUP');
    const line = /w\.toml:\d+: service\.(?:two|three)\.listen: .*EADDRINUSE/;
    await server.written('stderr', new RegExp(`^[^]{${before}}[^]*${line.source}`));
    t.is(await said(t, a, 'abc'), 'abc', `${index}`);
    t.is(await said(t, b, 'abc'), 'abc', `${index}`);
    await t.throwsAsync(connect(`unix:${folder}/c`), { code: 'ENOENT' });
  }
  t.notRegex(server.stderr, /module swapped/);
});

test('at SIGHUP timeouts change for connections that are open, and what needs a restart is named', async (t) => {
  const write = writer(t);
  const policy = (text: string): string => `[service.one.policy]\n${text}`;
  const file = write('w.toml', service('one', 'echo'));
  const server = await startCli(t, ['--config', file], { lines: 0 });
  const client = await connect(await addressOf(server, 'one'), { owner: t });
  await client.send('abc');
  await client.readExactly(3);
  write(
    'w.toml',
    `logLevel = "debug"\n${service('one', 'echo', 'workers = 2\n')}${policy('idleTimeoutMs = 50\nmaxConnections = 7\n')}`,
  );
  server.kill('SIGHUP');
  t.is(await client.closed, 'end', 'it was idle');
  client.end();
  await server.written('stderr', /"msg":"has changed, and needs a restart: logLevel"/);
  const rest = /"service":"one","msg":"has changed, and needs a restart: maxConnections, workers"/;
  await server.written('stderr', rest);
  t.pass();
});

test('flags win over the file', async (t) => {
  const write = writer(t);
  const folder = temporary(t);
  const file = write(
    'w.toml',
    `logLevel = "silent"\naccessLog = "file.log"\n${service('one', 'echo')}`,
  );
  const log = path.join(folder, 'flag.log');
  const flags = [
    '--log-level',
    'info',
    '--log-format',
    'pretty',
    '--access-log',
    log,
    '--log-data',
  ];
  const server = await startCli(t, ['--config', file, ...flags], { lines: 0 });
  t.is(await said(t, await addressOf(server, 'one'), 'abc'), 'abc');
  await server.written('stderr', /^[\d:.]+ INFO {2}received .*service=one.* data=abc\n/m);
  await server.written('stderr', /INFO {2}closed/);
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
  t.regex(readFileSync(log, 'utf8'), /"service":"one".*"bytesIn":3/);
});

test('the access log has those who come while other services still start', async (t) => {
  const write = writer(t);
  const folder = temporary(t);
  const first = `[service.one]\nprotocol = "echo"\nlisten = "unix:${folder}/a"\n`;
  const log = path.join(folder, 'access.log');
  const file = write('w.toml', `${first}${service('two', 'echo', 'workers = 4\n')}`);
  const server = await startCli(t, ['--config', file, '--access-log', log], { lines: 0 });
  let visits = 0;
  while (!server.stdout.includes('two: listening')) {
    try {
      await said(t, `unix:${folder}/a`, 'abc');
      visits += 1;
    } catch (error) {
      t.true(['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? ''));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  server.kill('SIGTERM');
  t.is((await server.exited).code, 0);
  t.is(readFileSync(log, 'utf8').split('\n').length - 1, visits);
  t.log(`${visits} visits`);
});

test('once all services drain, none is started by a reload, and the process ends', async (t) => {
  const write = writer(t);
  const admin = `unix:${path.join(temporary(t), 'a.sock')}`;
  const own = `admin = "${admin}"\n`;
  const file = write('w.toml', own + service('one', 'echo'));
  const server = await startCli(t, ['--config', file], { lines: 0 });
  const client = await connect(await addressOf(server, 'one'), { owner: t });
  const post = (to: string) =>
    ask(admin, to, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
  t.is((await post('/drain')).status, 202);
  write('w.toml', own + service('one', 'echo') + service('two', 'echo'));
  const { status, text } = await post('/reload');
  t.is(status, 409);
  t.regex(text, /"error":"reload: all servers drain, or have drained"/);
  client.end();
  t.is((await server.exited).code, 0);
  t.notRegex(server.stdout, /^two:/m);
});
