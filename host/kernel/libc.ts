// Libc: which C library this process runs with, and so which prebuilt addon it can load. Knows files of Linux only.

import { closeSync, openSync, readSync } from 'node:fs';

export type Libc = 'glibc' | 'musl';

/** The interpreter stands behind the headers of an executable; those of Node fill less than a page. */
const HEAD_BYTES = 4096;

/** The C library that an executable asks for, by its interpreter; undefined if its first page names none. */
export function libcOf(executable: string): Libc | undefined {
  const head = Buffer.alloc(HEAD_BYTES);
  const fd = openSync(executable, 'r');
  try {
    readSync(fd, head, 0, HEAD_BYTES, 0);
  } finally {
    closeSync(fd);
  }
  if (head.includes('/ld-musl-')) return 'musl';
  return head.includes('/ld-linux') ? 'glibc' : undefined;
}

/** That of this process. Node's own report takes much longer, so it is asked last. */
export function libc(executable = '/proc/self/exe'): Libc {
  const named = libcOf(executable);
  if (named !== undefined) return named;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
