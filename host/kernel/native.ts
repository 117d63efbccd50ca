// The real kernel: finds the addon, loads it, and checks that it is of this version. Knows where it may
// lie; what it offers is in addon.ts.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, WasmpollError } from '../errors.ts';
import type { Addon, Native } from './addon.ts';
import { names } from './constant-names.ts';
import * as contract from './rows.ts';

export type { Native, NativeEpoll, SystemError } from './addon.ts';
export type { ConstantName } from './constant-names.ts';

/** Where the addon may lie in a package, best first: a checkout's own build before a prebuilt one. */
export function addonPaths(root: string): string[] {
  const built = path.join(root, 'native', 'build', 'Release', 'wasmpoll.node');
  const prebuilt = path.join(root, 'prebuilds', `linux-${process.arch}`, 'wasmpoll.node');
  const checkout = existsSync(path.join(root, 'native', 'binding.gyp'));
  return checkout ? [built, prebuilt] : [prebuilt, built];
}

/** The nearest folder at or above `start` with a package.json. Throws ERR_ADDON. */
export function packageRoot(start: string): string {
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) {
      throw new WasmpollError('ERR_ADDON', `no package.json at or above ${start}`);
    }
  }
}

/** Loads the addon of the package in `root`. Throws ERR_ADDON, with one line that says what to do. */
export function loadNative(root: string): Native {
  if (process.platform !== 'linux') {
    throw new WasmpollError(
      'ERR_ADDON',
      `wasmpoll needs Linux, whose epoll it uses; this is ${process.platform}`,
    );
  }
  const file = addonPaths(root).find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw new WasmpollError(
      'ERR_ADDON',
      `no addon for linux-${process.arch} in ${root}: reinstall the package, ` +
        'or build it in a checkout with node scripts/native.mjs',
    );
  }
  return toNative(requireAddon(file), file);
}

function requireAddon(file: string): Addon {
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (error) {
    throw new WasmpollError('ERR_ADDON', `the addon cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function toNative(addon: Addon, file: string): Native {
  const expected: Readonly<Record<string, unknown>> = { ...contract };
  const differing = Object.keys(expected).filter((name) => addon.layout?.[name] !== expected[name]);
  const missing = names.filter((name) => typeof addon.constants?.[name] !== 'number');
  if (differing.length + missing.length > 0) {
    const what = [...differing, ...missing].join(', ');
    throw new WasmpollError(
      'ERR_ADDON',
      `${file} is of another version (${what} differ): build or install it again`,
    );
  }
  const { Epoll, Io, layout: _layout, ...calls } = addon;
  return Object.freeze({
    ...calls,
    epoll: (fd?: number) => new Epoll(fd),
    io: (rows: Int32Array) => new Io(rows),
  });
}

/** The kernel of this machine. Importing this file throws ERR_ADDON where there is none. */
export const native: Native = loadNative(packageRoot(path.dirname(fileURLToPath(import.meta.url))));
