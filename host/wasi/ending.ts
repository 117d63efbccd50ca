// Ending: what is said of a run that has ended badly: a trap, a hang, a memory at its limit. It knows
// words, and ends nothing.

import { WasmpollError } from '../errors.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A command that trapped; `remark` is what `memoryRemark` says. */
export const trapOf = (name: string, message: string, remark: string | null): WasmpollError =>
  new WasmpollError('ERR_TRAP', `${name}: trap: ${message}${remark === null ? '' : `; ${remark}`}`);

/** A command that had to be terminated. */
export function hangOf(name: string, graceMs: number, aborted: boolean): WasmpollError {
  const late = aborted ? 'when it was aborted' : `within ${graceMs} ms of its stop`;
  return new WasmpollError('ERR_HUNG', `${name}: did not end ${late}, and was terminated`);
}

/**
 * What is to be said of the memory of a command that has failed: nothing, unless it may have died of the
 * limit. Nobody tells the host that memory could not grow. At its limit it is when a sixteenth would not
 * fit any more; over half of it, it cannot be doubled, which is how many a program grows.
 */
export function memoryRemark(bytes: number, limit: number): string | null {
  if (bytes * 2 <= limit) return null;
  const most = `its limit of ${shown(limit)}; see --guest-memory`;
  if (bytes > limit - limit / 16) return `the guest's memory is at ${most}`;
  return `the guest's memory is ${shown(bytes)} of ${most}`;
}

const shown = (bytes: number): string =>
  bytes >= MiB ? `${Math.floor(bytes / MiB)} MiB` : `${Math.floor(bytes / KiB)} KiB`;
