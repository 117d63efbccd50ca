// A program that serves many, poll.c, with what `wasmpoll run` gives it: several listeners, thousands of
// connections, time to finish.

import test from 'ava';
import { difference, pattern } from '../../helpers/bytes.ts';
import { connect } from '../../helpers/client.ts';
import { descriptorCount, until } from '../../helpers/proc.ts';
import { temporary } from '../../helpers/process.ts';
import { compiledC, startWasi } from '../../helpers/wasi-programs.ts';

const MiB = 1024 * 1024;
const module = compiledC('poll');

test('several listeners, of all kinds, are handed over in their order', async (t) => {
  const unix = `unix:${temporary(t)}/echo`;
  const server = await startWasi(t, module, [], { listen: ['127.0.0.1:0', unix, '127.0.0.1:0'] });
  t.is(server.addresses.length, 3);
  t.is(server.addresses[1], unix);
  for (const address of server.addresses) {
    const client = await connect(address, { owner: t });
    await client.send(address);
    client.end();
    t.is(String(await client.readAll()), address);
  }
});

test('2,000 connections at once are all served, whichever of them speaks', async (t) => {
  const server = await startWasi(t, module);
  const clients = [];
  while (clients.length < 2000) {
    const more = Array.from({ length: 200 }, () => connect(server.address, { owner: t }));
    clients.push(...(await Promise.all(more)));
  }
  await until(() => descriptorCount(server.pid) > 2000);
  for (const [index, client] of clients.entries()) {
    if (index % 20 === 0) void client.send(`${index}`);
  }
  for (const [index, client] of clients.entries()) {
    if (index % 20 !== 0) continue;
    const text = `${index}`;
    t.is(String(await client.readExactly(text.length)), text);
  }
});

test('after SIGTERM nobody is accepted, and a stream that is under way comes to its end', async (t) => {
  const server = await startWasi(t, module, [], { flags: ['--drain-quiet', '10s'] });
  const bytes = pattern(24 * MiB, 1);
  const client = await connect(server.address, { owner: t, paused: true });
  const sent = client.send(bytes);
  client.resume();
  const first = await client.readExactly(MiB);
  client.pause();
  server.process.kill('SIGTERM');
  // Who comes before the signal was heard is served, or reset.
  for (let refused = false; !refused; ) {
    try {
      const late = await connect(server.address, { owner: t });
      late.end();
      await late.closed;
    } catch (error) {
      refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    }
  }
  client.resume();
  client.end();
  const rest = await client.readAll();
  t.is(difference(Buffer.concat([first, rest]), bytes), '');
  await sent;
  t.deepEqual(await server.process.exited, { code: 143, signal: null });
});
