// Callbacks that are slow, and many: what the supervisor asks of the worker is done between them.

import test from 'ava';
import { serve } from '../../host/index.ts';
import { connect } from '../helpers/client.ts';
import { compiledGuest, echoModule } from '../helpers/guests.ts';

test('a swap gets its turn though slow callbacks wait by the thousand', async (t) => {
  await using server = await serve({
    protocol: compiledGuest('slow'),
    listen: '127.0.0.1:0',
    workers: 1,
    // However loaded the machine is, no callback hangs.
    policy: { drainQuietMs: 0, graceMs: 0, callbackTimeoutMs: 20_000 },
  });
  const bytes = 1000;
  const attackers = await Promise.all(
    Array.from({ length: 20 }, () => connect(server.addresses[0]!, { owner: t })),
  );
  for (const attacker of attackers) await attacker.send(new Uint8Array(bytes));
  await server.swap(echoModule());
  const { messages } = server.stats();
  // Not even one attacker has had all of its callbacks.
  t.true(messages < bytes, `${messages} callbacks`);
  const client = await connect(server.addresses[0]!, { owner: t });
  await client.send('hello');
  t.is(String(await client.readExactly(5)), 'hello');
});
