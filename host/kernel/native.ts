// The real kernel: finds the addon, and has it opened. Knows where it may lie; what it offers is in
// addon.ts.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WasmpollError } from '../errors.ts';
import type { Native } from './addon.ts';
import { libc } from './libc.ts';
import { openNative } from './open-addon.ts';

export type { Native, NativeEpoll, PeerCounts, SystemError } from './addon.ts';
export type { ConstantName } from './constant-names.ts';

/** What this machine is called in the names of prebuilt addons: `linux-x64-glibc`. */
export const machine = (): string => `linux-${process.arch}-${libc()}`;

/**
 * Where the addon may lie in a package, best first. One that was built there is newer than the prebuilt one, or
 * was built because that one does not run on this machine.
 */
export const addonPaths = (root: string): string[] => [
  path.join(root, 'native', 'build', 'Release', 'wasmpoll.node'),
  path.join(root, 'prebuilds', machine(), 'wasmpoll.node'),
];

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
  const build = `build it, where g++, make and python3 are: node ${path.join(root, 'scripts', 'native.mjs')}`;
  if (file === undefined) {
    throw new WasmpollError('ERR_ADDON', `there is no addon for ${machine()} in ${root}; ${build}`);
  }
  try {
    return openNative(file);
  } catch (error) {
    const { message, cause } = error as WasmpollError;
    if (cause === undefined) throw error;
    throw new WasmpollError('ERR_ADDON', `${message}; ${build}`, { cause });
  }
}

/** The kernel of this machine. Importing this file throws ERR_ADDON where there is none. */
export const native: Native = loadNative(packageRoot(path.dirname(fileURLToPath(import.meta.url))));
