// Long names, each with a trap: one connection is lost, in few words, and the server goes on.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { type Logger, serve } from '../../host/index.ts';
import { connect } from '../helpers/client.ts';
import { hazard } from '../helpers/hang-or-trap-guest.ts';
import { startCli, temporary } from '../helpers/process.ts';
import { withNames } from '../helpers/wasm.ts';

const LONG = 60_000_000;
// No function of it is imported, so that on_data is the third or a later one: all are named.
const named = (): Uint8Array<ArrayBuffer> =>
  withNames(
    hazard(),
    Array.from({ length: 8 }, (_, index) => [index, 'x'.repeat(index < 7 ? 7_000_000 : 9_000_000)]),
  );

for (const workers of [0, 1]) {
  test.serial(
    `names of 60 MB and a trap with ${workers} workers cost one connection`,
    async (t) => {
      const lines: string[] = [];
      const note = (fields: object, message: string) =>
        lines.push(JSON.stringify(fields) + message);
      const logger: Logger = { debug: () => undefined, info: note, warn: note, error: note };
      const server = await serve({
        protocol: named(),
        listen: '127.0.0.1:0',
        workers,
        policy: { maxModuleBytes: 2 * LONG },
        logger,
      });
      t.teardown(() => server.close());
      const restarted = new Promise<string>((resolve) => {
        server.once('restart', ({ reason }) => resolve(reason));
      });
      const other = await connect(server.addresses[0]!, { owner: t });
      const one = await connect(server.addresses[0]!, { owner: t });
      await one.send('T');
      const reason = await restarted;
      t.regex(reason, /^unreachable in x{63}…$/);
      t.true(lines.some((line) => line.includes(reason)));
      await other.send('hello');
      t.is(String(await other.readExactly(5)), 'hello');
    },
  );
}

test.serial('a swap to a module with names of 60 MB keeps the server alive', async (t) => {
  const file = path.join(temporary(t), 'guest.wasm');
  writeFileSync(file, hazard());
  const server = await startCli(t, ['--listen', '127.0.0.1:0', '--max-module', '200MiB', file]);
  const client = await connect(server.address, { owner: t });
  writeFileSync(file, named());
  server.kill('SIGHUP');
  await server.written('stderr', /module swapped/);
  await client.send('T');
  await server.written('stderr', /unreachable in x{63}…/);
  const later = await connect(server.address, { owner: t });
  await later.send('hello');
  t.is(String(await later.readExactly(5)), 'hello');
});
