// How the addon is built: wherever the checkout lies.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { root } from '../helpers/documents.ts';
import { temporary } from '../helpers/process.ts';

test('the addon compiles in a checkout whose path has spaces and a quote', async (t) => {
  const checkout = path.join(temporary(t), "somebody's new checkout");
  const native = path.join(checkout, 'native');
  mkdirSync(native, { recursive: true });
  for (const name of readdirSync(path.join(root, 'native'))) {
    if (name !== 'build') cpSync(path.join(root, 'native', name), path.join(native, name));
  }
  const headers = path.join('node_modules', 'node-addon-api');
  cpSync(path.join(root, headers), path.join(checkout, headers), { recursive: true });
  const script = new URL('../../../scripts/native.mjs', import.meta.url).href;
  const { gyp } = (await import(script)) as {
    gyp: (commands: string[], folder: string) => Promise<string>;
  };
  await gyp(['configure'], native);
  // One file tells whether the compiler is called rightly; all of them would take a minute.
  const object = 'Release/obj.target/wasmpoll/constants.o';
  const make = spawnSync('make', ['-C', path.join(native, 'build'), object], { encoding: 'utf8' });
  t.is(make.status, 0, make.stderr);
});
