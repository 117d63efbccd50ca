// Changes: what a server listens on while it runs, and what becomes of those who came by it before.

import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ServeOptions, type Server, serve } from '../../host/index.ts';
import { native } from '../../host/kernel/native.ts';
import { bindPlan } from '../../host/listen/binding.ts';
import { parseIp } from '../../host/listen/peer/ip.ts';
import { ListenerTable, MOST_LISTENERS } from '../../host/listen/peer/listener-table.ts';
import { parseNetworks } from '../../host/listen/peer/networks.ts';
import { parseListen } from '../../host/listen/spec.ts';
import { resolvePolicy } from '../../host/policy.ts';
import { type Client, connect } from '../helpers/client.ts';
import { compiledGuest, small } from '../helpers/guests.ts';
import { runCli, startCli, temporary } from '../helpers/process.ts';

const surroundings = compiledGuest('surroundings');

async function served(t: ExecutionContext, options: Partial<ServeOptions>): Promise<Server> {
  const policy = { ...small, drainQuietMs: 0, lingerMs: 0 };
  const server = await serve({
    protocol: 'echo',
    listen: '127.0.0.1:0',
    workers: 0,
    policy,
    ...options,
  });
  t.teardown(() => server.close());
  return server;
}

async function echoes(client: Client): Promise<boolean> {
  await client.send('hello');
  return String(await client.readExactly(5)) === 'hello';
}

for (const workers of [0, 1]) {
  test(`listeners come and go, and connections stay, with workers: ${workers}`, async (t) => {
    const file = path.join(temporary(t), 's');
    const server = await served(t, { protocol: surroundings, workers });
    const [first] = server.addresses as [string];
    const before = await connect(first, { owner: t });
    await server.listen([`unix:${file}`, '127.0.0.1:0']);
    t.deepEqual(server.addresses, [`unix:${file}`, first], 'what stays is the same socket');
    await server.listen(`unix:${file}`);
    t.deepEqual(server.addresses, [`unix:${file}`]);
    await t.throwsAsync(connect(first), { code: 'ECONNREFUSED' });
    const after = await connect(`unix:${file}`, { owner: t });
    const asks = async (client: Client): Promise<string> => {
      await client.send('p listener');
      const [length] = [Number(String(await client.readExactly(2)).trim())];
      return String(await client.readExactly(length + 2)).trim();
    };
    t.is(await asks(after), `unix:${file}`);
    t.is(await asks(before), '127.0.0.1:0');
    await server.listen('127.0.0.1:0');
    t.false(existsSync(file));
    t.is(await asks(after), `unix:${file}`);
  });
}

test('what cannot be opened changes nothing', async (t) => {
  const file = path.join(temporary(t), 's');
  const taken = await served(t, {});
  const server = await served(t, { listen: ['127.0.0.1:0', `unix:${file}`] });
  const before = server.addresses;
  for (const [listen, code] of [
    [['127.0.0.2:0', taken.addresses[0]!], 'EADDRINUSE'],
    [['127.0.0.2:0', 'nonsense'], 'ERR_ADDRESS'],
    [[`unix:${file}`, `unix:${file}/x`], 'ENOTDIR'],
    [['127.0.0.1:0?allow=10.0.0.0/8', '127.0.0.2:0', 'fd:none'], 'ERR_ADDRESS'],
  ] as const) {
    await t.throwsAsync(server.listen(listen), { code }, code);
    t.deepEqual(server.addresses, before);
  }
  for (const address of before) t.true(await echoes(await connect(address, { owner: t })));
});

test('rules change without closing the socket', async (t) => {
  const server = await served(t, {});
  const [address] = server.addresses as [string];
  const old = await connect(address, { owner: t });
  t.true(await echoes(old));
  await server.listen('127.0.0.1:0?deny=127.0.0.1');
  t.is(
    (await connect(address, { owner: t }).then((client) => client.closed)) === 'destroyed',
    false,
  );
  t.is(server.stats().errors.DENIED, 1);
  t.true(await echoes(old));
  await server.listen('127.0.0.1:0?proxy=127.0.0.0/8');
  const proxied = await connect(address, { owner: t });
  await proxied.send('PROXY UNKNOWN\r\n');
  t.true(await echoes(proxied));
  await server.listen('127.0.0.1:0');
  t.true(await echoes(await connect(address, { owner: t })));
  t.deepEqual(server.addresses, [address]);
});

test('a passed socket is left and taken up again', async (t) => {
  const fd = native.listenTcp('127.0.0.1', 0, false, 16);
  t.teardown(() => native.close(fd));
  const server = await served(t, {});
  await server.listen(`fd:${fd}`);
  const [address] = server.addresses as [string];
  t.is(address, native.localAddress(fd) as string);
  t.true(await echoes(await connect(address, { owner: t })));
  await server.listen('127.0.0.1:0');
  const waiting = await connect(address, { owner: t });
  await waiting.send('hello');
  await server.listen([`fd:${fd}?deny=10.0.0.0/8`, '127.0.0.1:0']);
  t.is(String(await waiting.readExactly(5)), 'hello');
});

