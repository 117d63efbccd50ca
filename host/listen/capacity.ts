// Capacity: how many connections the process can have open. It counts the descriptors that are open, and
// those that will be.

import { WasmpollError } from '../errors.ts';
import { openDescriptors, THREAD_DESCRIPTORS } from '../kernel/descriptors.ts';
import type { Native } from '../kernel/native.ts';

// Left to everything else in the process; redis keeps as many. Of a low limit no more than a quarter of what
// there is.
const RESERVED_DESCRIPTORS = 32;
const RESERVED_PART = 1 / 4;

/**
 * How many connections the limit of descriptors leaves room for now; may be negative.
 * @param ahead descriptors that will be opened for other things
 */
export function connectionsPossible(native: Native, ahead = 0): number {
  const left = descriptorsLeft(native) - ahead;
  return left - reserveOf(left);
}

/** How many descriptors connections that may be refused can take for a moment: half of the reserve. */
export const waitingPossible = (native: Native): number =>
  Math.max(0, Math.floor(reserveOf(descriptorsLeft(native)) / 2));

const descriptorsLeft = (native: Native): number =>
  native.fileLimit() - openDescriptors() - THREAD_DESCRIPTORS;

const reserveOf = (left: number): number =>
  Math.min(RESERVED_DESCRIPTORS, Math.ceil(left * RESERVED_PART));

/**
 * The most connections that there may be.
 * @param wanted by the policy
 * @param ahead as for `connectionsPossible`
 * @throws WasmpollError ERR_OPTION when there is room for none
 */
export function fitDescriptors(native: Native, wanted: number, ahead = 0): number {
  const possible = connectionsPossible(native, ahead);
  if (possible >= 1) return Math.min(wanted, possible);
  throw new WasmpollError(
    'ERR_OPTION',
    `the limit of ${native.fileLimit()} file descriptors is too low; raise it (ulimit -n)`,
  );
}
