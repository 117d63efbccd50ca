// Makes the package whole before it is packed: everything built, and the addon where an installed
// package looks for it, so that installing needs no compiler.

import { cp, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';

await ensure();
const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const folder = path(`prebuilds/linux-${process.arch}`);
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await cp(path('native/build/Release/wasmpoll.node'), `${folder}/wasmpoll.node`);
