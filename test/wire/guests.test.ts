// The guests lines and chat over real sockets, served by the binary.

import { once } from 'node:events';
import test from 'ava';
import { serve } from '../../host/index.ts';
import { difference, random } from '../helpers/bytes.ts';
import type { Client } from '../helpers/client.ts';
import { type Owner, startCli } from '../helpers/process.ts';
import { connect, way, wayFlags } from '../helpers/way.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const listen = wayFlags('127.0.0.1:0');

async function join(t: Owner, address: string, name: string): Promise<Client> {
  const client = await connect(address, { owner: t });
  t.teardown(() => client.destroy());
  await client.send(`${name}\n`);
  await client.readExactly('name? '.length);
  return client;
}

const heard = async (client: Client, text: string): Promise<boolean> =>
  String(await client.readExactly(text.length)) === text;

test('10,000 lines at once are all answered though the peer then only waits', async (t) => {
  const server = await startCli(t, [...listen, 'lines']);
  const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index}\n`).join('');
  for (const parts of [[lines], [lines.slice(0, 50_001), lines.slice(50_001)]]) {
    const client = await connect(server.address, { owner: t });
    for (const part of parts) await client.send(part);
    t.is(difference(await client.readExactly(lines.length), Buffer.from(lines)), '');
    t.is(client.waiting, 0);
    client.end();
    t.is((await client.readAll()).length, 0);
  }
});

test('10,000 lines to one that reads late are all there', async (t) => {
  const server = await startCli(t, [...listen, 'lines']);
  const line = `${'long enough '.repeat(100)}\n`;
  const client = await connect(server.address, { owner: t, paused: true });
  const sent = client.send(line.repeat(10_000));
  const other = await connect(server.address, { owner: t });
  for (let count = 0; count < 100; count += 1) {
    await other.send(`${count}\n`);
    t.true(await heard(other, `${count}\n`));
  }
  client.resume();
  const answer = await client.readExactly(line.length * 10_000);
  t.is(difference(answer, Buffer.from(line.repeat(10_000))), '');
  await sent;
});

test('only whole lines are answered, however they are cut, and the rest at the end', async (t) => {
  const server = await startCli(t, [...listen, 'lines']);
  const next = random(7);
  await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      let text = '';
      for (let index = 0; index < 100; index += 1) {
        text += `${number}: ${'.'.repeat(next() ** 4 * 20_000)}\n`;
      }
      text += 'no newline';
      const client = await connect(server.address, { owner: t });
      for (let from = 0; from < text.length; ) {
        const to = Math.min(text.length, from + 1 + Math.floor(next() ** 3 * 30_000));
        await client.send(text.slice(from, to));
        from = to;
      }
      const whole = text.lastIndexOf('\n') + 1;
      const answer = await client.readExactly(whole);
      t.is(difference(answer, Buffer.from(text.slice(0, whole))), '');
      t.is(client.waiting, 0);
      client.end();
      t.is(String(await client.readAll()), 'no newline');
    }),
  );
});

test('a line over the frame limit ends its connection, after the lines before it', async (t) => {
  await using server = await serve({
    protocol: 'lines',
    listen: way('127.0.0.1:0'),
    policy: { drainQuietMs: 0, graceMs: 100 },
  });
  const closed = once(server, 'close');
  const client = await connect(server.addresses[0]!, { owner: t });
  // More than the limit is on its way; what is not wanted is read and discarded, and not reset.
  const sent = client.send(`first\n${'x'.repeat(2 * MiB)}`);
  t.is(String(await client.readAll()), 'first\n');
  await sent;
  t.is(await client.closed, 'end');
  client.end();
  const [{ reason }] = await closed;
  t.is(reason, 'frame');
});

test('a line goes to all others, and joining, leaving and resets are told', async (t) => {
  const server = await startCli(t, [...listen, 'chat']);
  const ann = await join(t, server.address, 'ann');
  const bob = await join(t, server.address, 'bob');
  t.true(await heard(ann, '* bob has joined\n'));
  const cy = await join(t, server.address, 'cy');
  for (const client of [ann, bob]) t.true(await heard(client, '* cy has joined\n'));
  await ann.send('hello\r\n');
  for (const client of [bob, cy]) t.true(await heard(client, 'ann: hello\n'));
  cy.reset();
  for (const client of [ann, bob]) t.true(await heard(client, '* cy has left\n'));
  bob.end();
  t.is((await bob.readAll()).length, 0);
  t.true(await heard(ann, '* bob has left\n'));
  await ann.send('/quit\nnever said\n');
  t.is(String(await ann.readAll()), '* bye\n');
});

for (const workers of ['1', '3']) {
  test(`every member hears every line once, in the order of who said it, with ${workers} workers`, async (t) => {
    const server = await startCli(t, [...listen, '--workers', workers, 'chat']);
    const names = Array.from({ length: 12 }, (_, index) => `m${index}`);
    const members: Client[] = [];
    for (const name of names) {
      const client = await join(t, server.address, name);
      for (const other of members) await heard(other, `* ${name} has joined\n`);
      members.push(client);
    }
    const count = 200;
    const line = (index: number): string => `number ${String(index).padStart(3, '0')}`;
    await Promise.all(
      members.map(async (client) => {
        for (let index = 0; index < count; index += 1) await client.send(`${line(index)}\n`);
      }),
    );
    for (const [index, client] of members.entries()) {
      const others = names.filter((_, other) => other !== index);
      const bytes = others.reduce((sum, name) => sum + count * `${name}: ${line(0)}\n`.length, 0);
      const lines = String(await client.readExactly(bytes))
        .split('\n')
        .slice(0, -1);
      for (const name of others) {
        const said = lines.filter((text) => text.startsWith(`${name}: `));
        const expected = Array.from({ length: count }, (_, at) => `${name}: ${line(at)}`);
        t.deepEqual(said, expected, `${name} to ${names[index]}`);
      }
      t.is(client.waiting, 0);
    }
  });
}

test('a member that does not read is warned and dropped, and the others never wait', async (t) => {
  const server = await startCli(t, [...listen, 'chat']);
  const ann = await join(t, server.address, 'ann');
  const deaf = await connect(server.address, { owner: t, paused: true });
  await deaf.send('deaf\n');
  t.true(await heard(ann, '* deaf has joined\n'));
  const bob = await join(t, server.address, 'bob');
  t.true(await heard(ann, '* bob has joined\n'));
  const line = 'x'.repeat(60_000);
  // More than the kernel's buffers take, and on until it is dropped.
  const said = `ann: ${line}\n`;
  for (;;) {
    await ann.send(`${line}\n`);
    const answer = await bob.readExactly(said.length);
    if (String(answer) === said) continue;
    t.true(String(answer).startsWith('* deaf has left\nann: xxx'));
    await bob.readExactly('* deaf has left\n'.length);
    break;
  }
  t.true(await heard(ann, '* deaf has left\n'));
  // libuv takes a reset behind data for an end; that the connection is gone is what counts.
  deaf.resume();
  await deaf.closed;
  await ann.send('still here\n');
  t.true(await heard(bob, 'ann: still here\n'));
});
