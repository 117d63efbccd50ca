// A hostile guest over real sockets: it names hosts in every form, and a resolver of the test's leads its names to this
// machine. Nobody connects to the listener that waits there.

import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { operating } from '../helpers/upstream-ground.ts';
import { outward } from '../helpers/upstreams.ts';

/** Listens on all addresses of both families. */
async function victim(t: ExecutionContext): Promise<{ port: number; counted: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  return { port, counted: () => connections };
}

/** What the guest is told of each host: a status, or that its connection is over. */
async function attempts(
  t: ExecutionContext,
  hosts: readonly string[],
  options: string,
  found: () => readonly string[],
) {
  const { port, counted } = await victim(t);
  const names = new Proxy({}, { get: () => found });
  const { operator, clock } = operating({ any: `*:${port}${options}` }, names);
  const [facts] = operator.share.upstreams;
  const { patterns } = facts!;
  const resolve = (added: string) => operator.resolve(0, added, '');
  const server = await outward(t, compiledGuest('scripted'), [{ name: 'any', patterns, resolve }]);
  const client = await connect(server.address, { owner: t });
  for (const host of hosts) await client.send(`u .,0,any:${host};`);
  return { server, client, clock, counted };
}

const WRITTEN_WRONGLY = [
  ...['2130706433', '0x7f000001', '0177.0.0.1', '127.1', '127.0.0.1.', '127.0.0.01', 'localhost.'],
  ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::1%25lo]', '[fe80::1%lo]', '::1', 'a b', '%31'],
  ...['127.0.0.1:22', 'localhost:22', '127.0.0.1/', '127.0.0.1?', 'x@127.0.0.1', '\uff11.0.0.1'],
];

const LEADS_ASTRAY = [
  ...['127.0.0.1', '0.0.0.0', '127.255.255.255', '[::1]', '[::]', '[::127.0.0.1]', '10.0.0.1'],
  ...['[64:ff9b::127.0.0.1]', '[2002:7f00:1::1]', '[fd00::1]', '169.254.169.254', 'localhost'],
  ...['LOCALHOST', 'metadata.google.internal', '127.0.0.1.example.com', 'xn--lcalhost-54a'],
];

test('a host that is written in another form is denied at once', async (t) => {
  const { server, counted } = await attempts(t, WRITTEN_WRONGLY, '', () => ['127.0.0.1']);
  // The guest tells the status of each command.
  const statuses = () => server.logs.join(' ').match(/(?<==| )-\d+/g) ?? [];
  await server.until(() => statuses().length >= WRITTEN_WRONGLY.length);
  t.deepEqual(new Set(statuses()), new Set(['-9']));
  t.deepEqual([server.outcomes, counted(), server.counts.all], [[], 0, 0]);
});

test('a host that leads to a denied address is never connected to', async (t) => {
  const astray = ['127.0.0.1', '::1', '::ffff:127.0.0.1', 'fe80::1', '10.0.0.1', '198.61.0.7'];
  const { server, counted } = await attempts(t, LEADS_ASTRAY, '', () => astray);
  await server.until(() => server.outcomes.length >= LEADS_ASTRAY.length);
  t.deepEqual(new Set(server.outcomes), new Set(['denied']));
  t.is(counted(), 0);
  await server.until(() => server.counts.all === 0);
});

test('the same listener is reached when it is allowed, so that nobody has counted in vain', async (t) => {
  const hosts = ['127.0.0.1', '[::1]', 'localhost'];
  const { server, counted } = await attempts(t, hosts, '?allowPrivate=true', () => ['127.0.0.1']);
  await server.until(() => counted() === hosts.length);
  t.deepEqual(new Set(server.outcomes), new Set(['connected']));
});

test('a name that leads elsewhere for each look-up leads to no denied address at any of them', async (t) => {
  let looks = 0;
  // A public address that nobody answers at here, then this machine.
  const { server, client, clock, counted } = await attempts(t, ['rebind.example.com'], '', () =>
    looks++ % 2 === 0 ? ['192.0.2.1', '127.0.0.1'] : ['127.0.0.1'],
  );
  await server.until(() => server.outcomes.length === 1);
  for (let round = 2; round < 8; round += 1) {
    clock.now += 30_000;
    await client.send('u .,0,any:rebind.example.com;');
    await server.until(() => server.outcomes.length === round);
  }
  t.true(looks >= 4);
  t.is(counted(), 0);
});

test('an address that only the kernel knows for its own is not connected to, and hears nothing', async (t) => {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      heard += String(data);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const resolve = (isElsewhere: boolean) => () => [
    { target: 0, address: '127.0.0.1', port, isElsewhere },
  ];
  const header = () => Buffer.from('header');
  const outwards = await outward(t, compiledGuest('scripted'), [
    { name: 'shut', resolve: resolve(true), header },
    { name: 'open', resolve: resolve(false), header },
  ]);
  const client = await connect(outwards.address, { owner: t });
  await client.send('u .,0,shut;');
  await outwards.until(() => outwards.outcomes.length === 1);
  t.is(heard, '');
  await client.send('u .,0,open;');
  await outwards.until(() => heard === 'header');
  t.deepEqual(outwards.outcomes, ['denied', 'connected']);
});
