// runWasi() in a thread of the host application that ends, with the command or without waiting for it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { descriptors } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import { address, ENDS, end, thread } from '../helpers/threads.ts';
import { echoes } from '../helpers/wasi.ts';

/** A thread's source that runs a command. */
const running = (module: Uint8Array, options: object, then: string): string => `
  const { runWasi } = await import(${address('../../host/index.js')});
  const module = new Uint8Array(${JSON.stringify([...module])});
  const run = await runWasi({ module, ...${JSON.stringify(options)} });
  ${then}`;

for (const how of ENDS) {
  test.serial(`a command that runs ends whole with its owner's thread: ${how}`, async (t) => {
    const folder = temporary(t);
    const file = path.join(folder, 'a.sock');
    const before = descriptors();
    const options = { listen: [`unix:${file}`], dirs: [folder], stdin: 'ignore', stdout: 'pipe' };
    const source = running(echoes(4), options, 'say(run.addresses);');
    const [worker, addresses] = await thread(t, source);
    const client = await connect((addresses as string[])[0]!, { owner: t });
    await client.send('hello');
    t.is((await client.readExactly(5)).toString(), 'hello');
    await end(worker, how);
    t.is(await client.closed, 'end');
    client.destroy();
    t.false(existsSync(file));
    t.deepEqual(descriptors(), before);
  });
}
