// Capacity: how many connections the process can have open. It counts descriptors, and opens none.

import { WasmpollError } from '../errors.ts';
import type { Native } from '../kernel/native.ts';

// Descriptors that are left to everything else in the process; redis keeps as many.
const RESERVED_DESCRIPTORS = 32;

/** How many connections the limit of descriptors leaves room for; may be negative. */
export const connectionsPossible = (native: Native): number =>
  native.fileLimit() - RESERVED_DESCRIPTORS;

/**
 * The policy with no more connections than there can be descriptors.
 * @throws WasmpollError ERR_OPTION when there can be none
 */
export function fitDescriptors<Fitted extends { readonly maxConnections: number }>(
  native: Native,
  policy: Fitted,
): Fitted {
  const possible = connectionsPossible(native);
  if (possible >= policy.maxConnections) return policy;
  if (possible < 1) {
    throw new WasmpollError(
      'ERR_OPTION',
      `the limit of ${native.fileLimit()} file descriptors is too low; raise it (ulimit -n)`,
    );
  }
  return { ...policy, maxConnections: possible };
}
