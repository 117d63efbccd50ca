// Scratch: a folder for what lasts no longer than a command. It knows why there may be none, and what to say then.

import { mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { messageOf, WasmpollError } from '../errors.ts';

/** A linker that runs out of room dies of a signal, so it is asked before. A module and its map take less. */
const LEAST_MIB = 4;
const LEAST_BYTES = LEAST_MIB * 1024 * 1024;

/**
 * Makes a folder of its own among the temporary ones.
 * @throws WasmpollError ERR_OPTION when there is none, or no room in it
 */
export async function makeScratch(prefix: string): Promise<string> {
  const all = tmpdir();
  const { blocks, bavail, bsize } = await statfs(all).catch((error) => {
    throw unusable(messageOf(error), error);
  });
  // Some file systems do not say how large they are.
  if (blocks > 0 && bavail * bsize < LEAST_BYTES) {
    throw unusable(`'${all}' has less than ${LEAST_MIB} MiB free`);
  }
  return mkdtemp(path.join(all, prefix)).catch((error) => {
    throw unusable(messageOf(error), error);
  });
}

function unusable(why: string, cause?: unknown): WasmpollError {
  const advice = 'set TMPDIR to a folder that can be written to';
  return new WasmpollError('ERR_OPTION', `no room for temporary files: ${why}; ${advice}`, {
    cause,
  });
}
