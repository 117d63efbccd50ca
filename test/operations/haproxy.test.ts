// Debian's haproxy in front of servers: what a load balancer's clients see.

import test from 'ava';
import { connect } from '../helpers/client.ts';
import { startHaproxy } from '../helpers/haproxy.ts';
import { has } from '../helpers/installed.ts';
import { startCli } from '../helpers/process.ts';

test('a client behind haproxy gets its echo, and a half-closed one its whole echo', async (t) => {
  if (!has(t, 'haproxy')) return;
  const server = await startCli(t, ['--listen', '127.0.0.1:0']);
  const haproxy = await startHaproxy(t, `server one ${server.address}`);
  const client = await connect(haproxy.address, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
  const bytes = Buffer.alloc(1024 * 1024, 'behind haproxy ');
  await client.send(bytes);
  client.end();
  t.is(Buffer.compare(await client.readAll(), bytes), 0);
});