test('of several addresses those are listened on that there are, at one port', async (t) => {
  const spec = parseListen('several.invalid:0');
  const policy = resolvePolicy();
  const bind = (hosts: readonly string[], port = 0) => {
    const addresses = hosts.map((host) => ({ kind: 'tcp' as const, host, port }));
    const bound = bindPlan(native, { spec, addresses }, policy);
    for (const { listener } of bound) t.teardown(() => listener.close());
    return bound.map(({ listener }) => listener.address);
  };
  // TEST-NET-3, which no machine has.
  const [first, second, ...rest] = bind(['127.0.0.1', '203.0.113.1', '127.0.0.2']);
  t.deepEqual(rest, []);
  const [, port] = first!.split(':');
  t.is(second, `127.0.0.2:${port}`);
  t.throws(() => bind(['203.0.113.1', '203.0.113.2']), { code: 'EADDRNOTAVAIL' });
  t.throws(() => bind(['127.0.0.3', '127.0.0.2'], Number(port)), { code: 'EADDRINUSE' });
  // What was opened before that is closed again.
  t.deepEqual(bind(['127.0.0.3'], Number(port)), [`127.0.0.3:${port}`]);
});

test('a server that is closed listens on nothing any more', async (t) => {
  const server = await served(t, {});
  await server.close();
  await t.throwsAsync(server.listen('127.0.0.1:0'), { code: 'ERR_CLOSED' });
});

test('numbers go round, and as many listeners as there is room for are enough', (t) => {
  const table = ListenerTable.make(ArrayBuffer);
  t.is(table.name(0), null);
  for (let number = 0; number < MOST_LISTENERS; number += 1)
    t.is(table.add({ name: `l${number}` }), number);
  t.is(table.add({ name: 'one too many' }), -1);
  table.remove(7);
  t.is(table.name(7), 'l7', 'those who came by it know its name');
  const allow = parseNetworks(['10.0.0.0/8'], '');
  const deny = parseNetworks(['10.1.0.0/16'], '');
  t.is(table.add({ name: 'é', proxied: true, allow, deny }), 7);
  const copy = new ListenerTable(table.buffer);
  t.is(copy.name(7), 'é');
  t.deepEqual([copy.isProxied(6), copy.isProxied(7)], [false, true]);
  const admits = (address: string): boolean => copy.admits(7, parseIp(address)!);
  t.deepEqual(['10.2.0.1', '10.1.0.1', '11.0.0.1'].map(admits), [true, false, false]);
  t.true(copy.admits(6, parseIp('10.1.0.1')!));
});

// Sockets without and with a file.

test('a name behind @ is a socket without a file', async (t) => {
  const name = `unix:@wasmpoll-${process.pid}`;
  const server = await served(t, { listen: name });
  t.deepEqual(server.addresses, [name]);
  const fd = native.connectUnix(name.slice('unix:'.length));
  t.true(fd >= 0);
  t.is(native.peerAddress(fd), name);
  t.is(native.close(fd), 0);
  await t.throwsAsync(served(t, { listen: name }), { code: 'EADDRINUSE' });
  await server.close();
  const again = await served(t, { listen: name });
  t.deepEqual(again.addresses, [name]);
});

test('a socket file has the mode, the owner and the group that were asked for', async (t) => {
  const file = path.join(temporary(t), 's');
  const mine = [process.getuid!(), process.getgid!()] as const;
  const server = await startCli(t, ['--listen', `unix:${file}?mode=660&group=${mine[1]}`]);
  const { mode, uid, gid } = statSync(file);
  t.deepEqual([mode & 0o7777, uid, gid], [0o660, ...mine]);
  t.true(await echoes(await connect(server.address, { owner: t })));
  if (mine[0] !== 0) return t.log('skipped: only root can give a file away');
  const other = path.join(temporary(t), 's');
  await startCli(t, ['--listen', `unix:${other}?mode=620&owner=nobody&group=nogroup`]);
  const given = statSync(other);
  t.is(given.mode & 0o7777, 0o620);
  t.deepEqual([given.uid, given.gid], [native.userId('nobody'), native.groupId('nogroup')]);
});

test('a user, a group and an interface that there is not are said', async (t) => {
  const file = path.join(temporary(t), 's');
  for (const [address, line] of [
    [`unix:${file}?group=no-such-group`, /listen: group: there is no group 'no-such-group'/],
    [`unix:${file}?owner=no-such-user`, /listen: owner: there is no user 'no-such-user'/],
    [
      '[fe80::1%nowhere9]:80',
      /address '\[fe80::1%nowhere9\]:80': there is no interface 'nowhere9'/,
    ],
  ] as const) {
    const { code, stderr } = await runCli(['--listen', address]);
    t.is(code, 1);
    t.regex(stderr, line);
    t.false(existsSync(file));
  }
});
