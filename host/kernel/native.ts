// The real kernel: finds the addon, and has it opened. Knows where it may lie; what it offers is in
// addon.ts.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WasmpollError } from '../errors.ts';
import type { Native } from './addon.ts';
import { openNative } from './open-addon.ts';

export type { Native, NativeEpoll, PeerCounts, SystemError } from './addon.ts';
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
  return openNative(file);
}

/** The kernel of this machine. Importing this file throws ERR_ADDON where there is none. */
export const native: Native = loadNative(packageRoot(path.dirname(fileURLToPath(import.meta.url))));
