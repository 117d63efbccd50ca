// How the addon is built: wherever the checkout lies, and in an installed package.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { root } from '../helpers/documents.ts';
import { temporary } from '../helpers/process.ts';

/** One file tells whether the compiler is called rightly; all of them would take a minute. */
const OBJECT = 'Release/obj.target/wasmpoll/constants.o';

function nativeIn(folder: string): string {
  const native = path.join(folder, 'native');
  mkdirSync(native, { recursive: true });
  for (const name of readdirSync(path.join(root, 'native'))) {
    if (!/^(?:build|napi)$/.test(name))
      cpSync(path.join(root, 'native', name), path.join(native, name));
  }
  return native;
}

async function compileOne(native: string): Promise<string> {
  const script = new URL('../../../scripts/native.mjs', import.meta.url).href;
  const { gyp } = (await import(script)) as {
    gyp: (commands: string[], folder: string) => Promise<string>;
  };
  await gyp(['configure'], native);
  const args = ['-C', path.join(native, 'build'), 'V=1', OBJECT];
  const { status, stdout, stderr } = spawnSync('make', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

test('the addon compiles in a checkout whose path has spaces and a quote', async (t) => {
  const checkout = path.join(temporary(t), "somebody's new checkout");
  const native = nativeIn(checkout);
  const headers = path.join('node_modules', 'node-addon-api');
  cpSync(path.join(root, headers), path.join(checkout, headers), { recursive: true });
  t.regex(await compileOne(native), / -Werror /);
});

test('the addon compiles in a package, which has all headers with it, and no warning fails it', async (t) => {
  const native = nativeIn(path.join(temporary(t), 'node_modules', 'wasmpoll'));
  for (const name of ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h']) {
    cpSync(path.join(root, 'node_modules/node-addon-api', name), path.join(native, 'napi', name));
  }
  t.notRegex(await compileOne(native), / -Werror /);
});

test('the prebuilt addons are compiled from the sources and with the options that binding.gyp has', async (t) => {
  const script = new URL('../../../scripts/prebuild.mjs', import.meta.url).href;
  const { recipe } = (await import(script)) as {
    recipe: () => Record<'sources' | 'defines' | 'cflags_cc' | 'ldflags', string[]>;
  };
  const { sources, defines, cflags_cc: flags, ldflags } = recipe();
  const files = readdirSync(path.join(root, 'native')).filter((name) => name.endsWith('.cc'));
  t.deepEqual(sources.sort(), files.sort());
  t.true(defines.includes('NAPI_VERSION=8') && flags.includes('-std=c++20'));
  t.false(flags.some((flag) => flag.includes('<(') || flag === '-isystem'));
  t.deepEqual(ldflags, ['-Wl,-z,nodelete']);
});
