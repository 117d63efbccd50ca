// What the command line gives a guest as its configuration.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { compiledGuest } from '../helpers/guests.ts';
import { refused, runCli, startCli, temporary } from '../helpers/process.ts';
import { assemble } from '../helpers/wasm.ts';

const listen = ['--listen', '127.0.0.1:0', '--drain-quiet', '0', '--grace', '1s'];

/** A folder with the guest that answers `c` with its configuration, and a file for it. */
function place(owner: Parameters<typeof temporary>[0], text: string | null) {
  const folder = temporary(owner);
  const [module, file] = [`${folder}/guest.wasm`, `${folder}/guest.conf`];
  writeFileSync(module, compiledGuest('surroundings'));
  if (text !== null) writeFileSync(file, text);
  return { folder, module, file };
}

async function configOf(owner: Parameters<typeof temporary>[0], address: string): Promise<string> {
  const client = await connect(address, { owner });
  await client.send('c');
  client.end();
  return String(await client.readAll()).slice(0, -1);
}

test('a guest gets the bytes of --config-file, and the lines of --set behind them', async (t) => {
  const { module, file } = place(t, 'colour=blue');
  const both = await startCli(t, [
    ...listen,
    ...['--config-file', file, '--set', 'size=7', '--set', 'a.b-c=x=y z', module],
  ]);
  t.is(await configOf(t, both.address), 'colour=blue\nsize=7\na.b-c=x=y z\n');
  const alone = await startCli(t, [...listen, '--set', 'size=', module]);
  t.is(await configOf(t, alone.address), 'size=\n');
  const plain = await startCli(t, [...listen, '--config-file', file, module]);
  t.is(await configOf(t, plain.address), 'colour=blue');
});

test('SIGHUP reads the file again; one that is not there any more changes nothing', async (t) => {
  const { module, file, folder } = place(t, 'one\n');
  const server = await startCli(t, [...listen, '--config-file', file, '--set', 'k=v', module]);
  t.is(await configOf(t, server.address), 'one\nk=v\n');
  writeFileSync(file, 'two\n');
  server.kill('SIGHUP');
  await server.written('stderr', /module swapped/);
  t.is(await configOf(t, server.address), 'two\nk=v\n');
  execFileSync('mv', [file, `${folder}/elsewhere`]);
  server.kill('SIGHUP');
  await server.written('stderr', /not swapped: --config-file '.*guest\.conf': ENOENT/);
  t.is(await configOf(t, server.address), 'two\nk=v\n');
});

test('a file that cannot be read, or is too large, is refused in one line', async (t) => {
  const { module, file, folder } = place(t, 'x'.repeat(1024 * 1024 + 1));
  const run = (path: string) => runCli([...listen, '--config-file', path, module]);
  refused(t, await run(file), 1, /--config-file '.*': config has 1048577 bytes, over the limit of/);
  refused(t, await run(`${folder}/none`), 1, /--config-file '.*none': ENOENT/);
  refused(t, await run(folder), 1, /--config-file '.*': it is not a regular file/);
  mkdirSync(`${folder}/sub`);
  execFileSync('mkfifo', [`${folder}/fifo`]);
  refused(t, await run(`${folder}/fifo`), 1, /it is not a regular file/);
});

test('what is not KEY=VALUE on one line is wrong usage', async (t) => {
  for (const text of ['nothing', '=x', '1=x', 'a b=x', 'a=x\ny', 'ü=x']) {
    refused(t, await runCli([...listen, '--set', text]), 2, /--set must be KEY=VALUE on one line/);
  }
});

test('a command takes neither', async (t) => {
  const folder = temporary(t);
  const command = assemble({ memory: { min: 1 }, functions: { _start: [] } });
  writeFileSync(`${folder}/command.wasm`, command);
  for (const flags of [
    ['--set', 'a=b'],
    ['--config-file', '/dev/null'],
  ]) {
    const outcome = await runCli([...flags, `${folder}/command.wasm`]);
    refused(t, outcome, 1, new RegExp(`${flags[0]}: a command has no such setting`));
  }
});
