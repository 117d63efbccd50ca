// Topics and keys over workers that hang, end and are replaced: who stays gets everything once, and nothing is
// left of those who go.

import test, { type ExecutionContext } from 'ava';
import { serve } from '../../host/index.ts';
import { openDescriptors } from '../../host/kernel/descriptors.ts';
import type { Client } from '../helpers/client.ts';
import { compiledGuest, echoModule } from '../helpers/guests.ts';
import { Hosted, type Known, until } from '../helpers/programs.ts';
import { sharingModule } from '../helpers/sharing.ts';
import { guest } from '../helpers/wasm.ts';

const relay = compiledGuest('relay');

interface Room extends Hosted {
  readonly members: Client[];
}

async function room(t: ExecutionContext, count: number, workers = 2): Promise<Room> {
  const hosted = await Hosted.start(t, { protocol: relay, workers });
  const members = (await hosted.clients(t, count)).map(({ client }) => client);
  await until(() => hosted.server.stats().shared.members === count);
  return Object.assign(hosted, { members });
}

const numbered = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, index) => `${String(from + index).padStart(5, '0')}\n`).join(
    '',
  );

/** Publishes numbered messages, a few at each turn of the event loop. */
async function publishAll({ server }: Hosted, count: number, from = 0): Promise<void> {
  for (let said = 0; said < count; said += 1) {
    server.publish('room', `${String(from + said).padStart(5, '0')}\n`);
    if (said % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What a member gets, up to so many messages; and whether it is still there. */
async function hears(client: Client, count: number): Promise<string> {
  const bytes = numbered(count).length;
  return String(await client.readExactly(bytes).catch(() => client.readAll()));
}

test('every member of every worker hears every message once, in order', async (t) => {
  const hosted = await room(t, 60, 3);
  const heard: string[] = [];
  hosted.server.subscribe('room', (data) => heard.push(Buffer.from(data).toString()));
  await publishAll(hosted, 500);
  for (const member of hosted.members) t.is(await hears(member, 500), numbered(500));
  await until(() => heard.length === 500);
  t.is(heard.join(''), numbered(500));
});

test('a worker that hangs costs the client that made it, and all others hear everything once', async (t) => {
  const hosted = await room(t, 40);
  const { members, server } = hosted;
  const restarted = hosted.next('restart');
  const publishing = publishAll(hosted, 2000);
  await members[7]!.send('Hang');
  await publishing;
  await restarted;
  await publishAll(hosted, 100, 2000);
  for (const [index, member] of members.entries()) {
    if (index === 7) continue;
    t.is(await hears(member, 2100), numbered(2100), `member ${index}`);
  }
  t.not(await members[7]!.closed, 'open');
  t.is(server.stats().shared.members, 39);
});

test('a worker whose thread ends loses nobody but the connection it was serving', async (t) => {
  const hosted = await room(t, 40);
  const { members, server } = hosted;
  const publishing = publishAll(hosted, 2000);
  for (let count = 0; count < 3; count += 1) {
    const restarted = hosted.next('restart');
    await members[count]!.send('Hang');
    await restarted;
  }
  await publishing;
  for (const [index, member] of members.entries()) {
    if (index < 3) continue;
    t.is(await hears(member, 2000), numbered(2000), `member ${index}`);
  }
  await until(() => server.stats().shared.members === 37);
});

for (const [what, message] of [
  ['trap', 'Trap'],
  ['hang', 'Endless'],
] as const) {
  test(`a message that makes a guest ${what} ends one member, and the others are told that they miss it`, async (t) => {
    const { members, server } = await room(t, 20);
    server.publish('room', message);
    await until(() => server.stats().connections.open < 20);
    server.publish('room', 'later');
    const ends = await Promise.all(
      members.map(async (member) => String(await member.readExactly(6).catch(() => 'lost'))),
    );
    const lost = ends.filter((end) => end === 'lost').length;
    // Two workers may have begun with it at the same time.
    t.true(lost === 1 || lost === 2, `${lost} lost`);
    t.is(ends.filter((end) => end === '!later').length, 20 - lost);
    t.true(server.stats().shared.poisoned >= 1);
  });
}

test('a swap changes nothing for members, whatever is published meanwhile', async (t) => {
  const hosted = await room(t, 40);
  const publishing = publishAll(hosted, 2000);
  for (let count = 0; count < 3; count += 1) await hosted.server.swap(relay);
  await publishing;
  for (const member of hosted.members) t.is(await hears(member, 2000), numbered(2000));
});

test('members whose worker drains for a swap hear everything until they end, and then nothing is left', async (t) => {
  const hosted = await Hosted.start(t, {
    protocol: relay,
    workers: 2,
    policy: { drainQuietMs: 0 },
  });
  const { server } = hosted;
  const [{ client: old }] = (await hosted.clients(t, 1)) as [Known];
  await until(() => server.stats().shared.members === 1);
  await server.swap(echoModule(), { drain: true });
  t.is(String(await old.readAll()), '');
  await until(() => server.stats().shared.members === 0);
  await until(() => server.stats().workers.total === 2);
  server.publish('room', 'x');
  await until(() => server.stats().shared.queueBytes === 0);
});

test('a client that goes takes its memberships along, however it goes', async (t) => {
  const hosted = await room(t, 20);
  const { members, server } = hosted;
  for (const [index, member] of members.entries()) {
    if (index % 2 === 0) member.reset();
    else member.end();
  }
  await until(() => {
    const { connections, shared } = server.stats();
    return connections.open === 0 && shared.members === 0;
  });
  t.like(server.stats().shared, { members: 0, topics: 0, groupBytes: 0, queueBytes: 0 });
});

test.serial(
  'a server closes while its clients ask and are told, and every descriptor comes back',
  async (t) => {
    const before = openDescriptors();
    for (const workers of [0, 2]) {
      const hosted = await Hosted.start(t, { protocol: sharingModule, workers });
      const { server } = hosted;
      const clients = (await hosted.clients(t, 4)).map(({ client }) => client);
      for (const client of clients) {
        await client.send('j . 1 0 room; e 0 {a . 2 0 1 count;} e 1 {g . 3 count;}');
      }
      await until(() => server.stats().shared.members === 4);
      server.subscribe('room', () => server.store.add('own', 1));
      for (let said = 0; said < 100; said += 1) server.publish('room', 'x');
      const closing = server.close();
      for (let said = 0; said < 100; said += 1) server.publish('room', 'x');
      await closing;
      for (const client of clients) client.destroy();
      await Promise.all(clients.map((client) => client.closed));
    }
    await until(() => openDescriptors() <= before);
    t.is(openDescriptors(), before);
  },
);

test.serial('starts that fail leave no descriptor, wherever they fail', async (t) => {
  const taken = await serve({ protocol: 'echo', listen: '127.0.0.1:0', workers: 0 });
  t.teardown(async () => {
    await taken.close();
  });
  const before = openDescriptors();
  const trapping = guest({ functions: { _initialize: [0x00] } });
  for (const workers of [0, 2]) {
    const listen = '127.0.0.1:0';
    await t.throwsAsync(serve({ protocol: trapping, listen, workers }), { code: 'ERR_GUEST' });
    const busy = { protocol: relay, listen: [listen, taken.addresses[0]!], workers };
    await t.throwsAsync(serve(busy), { code: 'EADDRINUSE' });
  }
  await until(() => openDescriptors() <= before);
  t.is(openDescriptors(), before);
});
