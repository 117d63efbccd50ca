// Upstreams: how each is doing, in words. It knows no page and no terminal.

import { count } from './figures.ts';
import type { SeenUpstream } from './seen.ts';

/** Connections that could not be made. */
export const failuresOf = ({ failed }: Pick<SeenUpstream, 'failed'>): number =>
  Object.values(failed).reduce((sum, value) => sum + value, 0);

/** Why they could not, the most frequent first. */
export const whyOf = ({ failed }: Pick<SeenUpstream, 'failed'>): string =>
  Object.entries(failed)
    .sort(([, one], [, other]) => other - one)
    .map(([kind, value]) => `${kind} ${count(value)}`)
    .join(', ');

/** How many of its targets are in service, and which rest. */
export function targetsOf({ targets }: Pick<SeenUpstream, 'targets'>): string {
  const resting = targets.filter((target) => target.resting);
  if (targets.length === 0) return 'named by the guest';
  if (resting.length === 0) return `${targets.length} in service`;
  const addresses = resting.map(({ address }) => address).join(', ');
  return `${resting.length} of ${targets.length} rest: ${addresses}`;
}
