// Guest metrics: what guests count, under `wasmpoll_guest_` and the guest's own name. It knows no unit: that is the
// guest's as well.

import type { GuestMetrics } from '../memory/counts/metrics.ts';
import type { Exposition } from './exposition.ts';

/** A name that a family of another kind has, here or in another service, gets its kind behind it. */
export function guestMetrics(out: Exposition, service: string, guest: GuestMetrics): void {
  const labels = { service };
  for (const [name, metric] of Object.entries(guest)) {
    const help = `The guest's ${metric.kind} '${name}'.`;
    const free = out.nameFor(`wasmpoll_guest_${name}`, metric.kind);
    if (metric.kind === 'histogram') out.histogram(free, help, labels, metric);
    else out[metric.kind](free, help, labels, metric.value);
  }
}
