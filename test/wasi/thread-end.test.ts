// runWasi() in a thread of the host application that ends, with the command or without waiting for it.

import { closeSync, existsSync, fstatSync, openSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { descriptors } from '../helpers/native.ts';
import { temporary } from '../helpers/process.ts';
import { address, ENDS, end, thread } from '../helpers/threads.ts';
import { command, echoes } from '../helpers/wasi.ts';

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

test.serial('what a command was given is closed once, and not again with the thread', async (t) => {
  const options = { dirs: [temporary(t)], stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' };
  const source = running(command([], []), options, 'await run.exited; say(0);');
  const [worker] = await thread(t, source);
  // They have the numbers that the command's descriptors had.
  const files = Array.from({ length: 16 }, () => openSync('/dev/null', 'r'));
  await end(worker, 'exit');
  for (const file of files) t.notThrows(() => fstatSync(file));
  for (const file of files) closeSync(file);
});
