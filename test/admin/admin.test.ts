// The admin socket as operators and programs see it: who may connect, and what is answered.

import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type Admin,
  LogTail,
  openAdmin,
  type Policy,
  type Server,
  serve,
} from '../../host/index.ts';
import { silent } from '../../host/server/logger.ts';
import { ask, events } from '../helpers/admin.ts';
import { connect } from '../helpers/client.ts';
import { until } from '../helpers/proc.ts';
import { startCli, temporary } from '../helpers/process.ts';

const quick = { drainQuietMs: 0, graceMs: 1000, lingerMs: 100 };

interface Opened {
  readonly server: Server;
  readonly admin: Admin;
  /** Of the Unix socket, and of the TCP one. */
  readonly unix: string;
  readonly tcp: string;
  readonly logs: LogTail;
}

async function opened(t: ExecutionContext, policy: Partial<Policy> = quick): Promise<Opened> {
  const logs = new LogTail({ ...silent, isLevelEnabled: (level) => level !== 'debug' });
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    policy,
    workers: 2,
    logger: logs,
  });
  t.teardown(() => server.close());
  const unix = `unix:${path.join(temporary(t), 'a.sock')}`;
  const admin = await openAdmin({ echo: server }, { listen: [unix, '127.0.0.1:0'], logs });
  t.teardown(() => admin.close());
  return { server, admin, unix, tcp: admin.addresses[1]!, logs };
}

test('status tells what is served, by whom, and what was counted', async (t) => {
  const { server, unix, tcp } = await opened(t);
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('hello');
  client.end();
  await client.readAll();
  // What was sent is counted when the system call has returned, which the client may be ahead of.
  await until(() => server.stats().bytesOut === 5);
  const { status, headers, text } = await ask(unix, '/status');
  t.is(status, 200);
  t.is(headers['content-type'], 'application/json; charset=utf-8');
  const { services, ...rest } = JSON.parse(text);
  t.is(rest.process.pid, process.pid);
  t.true(rest.process.rssBytes > 1e6 && rest.uptimeMs > 0);
  t.is(services.length, 1);
  const [service] = services;
  const file = readFileSync(new URL('../../protocols/echo.wasm', import.meta.url));
  t.is(service.module.sha256, createHash('sha256').update(file).digest('hex'));
  t.like(service, {
    name: 'echo',
    state: 'serving',
    listeners: [{ address: server.addresses[0], state: 'listening' }],
    policy: { drainQuietMs: 0 },
    stats: { connections: { total: 1 }, bytesIn: 5, bytesOut: 5, workers: { total: 2 } },
  });
  t.deepEqual(
    service.workers.map(({ index, state }: { index: number; state: string }) => [index, state]),
    [
      [0, 'serving'],
      [1, 'serving'],
    ],
  );
  const sum = service.workers.reduce(
    (all: number, { bytesIn }: { bytesIn: number }) => all + bytesIn,
    0,
  );
  t.is(sum, 5);
  t.is((await ask(tcp, '/status')).status, 200);
});

test('a follower is sent the status each second, and log lines as they come', async (t) => {
  const { unix, logs } = await opened(t);
  logs.warn({ id: 7 }, 'before');
  const seen: string[] = [];
  const count = (name: string): number => seen.filter((one) => one === name).length;
  for await (const { name, data } of events(unix)) {
    seen.push(name);
    const { message, level, fields } = data as Record<string, unknown>;
    if (message === 'before') logs.error({}, 'after');
    if (message === 'before') t.deepEqual([level, fields], ['warn', { id: 7 }]);
    if (name === 'status') t.is((data as { services: unknown[] }).services.length, 1);
    if (count('log') === 2 && count('status') >= 2) break;
  }
  // On a busy machine a second may be over between the lines.
  t.deepEqual(seen.slice(0, 2), ['status', 'log']);
});

