// docs/wasi.md: its programs in C and Rust are the ones that are tested here, its commands compile them,
// and what comes out serves. The one in AssemblyScript has its tests in `npm test`.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connect } from '../../helpers/client.ts';
import { blocks, document, root, section, workshop } from '../../helpers/documents.ts';
import { startCli } from '../../helpers/process.ts';
import { buildShown, Program } from '../../helpers/wasi-programs.ts';

const text = document('docs/wasi.md');

for (const [heading, shown, tested] of [
  ['C', 'server.c', 'accept.c'],
  ['Rust', 'server.rs', 'server.rs'],
] as const) {
  test(`the server in ${heading} is the one that is tested`, (t) => {
    const block = blocks(section(text, heading)).find(({ file }) => file === shown)!;
    t.is(block.code, readFileSync(path.join(root, 'test', 'wasi', 'programs', tested), 'utf8'));
  });

  test(`the server in ${heading} compiles by its command, and serves by the command line`, async (t) => {
    const place = workshop(t);
    await buildShown(place, heading);
    const line = blocks(section(text, 'Building servers')).find(
      ({ language }) => language === 'sh',
    );
    const command = line!.code.trim().replace(':33445', ':0').split(' ');
    t.deepEqual(command.slice(0, 2), ['npx', 'wasmpoll']);
    const process = await startCli(t, command.slice(2), { cwd: place.folder, lines: 0 });
    await process.written('stderr', /^listening on /m);
    const client = await connect(new Program(process).address, { owner: t });
    await client.send('hello');
    client.end();
    t.is(String(await client.readAll()), 'hello');
  });
}
