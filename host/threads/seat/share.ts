// Share: the part of the policy that one worker keeps to. It knows numbers only.

import { WasmpollError } from '../../errors.ts';
import type { Policy } from '../../policy.ts';

/**
 * What is the whole server's is shared out.
 * @throws WasmpollError ERR_POLICY when the pool cannot be
 */
export function sharePolicy(policy: Policy, workers: number): Policy {
  const poolBytes = Math.floor(policy.poolBytes / workers);
  const maxPending = Math.floor(policy.maxPending / workers);
  if (poolBytes >= policy.maxBacklogBytes) return { ...policy, poolBytes, maxPending };
  throw new WasmpollError(
    'ERR_POLICY',
    `policy.poolBytes: must be at least maxBacklogBytes for each of ${workers} workers, ` +
      `got ${policy.poolBytes} and ${policy.maxBacklogBytes}`,
  );
}
