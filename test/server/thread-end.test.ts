// serve() in a thread of the host application that ends without closing it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { descriptors } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import { address, ENDS, end, thread } from '../helpers/threads.ts';

for (const workers of [0, 1]) {
  for (const how of ENDS) {
    test.serial(
      `a server with ${workers} workers ends whole with its thread: ${how}`,
      async (t) => {
        const file = path.join(temporary(t), 'a.sock');
        const before = descriptors();
        const [worker, addresses] = await thread(
          t,
          `
        const { serve } = await import(${address('../../host/index.js')});
        const listen = ['127.0.0.1:0', ${JSON.stringify(`unix:${file}`)}];
        const server = await serve({ protocol: 'echo', listen, workers: ${workers} });
        server.subscribe('topic', () => undefined);
        await server.store.put('key', 'value');
        say(server.addresses);`,
        );
        const clients = await Promise.all(
          (addresses as string[]).map((one) => connect(one, { owner: t })),
        );
        for (const client of clients) {
          await client.send('hello');
          t.is((await client.readExactly(5)).toString(), 'hello');
        }
        await end(worker, how);
        t.deepEqual(await Promise.all(clients.map(({ closed }) => closed)), ['end', 'end']);
        for (const client of clients) client.destroy();
        await t.throwsAsync(connect((addresses as string[])[0]!), { code: 'ECONNREFUSED' });
        t.false(existsSync(file));
        t.deepEqual(descriptors(), before);
      },
    );
  }
}
