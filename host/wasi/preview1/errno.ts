// Error numbers: the kernel's become WASI's here, and nowhere else.

import { E } from './numbers.ts';

const known: Readonly<Record<string, number>> = E;
const HIGHEST_ERRNO = 133;

/** WASI's number for the name of an errno; IO for one that WASI has not. */
export function wasiErrorOf(name: string | undefined): number {
  // Linux has two names for one meaning.
  if (name === 'EOPNOTSUPP') return E.NOTSUP;
  return known[(name ?? '').slice(1)] ?? E.IO;
}

/** WASI's error numbers by Linux's. */
export function errorTable(errorName: (errno: number) => string): Uint8Array {
  return Uint8Array.from({ length: HIGHEST_ERRNO + 1 }, (_, errno) =>
    errno === 0 ? E.SUCCESS : wasiErrorOf(errorName(errno)),
  );
}
