// Watch: waits until one of the files that a build has read is another one. It watches their folders, since editors
// put a new file in the place of the old one, and looks itself where no event comes.

import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import { changedAmong, type FilesRead } from './files.ts';

// A save is a few events within a millisecond or two, and ten for some editors.
const QUIET_MS = 50;
// Folders that are made anew, mounts that tell nothing, and watches that the system has no room for.
const STAMPS_MS = 1000;

/**
 * Resolves with the first file that is no more as it was when it was read, at once if one is already.
 * @param signal when aborted, it resolves with null
 */
export function changed(files: FilesRead, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const watchers: FSWatcher[] = [];
    let quiet: NodeJS.Timeout | undefined;
    const end = (file: string | null): void => {
      clearTimeout(quiet);
      clearInterval(looking);
      signal.removeEventListener('abort', aborted);
      for (const watcher of watchers) watcher.close();
      resolve(file);
    };
    const aborted = (): void => end(null);
    const look = (): void => {
      const file = changedAmong(files);
      if (file !== null) end(file);
    };
    const event = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(look, QUIET_MS);
    };
    const looking = setInterval(look, STAMPS_MS);
    for (const folder of new Set(Object.keys(files).map((file) => path.dirname(file)))) {
      const watcher = watchFolder(folder, event);
      if (watcher !== null) watchers.push(watcher);
    }
    signal.addEventListener('abort', aborted);
    // Once everything is watched: what has changed before tells no more.
    if (signal.aborted) end(null);
    else look();
  });
}

/** @returns null when there is no such folder, or no room for another watch */
function watchFolder(folder: string, event: () => void): FSWatcher | null {
  try {
    const watcher = watch(folder, event);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
