// Files: what a build has read, and whether any of it is another one by now. It knows stamps, and not what is in
// a file.

import { statSync } from 'node:fs';

/** Each file that a compiler has asked for, by its absolute path, with its stamp before it was read. */
export type FilesRead = Readonly<Record<string, string>>;

/** Another stamp means another content, or a file written anew; empty if there is no such file. */
export function stampOf(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return '';
  return `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

/** The first of the files that is another one than when it was read; null if all are as they were. */
export function changedAmong(files: FilesRead): string | null {
  return Object.keys(files).find((file) => stampOf(file) !== files[file]) ?? null;
}

/** The same files, as they are now. */
export function stampedNow(files: FilesRead): FilesRead {
  return Object.fromEntries(Object.keys(files).map((file) => [file, stampOf(file)]));
}
