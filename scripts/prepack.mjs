// Makes the package whole before it is packed: everything built, the addon where an installed package
// looks for it, so that installing needs no compiler, what building it would need, and types that stand alone.

import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';
import { fresh, prebuilt, targets } from './prebuild.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const file = (...names) => path.join(root, ...names);

// The one name of WebAssembly that the public types mention. An interface merges with that of
// `lib: dom`, which a user may or may not have; values would clash with it.
const WEB_ASSEMBLY = `declare namespace WebAssembly {
  interface Module {}
}
`;
const REFERENCE = '/// <reference path="../webassembly.d.ts" />\n';
/** What native/ includes of node-addon-api. binding.gyp takes native/napi for a package, so it goes after packing. */
const HEADERS = ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h', 'LICENSE.md'];

await ensure();
await packAddons();
await packHeaders();
await packTypes();

/** `npm run prebuilds` makes those for all machines. Without it the package is for this one, and says so. */
async function packAddons() {
  const missing = Object.keys(targets).filter((target) => !fresh(target));
  for (const target of missing)
    await rm(path.dirname(prebuilt(target)), { recursive: true, force: true });
  if (missing.length === 0) return;
  const { machine } = await import('../dist/host/kernel/native.js');
  if (missing.includes(machine())) {
    await mkdir(path.dirname(prebuilt(machine())), { recursive: true });
    await cp(file('native/build/Release/wasmpoll.node'), prebuilt(machine()));
  }
  const others = missing.filter((target) => target !== machine());
  process.stderr.write(
    `wasmpoll: no addon for ${others.join(', ')}: npm run prebuilds makes them\n`,
  );
}

async function packHeaders() {
  await mkdir(file('native/napi'), { recursive: true });
  for (const name of HEADERS) {
    await cp(file('node_modules/node-addon-api', name), file('native/napi', name));
  }
}

// tsc does not emit host/webassembly.d.ts, which is ambient.
async function packTypes() {
  await writeFile(file('dist/host/webassembly.d.ts'), WEB_ASSEMBLY);
  const load = file('dist/host/module/load.d.ts');
  const types = await readFile(load, 'utf8');
  if (!types.startsWith(REFERENCE)) await writeFile(load, REFERENCE + types);
}
