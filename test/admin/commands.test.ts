// What operators command over the admin socket, and who may.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LogTail, openAdmin, serve } from '../../host/index.ts';
import { silent } from '../../host/server/logger.ts';
import { ask } from '../helpers/admin.ts';
import { connect } from '../helpers/client.ts';
import { echoModule } from '../helpers/guests.ts';
import { startCli, temporary } from '../helpers/process.ts';

const quick = { drainQuietMs: 0, graceMs: 1000, lingerMs: 100 };
const type = { 'content-type': 'application/json' };

/** A logger with levels, as pino's has. */
class Leveled {
  level = 'info';
  debug = silent.debug;
  info = silent.info;
  warn = silent.warn;
  error = silent.error;
  isLevelEnabled(level: string): boolean {
    return this.level === 'debug' || level !== 'debug';
  }
}

async function opened(t: ExecutionContext) {
  const logger = new Leveled();
  const logs = new LogTail(logger);
  const options = { listen: '127.0.0.1:0', policy: quick, logger: logs };
  const server = await serve({ protocol: 'echo', ...options });
  t.teardown(() => server.close());
  const unix = `unix:${path.join(temporary(t), 'a.sock')}`;
  const admin = await openAdmin({ echo: server }, { listen: [unix, '127.0.0.1:0'], logs });
  t.teardown(() => admin.close());
  const command = (to: string, body: object = {}, headers: Record<string, string> = {}) =>
    ask(unix, to, { method: 'POST', body: JSON.stringify(body), headers: { ...type, ...headers } });
  return { server, unix, tcp: admin.addresses[1]!, logger, command };
}

const errorOf = ({ text }: { text: string }): string =>
  (JSON.parse(text) as { error: string }).error;

test('commands are taken by the Unix socket alone', async (t) => {
  const { tcp, unix, server } = await opened(t);
  for (const to of ['/swap', '/drain', '/log-level', '/reload', '/connections/1/close']) {
    const answer = await ask(tcp, to, { method: 'POST', headers: type, body: '{}' });
    t.is(answer.status, 403);
    t.regex(errorOf(answer), /only a Unix socket with a file/);
    const { status, headers } = await ask(unix, to);
    t.deepEqual([status, headers.allow], [405, 'POST']);
  }
  t.is(server.status().state, 'serving');
});

test('an abstract name has no owner: it gives figures, and takes no commands', async (t) => {
  const { server } = await opened(t);
  const listen = `unix:@wasmpoll-admin-${process.pid}`;
  await using admin = await openAdmin({ echo: server }, { listen });
  const [address] = admin.addresses;
  t.is((await ask(address!, '/healthz')).status, 200);
  const answer = await ask(address!, '/drain', { method: 'POST', headers: type, body: '{}' });
  t.is(answer.status, 403);
  t.is(server.status().state, 'serving');
});

test('a page that a browser shows cannot command, wherever the socket leads to', async (t) => {
  const { unix, command, server } = await opened(t);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  t.is((await ask(unix, '/drain', { method: 'POST', headers: form, body: 'a=b' })).status, 415);
  t.is((await ask(unix, '/drain', { method: 'POST', body: '{}' })).status, 415);
  const foreign = { origin: 'http://evil.example', host: 'localhost' };
  t.is((await command('/drain', {}, foreign)).status, 403);
  t.is((await command('/drain', {}, { origin: 'null' })).status, 403);
  t.is((await command('/drain', {}, { 'sec-fetch-site': 'cross-site' })).status, 403);
  t.is((await command('/drain', {}, { host: 'evil.example' })).status, 421);
  t.is(server.status().state, 'serving');
  const own = { origin: 'http://localhost:9000', host: 'localhost:9000' };
  t.is((await command('/log-level', { level: 'warn' }, own)).status, 200);
});

test('a swap puts another module under the connections, and says which', async (t) => {
  const { server, command } = await opened(t);
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('one');
  await client.readExactly(3);
  const file = path.join(temporary(t), 'other.wasm');
  writeFileSync(file, echoModule());
  const answer = await command('/swap', { protocol: file });
  t.is(answer.status, 200);
  t.like(JSON.parse(answer.text), { service: 'echo', module: { name: 'other.wasm', swaps: 1 } });
  t.is(server.status().module.name, 'other.wasm');
  await client.send('two');
  t.is(String(await client.readExactly(3)), 'two');
});

