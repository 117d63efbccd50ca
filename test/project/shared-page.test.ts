// docs/shared.md: the guest and the program that it shows compile, and do what it says.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { blocks, document, workshop } from '../helpers/documents.ts';

const page = document('docs/shared.md');

test('the guest and the program of docs/shared.md meet in a room', async (t) => {
  const place = workshop(t);
  for (const { file, code } of blocks(page)) place.write(file!, code);
  const [compile] = /npx asc room\.ts [^`]*/.exec(page)!;
  await place.run(compile!);
  await place.run(
    'node_modules/.bin/tsc --target es2023 --module nodenext --lib es2023,esnext.disposable ' +
      '--types node --strict --skipLibCheck room-server.ts',
  );
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const args = ['room-server.js', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { cwd: place.folder, stdio: [...stdio] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const said = async (): Promise<string> => (await lines.next()).value;
  const [, address] = /^0 visitors before, now on (127\.0\.0\.1:\d+)$/.exec(await said())!;

  const greeting = async (number: number): Promise<Awaited<ReturnType<typeof connect>>> => {
    const client = await connect(address!, { owner: t });
    const greeted = String(await client.readExactly('welcome\n1\n'.length));
    t.deepEqual(greeted.split('\n').sort(), ['', String(number), 'welcome']);
    return client;
  };
  const one = await greeting(1);
  const two = await greeting(2);
  await one.send('hello\n');
  t.is(String(await two.readExactly(6)), 'hello\n');
  t.is(await said(), 'heard hello');
  child.kill('SIGINT');
  t.is(String(await one.readAll()), 'the room closes\n');
  t.is(String(await two.readAll()), 'the room closes\n');
  t.is(await said(), 'heard the room closes');
  for (const client of [one, two]) client.end();
  if (child.exitCode === null) await once(child, 'exit');
  t.is(child.exitCode, 0);
});