test('its Unix socket is for its owner alone, and is gone when it is closed', async (t) => {
  const { admin, unix } = await opened(t);
  const file = unix.slice('unix:'.length);
  t.is(statSync(file).mode & 0o777, 0o600);
  await admin.close();
  await admin.close();
  t.throws(() => statSync(file), { code: 'ENOENT' });
  await t.throwsAsync(ask(unix, '/status'), { code: 'ENOENT' });
});

test('an address that others can reach must be allowed', async (t) => {
  const { server } = await opened(t);
  for (const listen of ['0.0.0.0:0', '[::]:0']) {
    await t.throwsAsync(openAdmin({ echo: server }, { listen }), {
      code: 'ERR_OPTION',
      message: /can be reached by others/,
    });
  }
  await using admin = await openAdmin({ echo: server }, { listen: '0.0.0.0:0', allowRemote: true });
  const { port } = new URL(`http://${admin.addresses[0]}`);
  t.is((await ask(`127.0.0.1:${port}`, '/healthz')).status, 200);
});

test('a request to another name is refused: the name may be made to lead here', async (t) => {
  const { unix, tcp } = await opened(t);
  for (const address of [unix, tcp]) {
    for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example']) {
      t.is((await ask(address, '/status', { headers: { host } })).status, 421, host);
    }
    for (const host of ['localhost', 'LOCALHOST:9000', '127.0.0.1:80', '[::1]:80']) {
      t.is((await ask(address, '/status', { headers: { host } })).status, 200, host);
    }
  }
});

test('what is not there is 404, and another method is 405', async (t) => {
  const { tcp } = await opened(t);
  t.is((await ask(tcp, '/nothing')).status, 404);
  const { status, headers } = await ask(tcp, '/status', { method: 'DELETE' });
  t.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
  t.is((await ask(tcp, '/status', { method: 'HEAD' })).text, '');
});

test('a draining server is alive and not ready', async (t) => {
  // It drains until its client has gone.
  const { server, unix } = await opened(t, { drainQuietMs: 3_600_000, graceMs: 3_600_000 });
  t.like(await ask(unix, '/readyz'), { status: 200, text: 'ready\n' });
  server.leave();
  t.like(await ask(unix, '/readyz'), { status: 503, text: 'echo: leaving\n' });
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('still served');
  await client.readExactly(12);
  void server.close();
  t.like(await ask(unix, '/readyz'), { status: 503, text: 'echo: draining\n' });
  t.like(await ask(unix, '/healthz'), { status: 200, text: 'ok\n' });
  client.end();
  await server.closed;
  t.like(await ask(unix, '/readyz'), { status: 503, text: 'echo: closed\n' });
});

test('the command line opens it by flags, and by the file of services', async (t) => {
  const folder = temporary(t);
  const socket = `unix:${path.join(folder, 'a.sock')}`;
  const one = await startCli(t, ['--listen', '127.0.0.1:0', '--admin', socket]);
  const { services } = JSON.parse((await ask(socket, '/status')).text);
  t.deepEqual(services[0].listeners, [{ address: one.address, state: 'listening' }]);
  t.is((await ask(socket, '/readyz')).status, 200);
  one.kill('SIGTERM');
  t.is((await one.exited).code, 0);
  t.throws(() => statSync(socket.slice('unix:'.length)), { code: 'ENOENT' });

  const file = path.join(folder, 'w.json');
  const service = { protocol: 'echo', listen: '127.0.0.1:0' };
  writeFileSync(file, JSON.stringify({ admin: socket, service: { a: service, b: service } }));
  const both = await startCli(t, ['--config', file], { lines: 0 });
  await both.written('stdout', /^b: listening on/m);
  const answer = JSON.parse((await ask(socket, '/status')).text);
  t.deepEqual(
    answer.services.map(({ name }: { name: string }) => name),
    ['a', 'b'],
  );
  both.kill('SIGTERM');
  t.is((await both.exited).code, 0);
});
