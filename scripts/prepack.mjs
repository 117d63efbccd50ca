// Makes the package whole before it is packed: everything built, the addon where an installed
// package looks for it, so that installing needs no compiler, and types that stand alone.

import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

// The one name of WebAssembly that the public types mention. An interface merges with that of
// `lib: dom`, which a user may or may not have; values would clash with it.
const WEB_ASSEMBLY = `declare namespace WebAssembly {
  interface Module {}
}
`;
const REFERENCE = '/// <reference path="../webassembly.d.ts" />\n';

await ensure();
await packAddon();
await packTypes();

async function packAddon() {
  const folder = path(`prebuilds/linux-${process.arch}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(path('native/build/Release/wasmpoll.node'), `${folder}/wasmpoll.node`);
}

// tsc does not emit host/webassembly.d.ts, which is ambient.
async function packTypes() {
  await writeFile(path('dist/host/webassembly.d.ts'), WEB_ASSEMBLY);
  const file = path('dist/host/module/load.d.ts');
  const types = await readFile(file, 'utf8');
  if (!types.startsWith(REFERENCE)) await writeFile(file, REFERENCE + types);
}
