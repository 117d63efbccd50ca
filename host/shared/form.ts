// Form: how many bytes the parts of a record take in the log. The words in it are in records.ts.

import { RECORD } from './records.ts';

/** Bytes of a word. */
export const WORD = 4;
/** What stands before the bytes of a record. */
export const HEAD_BYTES = RECORD * WORD;
/** Each record begins at a multiple of so many bytes. */
export const ALIGNMENT = 8;

/** So many bytes, rounded up to where the next record may begin. */
export const aligned = (bytes: number): number => (bytes + ALIGNMENT - 1) & -ALIGNMENT;