test('a swap that is refused says why, and changes nothing', async (t) => {
  const { server, command } = await opened(t);
  const none = await command('/swap', { protocol: './none.wasm' });
  t.deepEqual([none.status, /no such file/.test(errorOf(none))], [409, true]);
  const missing = await command('/swap');
  t.deepEqual([missing.status, /protocol is missing/.test(errorOf(missing))], [400, true]);
  t.is((await command('/swap', { protocol: 7 })).status, 400);
  t.is((await command('/swap', { protocol: 'echo', service: 'other' })).status, 404);
  const unknown = await command('/swap', { protocoll: 'echo' });
  t.deepEqual([unknown.status, /no 'protocoll'/.test(errorOf(unknown))], [400, true]);
  t.like(server.status().module, { name: 'echo', swaps: 0 });
  await server.close();
  t.is((await command('/swap', { protocol: 'echo' })).status, 409);
});

test('a body that is no object, or too long, is refused', async (t) => {
  const { unix } = await opened(t);
  const send = (body: string) => ask(unix, '/swap', { method: 'POST', headers: type, body });
  for (const body of ['[]', 'null', '7', '{', '"text"']) t.is((await send(body)).status, 400, body);
  t.is((await send(`{"protocol":"${'a'.repeat(70_000)}"}`)).status, 413);
});

test('the level of the log is changed, and connections are told of from then on', async (t) => {
  const { server, command, logger } = await opened(t);
  const lines: string[] = [];
  logger.debug = (_, message) => lines.push(message);
  t.is((await command('/log-level', { level: 'loud' })).status, 400);
  t.is((await command('/log-level', { level: 'debug' })).status, 200);
  t.is(logger.level, 'debug');
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('x');
  await client.readExactly(1);
  client.end();
  await client.readAll();
  while (!lines.includes('closed')) await new Promise((resolve) => setImmediate(resolve));
  t.true(lines.includes('connected'));
});

test('connections are listed and closed', async (t) => {
  const { server, unix, tcp, command } = await opened(t);
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('hello');
  await client.readExactly(5);
  const { service, connections, next } = JSON.parse((await ask(tcp, '/connections?limit=5')).text);
  t.deepEqual([service, connections.length, next], ['echo', 1, null]);
  t.like(connections[0], { bytesIn: 5, bytesOut: 5, state: 'open', waiting: null });
  for (const query of ['limit=0', 'limit=x', 'sort=name', 'after=1', 'page=2', 'limit=1e9']) {
    t.is((await ask(unix, `/connections?${query}`)).status, 400, query);
  }
  t.is((await ask(unix, '/connections?service=other')).status, 404);
  const close = `/connections/${connections[0].id}/close`;
  t.is((await command(close)).status, 202);
  t.is(await client.closed, 'end');
  t.is((await command('/connections/123456/close')).status, 404);
  t.is((await command('/connections/-1/close')).status, 404);
});

test('a drain ends the servers, and is told until the end', async (t) => {
  const { server, command, unix } = await opened(t);
  t.is((await command('/drain')).status, 202);
  await server.closed;
  t.regex((await ask(unix, '/readyz')).text, /^echo: closed/);
});

test('with the command line, reload and a swap without a protocol read files again', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 'my.wasm');
  writeFileSync(file, echoModule());
  const socket = `unix:${path.join(folder, 'a.sock')}`;
  const running = await startCli(t, [file, '--listen', '127.0.0.1:0', '--admin', socket]);
  const post = (to: string) => ask(socket, to, { method: 'POST', headers: type, body: '{}' });
  t.like(JSON.parse((await post('/swap')).text), { service: 'my', module: { swaps: 1 } });
  t.is((await post('/reload')).status, 200);
  writeFileSync(file, 'no module');
  const refused = await post('/reload');
  t.is(refused.status, 409, refused.text);
  t.regex(errorOf(refused), /my\.wasm/);
  const { services } = JSON.parse((await ask(socket, '/status')).text);
  t.is(services[0].module.swaps, 2);
  t.is((await post('/drain')).status, 202);
  t.is((await running.exited).code, 0);
});
