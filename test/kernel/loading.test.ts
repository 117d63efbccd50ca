// How the addon is found, and what it says of itself once it is loaded.

import { mkdirSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { names } from '../../host/kernel/constant-names.ts';
import { libc, libcOf } from '../../host/kernel/libc.ts';
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
  const said =
    /^there is no addon for linux-\w+-\w+ in \S+; build it, .*: node \S+\/scripts\/native\.mjs$/;
  t.regex(error?.message ?? '', said);
});

test('an addon that does not load is refused with one line, its cause, and what to do', (t) => {
  const root = temporary(t);
  const file = addonPaths(root)[1]!;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'text');
  const error = t.throws(() => loadNative(root), { code: 'ERR_ADDON' });
  t.regex(error?.message ?? '', /^the addon cannot be loaded: .*; build it, .*native\.mjs$/);
  t.true(error?.cause instanceof Error);
});

test('an addon that was built here comes before a prebuilt one for this machine', (t) => {
  const [built, prebuilt, ...rest] = addonPaths('/package');
  t.is(built, '/package/native/build/Release/wasmpoll.node');
  t.is(prebuilt, `/package/prebuilds/linux-${process.arch}-${libc()}/wasmpoll.node`);
  t.deepEqual(rest, []);
});

test('the C library is that of the executable, as its interpreter says, or as Node reports it', (t) => {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  t.is(libc(), header.glibcVersionRuntime === undefined ? 'musl' : 'glibc');
  const folder = temporary(t);
  const file = (name: string, content: string): string => {
    writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  t.is(libcOf(file('alpine', '\x7fELF\0/lib/ld-musl-aarch64.so.1\0')), 'musl');
  t.is(libcOf(file('debian', '\x7fELF\0/lib64/ld-linux-x86-64.so.2\0')), 'glibc');
  const moved = file('moved', '\x7fELF');
  t.is(libcOf(moved), undefined);
  t.is(libc(moved), libc());
});

test('the package root is the nearest folder with a package.json', (t) => {
  const root = temporary(t);
  mkdirSync(path.join(root, 'dist', 'host'), { recursive: true });
  writeFileSync(path.join(root, 'package.json'), '{}');
  t.is(packageRoot(path.join(root, 'dist', 'host')), root);
  t.throws(() => packageRoot('/proc/self'), { code: 'ERR_ADDON' });
});
