// How the addon is found, and what it says of itself once it is loaded.

import { mkdirSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { names } from '../../host/kernel/constant-names.ts';
import { addonPaths, loadNative, native, packageRoot } from '../../host/kernel/native.ts';
import { temporary } from '../helpers/process.ts';

const { constants } = native;

test('constants are those of the headers, errnos those of Node', (t) => {
  t.is(constants.EPOLLET, 2 ** 31);
  t.is(constants.EPOLLEXCLUSIVE, 2 ** 28);
  t.deepEqual([constants.EPOLLIN, constants.EPOLLOUT], [1, 4]);
  t.is(constants.SHUT_WR, 1);
  t.true(constants.SOMAXCONN >= 128);
  t.is(constants.FD_SETSIZE, 1024);
  for (const [name, value] of Object.entries(os.errno)) {
    if (name in constants) t.is(constants[name as 'EAGAIN'], value, name);
  }
  t.true(Object.values(constants).every((value) => Number.isSafeInteger(value) && value >= 0));
  t.true(Object.isFrozen(constants));
  t.deepEqual(Object.keys(constants).sort(), [...names].sort());
});

test('a package without an addon says what to do', (t) => {
  const root = temporary(t);
  const error = t.throws(() => loadNative(root), { code: 'ERR_ADDON' });
  t.regex(error?.message ?? '', /^no addon for linux-\w+ in .*: reinstall the package/);
});

test('an addon that is no library is refused with one line and its cause', (t) => {
  const root = temporary(t);
  mkdirSync(path.join(root, 'prebuilds', `linux-${process.arch}`), { recursive: true });
  writeFileSync(path.join(root, 'prebuilds', `linux-${process.arch}`, 'wasmpoll.node'), 'text');
  const error = t.throws(() => loadNative(root), { code: 'ERR_ADDON' });
  t.notRegex(error?.message ?? '', /\n/);
  t.true(error?.cause instanceof Error);
});

test('a checkout prefers its own build, an installed package the prebuilt addon', (t) => {
  const root = temporary(t);
  t.regex(addonPaths(root)[0] ?? '', /prebuilds\/linux-\w+\/wasmpoll\.node$/);
  mkdirSync(path.join(root, 'native'));
  writeFileSync(path.join(root, 'native', 'binding.gyp'), '{}');
  t.regex(addonPaths(root)[0] ?? '', /native\/build\/Release\/wasmpoll\.node$/);
  t.is(addonPaths(root).length, 2);
});

test('the package root is the nearest folder with a package.json', (t) => {
  const root = temporary(t);
  mkdirSync(path.join(root, 'dist', 'host'), { recursive: true });
  writeFileSync(path.join(root, 'package.json'), '{}');
  t.is(packageRoot(path.join(root, 'dist', 'host')), root);
  t.throws(() => packageRoot('/proc/self'), { code: 'ERR_ADDON' });
});
