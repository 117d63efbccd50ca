// An echo server in AssemblyScript for WASI preview 1, with the bindings of @assemblyscript/wasi-shim:
// it serves its clients side by side, by poll_oneoff. test/wasi/programs/ has those in C and Rust.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { connect } from '../helpers/client.ts';
import { blocks, document, root, section, workshop } from '../helpers/documents.ts';
import { testEcho } from '../helpers/wasi-echo.ts';
import { buildShown, compiledAssemblyScript, startWasi } from '../helpers/wasi-programs.ts';

// Compiled before the first test starts.
const module = compiledAssemblyScript();

testEcho({
  name: 'server.ts',
  start: (t) => startWasi(t, module),
  sideBySide: true,
  stopped: { code: 143, signal: null },
});

const shown = blocks(section(document('docs/wasi.md'), 'AssemblyScript'));

test('the server that docs/wasi.md shows compiles by its command, and echoes', async (t) => {
  const module = await buildShown(workshop(t), 'AssemblyScript');
  const { address } = await startWasi(t, module);
  for (const text of ['hello', 'again']) {
    const client = await connect(address, { owner: t });
    await client.send(text);
    client.end();
    t.is(String(await client.readAll()), text);
  }
});

test('the bindings that it adds are those of test/wasi', (t) => {
  const name = 'wasi_snapshot_preview1.ts';
  const added = shown.find(({ file }) => file === name)!;
  t.is(added.code, readFileSync(`${root}test/wasi/programs/${name}`, 'utf8'));
});
