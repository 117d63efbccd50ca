// The twin as a subject of programs.

import type { SharedLimits } from '../../host/shared/contract.ts';
import { Twin } from '../../host/shared/twin.ts';
import type { Subject } from './shared-programs.ts';

export function twinSubject(limits: SharedLimits): Subject {
  const woken: number[] = [];
  return {
    shared: new Twin(limits, (seat) => woken.push(seat)),
    eventFd: () => 0,
    woken: () => woken.splice(0).sort((a, b) => a - b),
  };
}
